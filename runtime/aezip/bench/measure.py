"""Measuring codecs on pictures: rate, distortion, time, memory.

In: a folder of pictures, and codecs. Out: one `Point` a codec, setting and picture, and curves that average them over
pictures. Rates count the bytes of whole files; distortions compare 8-bit pictures, decoded from those files.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from .. import images
from ..errors import ImageError, UsageError
from ..quality.metrics import bd_rate, bits_per_pixel, ms_ssim, psnr_db
from . import peers
from .peers import Peer, Pixels

LOSSLESS = {".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Point:
    """One file."""

    codec: str
    setting: float
    picture: str
    size: int  # bytes
    bpp: float
    psnr_db: float
    ms_ssim: float
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class Curve:
    """A codec's averages over pictures, by rising rate.  One entry a setting."""

    codec: str
    bpp: list[float]
    psnr_db: list[float]
    ms_ssim: list[float]
    setting: list[float]
    encode_s: list[float]  # medians
    decode_s: list[float]

    @property
    def ms_ssim_db(self) -> list[float]:
        """−10 · log₁₀(1 − MS-SSIM), the scale it is compared on."""
        return [-10 * math.log10(1 - min(v, 1 - 1e-9)) for v in self.ms_ssim]


@dataclass(frozen=True)
class Comparison:
    """What codecs did with the pictures of a folder; by name."""

    title: str
    pictures: dict[str, Pixels]
    peers: list[Peer]
    points: list[Point]
    curves: list[Curve]
    bd_rates: dict[str, dict[str, float]]  # as of `bd_table`
    memory_mb: dict[str, float]

    def as_json(self) -> str:
        """Everything that was measured."""
        return json.dumps({
            "pictures": list(self.pictures), "bd_rate_percent": self.bd_rates, "memory_mb": self.memory_mb,
            "curves": [asdict(c) for c in self.curves], "points": [asdict(p) for p in self.points],
        }, indent=1)


def compare(
    folder: Path, models: Sequence[str], qualities: Sequence[float], codecs: Sequence[str], *, limit: int | None = None,
    threads: int | None = None, similarity: bool = True, say: Callable[[str], None] = print,
) -> Comparison:
    """Models and classic codecs on the lossless pictures of a folder, or on the first `limit` of them.

    similarity: measure MS-SSIM, too; say: takes a line for each codec that is done.  Raises ImageError, UsageError.
    """
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in LOSSLESS)[:limit]
    if not files:
        raise ImageError("holds no pictures", "lossless ones (png, ppm, bmp, tiff, webp)", file=str(folder))
    pictures = {file.name: read_rgb(file) for file in files}
    ours = {peer.name: (model, peer) for model in models for peer in [peers.aezip(model, qualities, threads=threads)]}
    if len(ours) < len(models):
        raise UsageError("two models have one name")
    players = [*(peer for _, peer in ours.values()), *peers.classic(codecs)]
    points: list[Point] = []
    memory: dict[str, float] = {}
    for player in players:
        points += measure(player, pictures, similarity=similarity)
        middle = sorted(player.settings)[len(player.settings) // 2]
        name, model = ("aezip", ours[player.name][0]) if player.name in ours else (player.name, "")
        memory[player.name] = peak_memory([name, str(middle), str(files[0]), model])
        say(f"{player.what}: {sum(p.codec == player.name for p in points)} files")
    found = curves(points)
    title = f"{len(pictures)} pictures of {folder.name}"
    return Comparison(title, pictures, players, points, found, bd_table(found), memory)


def read_rgb(file: Path) -> Pixels:
    """The pixels of an image file; grey ones become RGB.  [H, W, 3]  Raises ImageError."""
    pixels = images.read(file).pixels
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)


def measure(
    peer: Peer, pictures: dict[str, Pixels], settings: Sequence[float] | None = None, similarity: bool = True
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
                peer.name, setting, name, len(data), bits_per_pixel(len(data), pixels),
                psnr_db(pixels, decoded), ms_ssim(pixels, decoded) if similarity else math.nan,
                middle - start, end - middle,
            )


def curves(points: Sequence[Point]) -> list[Curve]:
    """Averages over pictures, one curve a codec, in the order of the points."""
    out = []
    for codec in dict.fromkeys(p.codec for p in points):
        rows = []
        mine = [p for p in points if p.codec == codec]
        for setting in dict.fromkeys(p.setting for p in mine):
            group = [p for p in mine if p.setting == setting]
            mean = {key: float(np.mean([getattr(p, key) for p in group])) for key in ("bpp", "psnr_db", "ms_ssim")}
            times = [statistics.median(getattr(p, key) for p in group) for key in ("encode_s", "decode_s")]
            rows.append((mean["bpp"], mean["psnr_db"], mean["ms_ssim"], setting, *times))
        columns = [list(column) for column in zip(*sorted(rows), strict=True)]
        out.append(Curve(codec, *columns))
    return out


def bd_table(found: Sequence[Curve], against: str = "jpeg") -> dict[str, dict[str, float]]:
    """BD-rate of each curve against one of them, in percent, by PSNR and by MS-SSIM (in dB)."""
    reference = next((c for c in found if c.codec == against), None)
    if reference is None:
        return {}
    measures = {"psnr": "psnr_db", "ms_ssim": "ms_ssim_db"}
    others = [c for c in found if c is not reference and len(c.bpp) > 1]
    return {c.codec: {key: _bd(reference, c, name) for key, name in measures.items()} for c in others}


def _bd(reference: Curve, other: Curve, measure: str) -> float:
    values = [np.array(v) for c in (reference, other) for v in (c.bpp, getattr(c, measure))]
    return bd_rate(*values) if all(np.isfinite(v).all() for v in values) else math.nan


def anchors(folder: Path) -> list[Curve]:
    """Stored curves: every JSON file of `folder` as {name: {"bpp": […], "psnr": […]}}."""
    out = []
    for file in sorted(folder.glob("*.json")):
        for name, curve in json.loads(file.read_text(encoding="utf-8")).items():
            nothing = [math.nan] * len(curve["bpp"])
            out.append(Curve(f"{name}*", curve["bpp"], curve["psnr"], nothing, nothing, nothing, nothing))
    return out


def peak_memory(arguments: Sequence[str]) -> float:
    """Peak resident memory of this module run with `arguments` in a process of its own, in MB."""
    command = [sys.executable, "-m", __name__, *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1])


def _main(name: str, setting: str, picture: str, model: str) -> None:
    """Encode and decode one picture with one peer, and print this process's peak memory in MB."""
    pixels = images.read(picture).pixels
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
