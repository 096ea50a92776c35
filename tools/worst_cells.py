"""A search for 16×16 cells that a decoded picture gets wrong: many small pictures drawn by code, and their worst cells.

    python tools/worst_cells.py --count 20000 --seed 7 [--model photo] [--bound DB] [--save FOLDER]
    python tools/worst_cells.py --count 300 --pictures VAL --half --jobs 2

Picture N of a seed is always the same (where the same fonts are installed): saturated shapes, rings, text of all
sizes, gradients of 1 to 3 channels, checkerboards and stripes of each period and angle, dithers, noise, fax pages,
screens, charts, line art, photographs with and without lettering, and patches of one on another; one in ten is grey.
Photographs are crops of the sample picture, or of those of a folder (--pictures). Sides are 32 to 160 pixels, and 256
pictures in a row are shifted by each of 16×16 pixels against what was drawn. Each is encoded and decoded at qualities
10, 40, 60 and 90 (--qualities). A cell is judged by its PSNR, beside that of its own mean colour: what is worse than
that is of no use, and is *bad* if it is also below 30 dB (flat cells are soon worse than their one colour). Printed
are the shares of such pictures, for each kind and quality, and the worst cells with what makes them again. At the end
stands how many pictures have a cell with a larger error than the model promises (`cell_errors` in its model.json).

--half encodes with the encoder's half of the model (aezip.embed), which promises nothing: at the end stands how many
pictures have a cell below 15 dB which the whole model has above 20 dB. --one N draws and judges picture N alone; --save
writes the listed pictures, original beside decoded. Exit code 1: a cell is below --bound (dB), or, without --half, has
a larger error than is promised.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import Pixels, parser, pictures, sheet
from hard_pictures import draw
from numpy.typing import NDArray

import aezip
from aezip import embed
from aezip.coding import cells
from aezip.engine.cores import cores
from aezip.format.geometry import CELL_SIZE
from aezip.model import store, writing

Squares = NDArray[np.float64]  # of cells: [rows, columns]
BAD_DB, FLAT_DB = 30.0, 99.0
LOST_DB, KEPT_DB = 15.0, 20.0  # of a cell, by half a model and by the whole
ROUNDED = 1 + 1e-5  # the encoder counts in float32
SAMPLE = Path(aezip.__file__).parent / "samples" / "sample.png"


class Cell(NamedTuple):
    """A cell of a decoded picture, and how to have it again."""

    number: int
    kind: str
    size: tuple[int, int]  # rows, columns
    shift: tuple[int, int]
    quality: int
    row: int  # of the cell
    column: int
    psnr_db: float
    mean_db: float  # of its mean colour

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{self.psnr_db:6.2f} dB, mean colour {self.mean_db:6.2f} dB: quality {self.quality}, row {self.row}, "
            f"column {self.column} of --one {self.number} ({self.kind}, {width}×{height}, shift {self.shift[1]},"
            f"{self.shift[0]})"
        )


class Found(NamedTuple):
    """What came of a picture."""

    kind: str
    worst: Cell  # of lowest PSNR
    useless: Cell | None  # of lowest PSNR among those worse than their mean colour
    bad: tuple[int, ...]  # qualities with such a cell below BAD_DB
    broken: tuple[int, ...]  # qualities with a cell whose error is larger than the model promises
    lost: tuple[int, ...]  # qualities with a cell that half a model gets wrong and the whole gets right


def cell_sums(values: Squares) -> Squares:
    """[H, W] → sums of cells; those at the right and lower edge may be smaller."""
    rows, columns = (np.arange(0, size, CELL_SIZE) for size in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, 0), columns, 1))


def cell_psnr(pixels: Pixels, decoded: Pixels) -> tuple[Squares, Squares]:
    """PSNR in dB of each cell and of its mean colour, FLAT_DB at most."""
    x = pixels.astype(float)
    count = cell_sums(np.ones(x.shape[:2]))
    errors = cell_sums(((x - decoded) ** 2).sum(2))
    spread = sum(cell_sums(v**2) - cell_sums(v) ** 2 / count for v in np.moveaxis(x, 2, 0))
    least = 255**2 / 10 ** (FLAT_DB / 10)
    one, other = (10 * np.log10(255**2 / np.maximum(e / count / x.shape[2], least)) for e in (errors, spread))
    return one, other


class Judge:
    """An encoder and a decoder, and the pictures that they are tried on."""

    def __init__(self, model: str, half: str | None, qualities: tuple[int, ...], seed: int, files: tuple[str, ...]):
        self.qualities, self.seed, self.files = qualities, seed, files
        self.codec = aezip.Codec(model, threads=1)
        self.half = half
        self.encode = embed.Encoder(half, threads=1).encode if half else self.codec.encode

    def decoded(self, pixels: Pixels, quality: int) -> Pixels:
        """There and back."""
        return self.shown(self.encode(pixels, quality), pixels)

    def shown(self, data: bytes, pixels: Pixels) -> Pixels:
        """What a file shows, as the pixels of the original lie."""
        return np.asarray(self.codec.decode(data)[0]).reshape(pixels.shape)

    def of(self, number: int) -> Found:
        """Picture `number`, at all qualities."""
        pixels, kind, shift = draw(self.seed, number, self.files)
        lowest: list[Cell] = []
        useless: list[Cell] = []
        broken: list[int] = []
        lost: list[int] = []
        classes = cells.activity(pixels)
        for quality in self.qualities:
            psnr, mean = cell_psnr(pixels, self.decoded(pixels, quality))
            bounds = cells.bounds(classes, self.codec.package, 10 * quality)
            if (255**2 / 10 ** (psnr / 10) > bounds * ROUNDED).any():
                broken.append(quality)
            if self.half and (psnr < LOST_DB).any():
                whole = self.shown(self.codec.encode(pixels, quality), pixels)
                if ((psnr < LOST_DB) & (cell_psnr(pixels, whole)[0] > KEPT_DB)).any():
                    lost.append(quality)
            for listed, by in ((lowest, psnr), (useless, np.where(psnr < mean, psnr, np.inf))):
                row, column = (int(n) for n in np.unravel_index(by.argmin(), by.shape))
                if np.isfinite(by[row, column]):
                    listed.append(
                        Cell(
                            number,
                            kind,
                            pixels.shape[:2],
                            shift,
                            quality,
                            row,
                            column,
                            round(float(psnr[row, column]), 2),
                            round(float(mean[row, column]), 2),
                        )
                    )
        bad = tuple(cell.quality for cell in useless if cell.psnr_db < BAD_DB)
        worst, least = min(lowest, key=decibels), min(useless, key=decibels, default=None)
        return Found(kind, worst, least, bad, tuple(broken), tuple(lost))


def decibels(cell: Cell) -> float:
    return cell.psnr_db


_judge: Judge


def _begin(*given: object) -> None:
    global _judge
    _judge = Judge(*given)  # type: ignore[arg-type]


def _of(number: int) -> Found:
    return _judge.of(number)


def campaign(jobs: int, numbers: range, given: tuple[object, ...]) -> Iterator[Found]:
    """All pictures, by several processes, in order."""
    with multiprocessing.get_context("spawn").Pool(jobs, _begin, given) as pool:
        for done, found in enumerate(pool.imap(_of, numbers, 16), 1):
            if done % 1000 == 0:
                print(f"{done:,} pictures", file=sys.stderr, flush=True)
            yield found


def report(found: list[Found], qualities: tuple[int, ...], most: int) -> list[Cell]:
    """Print the shares of each kind, and the worst cells, which are returned."""
    groups: dict[str, list[Found]] = {"all": found}
    for one in found:
        groups.setdefault(one.kind.split(" +")[0].split(",")[0], []).append(one)
    print("% of pictures with a cell worse than its mean colour; with such a cell below 30 dB, in all and by quality")
    heads = "".join(f"{head:>8}" for head in ("worse", "bad", *qualities))
    print(f"{'kind':<14}{'pictures':>9}{heads}{'lowest dB':>12}")
    for kind, own in sorted(groups.items(), key=lambda item: -np.mean([bool(f.bad) for f in item[1]])):
        shares = [[f.useless is not None for f in own], [bool(f.bad) for f in own]]
        shares += [[quality in f.bad for f in own] for quality in qualities]
        print(
            f"{kind:<14}{len(own):9,}"
            + "".join(f"{100 * np.mean(share):8.1f}" for share in shares)
            + f"{min(f.worst.psnr_db for f in own):12.2f}"
        )
    worst = sorted((f.worst for f in found), key=decibels)[:most]
    useless = sorted((f.useless for f in found if f.useless), key=decibels)[:most]
    for title, listed in (("cells of lowest PSNR", worst), ("of those worse than their mean colour", useless)):
        print(f"\n{title}:", *listed, sep="\n")
    return [*worst, *useless]


def save(folder: Path, judge: Judge, listed: Iterable[Cell]) -> None:
    """Original and decoded, side by side, with a cell's number, quality and place for a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for cell in listed:
        pixels = draw(judge.seed, cell.number, judge.files).pixels
        both = [("", np.broadcast_to(p, (*p.shape[:2], 3))) for p in (pixels, judge.decoded(pixels, cell.quality))]
        sheet([both], gap=2, line=0).save(folder / f"{cell.number}-q{cell.quality}-{cell.row}-{cell.column}.png")


