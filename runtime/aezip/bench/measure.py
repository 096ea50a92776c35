"""Measuring codecs on a folder of pictures: rate, distortion, time, memory.

Rates count the bytes of whole files; distortions compare 8-bit pictures, decoded from those files.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from .. import images
from ..arrays import Image8
from ..coding.windows import in_channels
from ..errors import AezipError, ImageError, UsageError
from ..quality.metrics import bits_per_pixel, ms_ssim, psnr_db
from ..quality.ssimulacra2 import ssimulacra2
from . import peers
from .butteraugli import distance
from .curves import Curve, Point, bd_table, curves
from .peers import Peer

LOSSLESS = {".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp"}

Distance = Callable[[Image8, Image8, str], float]  # of two pictures, and their name
Failed = Callable[[Exception, str], None]  # takes an error, and what it is about


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    folder: Path
    files: list[Path]
    models: dict[str, str]  # name → as it was asked for
    peers: list[Peer]
    missing: list[str]  # codecs that this Pillow does not have

    @property
    def steps(self) -> int:
        """Files to make."""
        return len(self.files) * self.steps_each

    @property
    def steps_each(self) -> int:
        """Files to make of each picture."""
        return sum(len(peer.settings) for peer in self.peers)


@dataclass(frozen=True)
class Comparison:
    """What codecs did with the pictures of a folder; by name."""

    title: str
    pictures: dict[str, Image8]
    peers: list[Peer]
    points: list[Point]
    curves: list[Curve]
    bd_rates: dict[str, dict[str, float]]  # as of `bd_table`
    memory_mb: dict[str, float]

    def as_json(self) -> str:
        """Everything that was measured; what was not, or is infinite, is null."""
        return json.dumps(
            _finite(
                {
                    "pictures": list(self.pictures),
                    "codecs": {peer.name: peer.what for peer in self.peers},
                    "bd_rate_percent": self.bd_rates,
                    "memory_mb": self.memory_mb,
                    "curves": [asdict(c) for c in self.curves],
                    "points": [asdict(p) for p in self.points],
                }
            ),
            indent=1,
        )


def _finite(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _finite(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def plan(
    folder: Path,
    models: Sequence[str],
    qualities: Sequence[float],
    codecs: Sequence[str],
    *,
    limit: int | None = None,
    threads: int | None = None,
) -> Plan:
    """Models and classic codecs on the lossless pictures of a folder, or on the first `limit` of them.

    Raises ImageError without pictures, UsageError for an unknown codec or two models of one name, and as `Codec`.
    """
    there = peers.classic(codecs)
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in LOSSLESS)[:limit]
    if not files:
        raise ImageError("holds no pictures", "lossless ones (png, ppm, bmp, tiff, webp)", file=str(folder))
    ours = [peers.aezip(model, qualities, threads=threads) for model in models]
    names = {peer.name: model for peer, model in zip(ours, models, strict=True)}
    if len(names) < len(models):
        raise UsageError("two models have the same name")
    missing = [name for name in codecs if name not in {peer.name for peer in there}]
    return Plan(folder, files, names, [*ours, *there], missing)


def compare(
    plan: Plan,
    *,
    similarity: bool = True,
    butteraugli: bool = False,
    say: Callable[[str], None] = print,
    step: Callable[[int], None] = lambda _: None,
    failed: Failed,
) -> Comparison:
    """Make the files of a plan and measure them.

    A picture that cannot be read is left out, and so is a codec that cannot code all others. similarity: measure
    MS-SSIM and SSIMULACRA2, too; butteraugli: this, too, NaN where it fails; say: takes a line for each codec; step:
    takes how many of `plan.steps` were done.  Raises ImageError if no picture can be read.
    """
    pictures = _read(plan, step, failed)
    tried = _tried(failed) if butteraugli else None
    players: list[Peer] = []
    points: list[Point] = []
    memory: dict[str, float] = {}
    for player in plan.peers:
        made: list[Point] = []
        try:
            for point in measure(player, pictures, similarity=similarity, butteraugli=tried):
                made.append(point)
                step(1)
        except Exception as error:  # whatever an encoder has
            failed(error, f"{player.what}, left out")
            step(len(pictures) * len(player.settings) - len(made))
            continue
        players.append(player)
        points += made
        memory[player.name] = _memory(plan, player, next(iter(pictures)))
        say(f"{player.what}: {len(made)} files")
    found = curves(points)
    title = f"{len(pictures)} pictures of {plan.folder.name}"
    return Comparison(title, pictures, players, points, found, bd_table(found), memory)


def _read(plan: Plan, step: Callable[[int], None], failed: Failed) -> dict[str, Image8]:
    pictures = {}
    for file in plan.files:
        try:
            pictures[file.name] = read_rgb(file)
        except (AezipError, OSError) as error:
            failed(error, str(file))
            step(plan.steps_each)
    if not pictures:
        raise ImageError("holds no picture that can be read", file=str(plan.folder))
    return pictures


def _tried(failed: Failed) -> Distance:
    def tried(original: Image8, other: Image8, name: str) -> float:
        try:
            return distance(original, other)
        except AezipError as error:
            failed(error, name)
            return math.nan

    return tried


def read_rgb(file: Path) -> Image8:
    """The pixels of an image file; grey ones become RGB.  [H, W, 3]  Raises ImageError."""
    return in_channels(images.read(file).pixels, 3)


def measure(
    peer: Peer,
    pictures: dict[str, Image8],
    settings: Sequence[float] | None = None,
    similarity: bool = True,
    butteraugli: Distance | None = None,
) -> Iterator[Point]:
    """Code every picture at every setting.  The first file is coded twice and timed once."""
    settings = settings or peer.settings
    peer.decode(peer.encode(next(iter(pictures.values())), settings[0]))
    for name, pixels in pictures.items():
        for setting in settings:
            start = perf_counter()
            data = peer.encode(pixels, setting)
            middle = perf_counter()
            decoded = peer.decode(data)
            end = perf_counter()
            yield Point(
                peer.name,
                setting,
                name,
                len(data),
                bits_per_pixel(len(data), pixels),
                psnr_db(pixels, decoded),
                middle - start,
                end - middle,
                ms_ssim(pixels, decoded) if similarity else math.nan,
                ssimulacra2(pixels, decoded) if similarity else math.nan,
                butteraugli(pixels, decoded, name) if butteraugli else math.nan,
            )


def _memory(plan: Plan, peer: Peer, picture: str) -> float:
    """Peak memory of a process that codes one picture at the middle setting, in MB."""
    middle = sorted(peer.settings)[len(peer.settings) // 2]
    name = "aezip" if peer.name in plan.models else peer.name
    return peak_memory([name, str(middle), str(plan.folder / picture), plan.models.get(peer.name, "")])


def peak_memory(arguments: Sequence[str]) -> float:
    """Peak resident memory of this module run with `arguments` in a separate process, in MB; NaN if that fails."""
    command = [sys.executable, "-m", __name__, *arguments]
    out = subprocess.run(command, capture_output=True, text=True)
    return math.nan if out.returncode else float(out.stdout.split()[-1])


def _main(name: str, setting: str, picture: str, model: str) -> None:
    """Encode and decode one picture with one peer, and print this process's peak memory in MB."""
    pixels = read_rgb(Path(picture))
    peer = peers.aezip(model, [float(setting)]) if name == "aezip" else peers.classic([name])[0]
    peer.decode(peer.encode(pixels, float(setting)))
    print(_peak_mb())


def _peak_mb() -> float:
    """Peak resident memory of this process, in MB.  Linux's own count, for getrusage's begins with the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(v for v in status.read_text().splitlines() if v.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


if __name__ == "__main__":
    _main(*sys.argv[1:])
