"""How well `aezip anomaly` finds defects of real parts: a table as text, a line for each folder.

    python tools/measure_anomaly.py SETS/* [--model photo] [--autoencoder vae] [--train STEPS]

Folders are laid out as MVTec AD is: train/good, test/good, test/KIND for each kind of defect, and, if there are masks
of defects, ground_truth/KIND/NAME_mask.png. AUROC is the share of pairs in which the anomalous picture (or pixel of a
mask) scores higher. Times are seconds for each picture, of one thread: encoding by the codec, fitting, scoring.
--train: with a network for each folder, trained by all processors; fitting is without that training then.
--autoencoder: also what the reconstruction error of that model tells, the largest mean square of 16×16 pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import Pixels, auroc, parser, pictures, read
from numpy.typing import NDArray

import aezip
from aezip.cli import training
from aezip.format.geometry import LATENT_STRIDE
from aezip.tasks.anomaly import measures
from aezip.tasks.anomaly.measures import Fit, Profile
from aezip.tasks.features.vectors import Latents

THINNED = 7  # every so many pixels count for the pixels' AUROC
ENCODED = 5  # pictures that the codec is timed with
Numbers = NDArray[np.float64]


def fitted(latents: Latents, files: list[Path], steps: int = 0) -> tuple[Profile, float]:
    """And the seconds of the training that is part of it."""
    seconds = 0.0

    def train(folder: Path) -> bytes:
        nonlocal seconds
        start = time.perf_counter()
        graph = training.graph_of(folder, steps=steps, quiet=True)
        seconds = time.perf_counter() - start
        return graph

    with TemporaryDirectory() as folder:
        fit = Fit(latents, copies=Path(folder) if steps else None)
        for file in files:
            fit.add(lambda file=file: read(file))  # type: ignore[misc]
        return fit.profile(train if steps else None), seconds


def tests(folder: Path) -> Iterator[tuple[Path, bool, Path | None]]:
    """Of each picture its file, whether it is anomalous, and the mask of its defect."""
    for kind in sorted(path for path in (folder / "test").iterdir() if path.is_dir()):
        for file in pictures(kind):
            mask = folder / "ground_truth" / kind.name / f"{file.stem}_mask.png"
            yield file, kind.name != "good", mask if mask.exists() else None


def pixelwise(heat: NDArray[np.float32], mask: Pixels) -> tuple[Numbers, NDArray[np.bool_]]:
    """Heat and mask at the pixels that cells cover, thinned."""
    spread = np.kron(heat, np.ones((LATENT_STRIDE, LATENT_STRIDE), np.float32))
    covered = mask[: spread.shape[0], : spread.shape[1], 0] > 0
    return spread.ravel()[::THINNED].astype(np.float64), covered.ravel()[::THINNED]


def reconstruction(codec: aezip.Codec, pixels: Pixels) -> float:
    """The largest mean square error of a cell."""
    made = np.asarray(codec.decompress(codec.compress(pixels, quality=60)), np.float32)
    wrong = np.square(made.reshape(pixels.shape) - pixels).mean(2)
    side = LATENT_STRIDE
    h, w = (n // side for n in wrong.shape)
    return float(wrong[: side * h, : side * w].reshape(h, side, w, side).mean((1, 3)).max())


def encoding(codec: aezip.Codec, files: list[Path]) -> float:
    """Seconds for a picture, after one that warms up."""
    some = [read(file) for file in files[: ENCODED + 1]]
    codec.compress(some[0])
    start = time.perf_counter()
    for pixels in some[1:]:
        codec.compress(pixels)
    return (time.perf_counter() - start) / max(len(some) - 1, 1)


def line(folder: Path, model: str, autoencoder: str | None, steps: int) -> str:
    """The figures of one folder."""
    latents, normal = Latents(model, threads=1), pictures(folder / "train" / "good")
    start = time.perf_counter()
    profile, train_s = fitted(latents, normal, steps)
    fit_s = (time.perf_counter() - start - train_s) / len(normal)
    other = aezip.Codec(autoencoder, threads=1) if autoencoder else None
    scores: dict[bool, list[float]] = {False: [], True: []}
    errors: dict[bool, list[float]] = {False: [], True: []}
    places, score_s = [], 0.0
    for file, anomalous, mask in tests(folder):
        pixels = read(file)
        start = time.perf_counter()
        found = measures.score(profile, measures.seen(latents, pixels, profile))
        score_s += time.perf_counter() - start
        scores[anomalous].append(found.value)
        if other:
            errors[anomalous].append(reconstruction(other, pixels))
        if mask or not anomalous:
            places.append(pixelwise(found.map, read(mask) if mask else np.zeros_like(pixels)))
    image = auroc(scores[False], scores[True])
    heat, covered = (np.concatenate(part) for part in zip(*places, strict=True))
    pixel = f"{auroc(heat[~covered], heat[covered]):.3f}" if covered.any() else "–"
    error = f"{auroc(errors[False], errors[True]):.3f}" if other else "–"
    encode_s = encoding(aezip.Codec(model, threads=1), normal)
    score_s /= sum(map(len, scores.values()))
    counts = f"{len(normal)}, {len(scores[False])} + {len(scores[True])}"
    kind = "alike" if profile.alike else "apart"
    times = f"{encode_s:.3f} {fit_s:.3f} {score_s:.3f}" + (f" {train_s:.0f}" if steps else "")
    return f"{folder.name:20} {counts:>14} {kind} {image:.3f} {pixel:>5} {error:>5} {times}"


def main() -> None:
    given = parser(__doc__, "folders+", model="photo", autoencoder=str, train=0).parse_args()
    print(f"{'':20} {'pictures':>14} parts image pixel error encode fit score{' train' if given.train else ''}")
    for folder in given.folders:
        print(line(Path(folder), given.model, given.autoencoder, given.train), flush=True)


if __name__ == "__main__":
    main()