def main() -> int:
    options = parser(
        __doc__,
        count=20000,
        seed=0,
        model="photo",
        bound=0.0,
        pictures=str,
        half=False,
        save=Path,
        jobs=cores(),
        most=20,
        one=int,
        qualities="10,40,60,90",
    )
    given = options.parse_args()
    files = tuple(str(file) for file in (pictures(given.pictures) if given.pictures else [SAMPLE]))
    numbers = range(given.count) if given.one is None else range(given.one, given.one + 1)
    with tempfile.TemporaryDirectory() as folder:
        half = None
        if given.half:
            half = f"{folder}/half.aezm"
            Path(half).write_bytes(writing.split(store.find_codec(given.model), "encoder"))
        qualities = tuple(map(int, given.qualities.split(",")))
        settings = given.model, half, qualities, given.seed, files
        found = list(campaign(min(given.jobs, len(numbers)), numbers, settings))
        listed = report(found, qualities, given.most)
        if given.save:
            save(given.save, Judge(*settings), dict.fromkeys(listed))
    below = sum(f.worst.psnr_db < given.bound for f in found)
    broken = sum(bool(f.broken) for f in found)
    print(f"\n{below} of {len(found):,} pictures have a cell below {given.bound:g} dB")
    print(f"{broken} have a cell with a larger error than the model promises")
    if given.half:
        lost = ", ".join(f"{sum(q in f.lost for f in found)} at {q}" for q in qualities)
        total = sum(bool(f.lost) for f in found)
        print(
            f"{total} have a cell below {LOST_DB:g} dB which the whole model has above {KEPT_DB:g} dB (quality: {lost})"
        )
    return int(below > 0 or (broken > 0 and not given.half))


if __name__ == "__main__":
    sys.exit(main())
