"""Measuring codecs on pictures: rate, distortion, time, memory.

In: peers and pictures. Out: one `Point` a peer, setting and picture, and curves that
average them over pictures. Rates count the bytes of whole files; distortions
compare 8-bit pictures, decoded from those files.
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
from typing import Any

import numpy as np

from ..quality.metrics import bd_rate, bits_per_pixel, ms_ssim, psnr_db
from .peers import Peer, Pixels


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


def measure(
    peer: Peer, pictures: dict[str, Pixels], settings: Sequence[float] | None = None, similarity: bool = True
) -> Iterator[Point]:
    """Code every picture at every setting.  The first file is coded twice and timed once."""
    warm = False
    for name, pixels in pictures.items():
        for setting in settings or peer.settings:
            if not warm:
                peer.decode(peer.encode(pixels, setting))
                warm = True
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
    table = {}
    for curve in found:
        if curve is not reference and len(curve.bpp) > 1:
            table[curve.codec] = {
                "psnr": _bd(reference, curve, lambda c: c.psnr_db),
                "ms_ssim": _bd(reference, curve, lambda c: c.ms_ssim_db),
            }
    return table


def _bd(reference: Curve, other: Curve, quality: Callable[[Curve], list[float]]) -> float:
    values = [np.array(v) for v in (reference.bpp, quality(reference), other.bpp, quality(other))]
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


def as_json(points: Sequence[Point], found: Sequence[Curve], extra: dict[str, Any]) -> str:
    """Everything that was measured."""
    return json.dumps(
        {**extra, "curves": [asdict(c) for c in found], "points": [asdict(p) for p in points]}, indent=1
    )


def _main(name: str, setting: str, picture: str, model: str) -> None:
    """Encode and decode one picture with one peer, and print this process's peak memory in MB."""
    from .. import images
    from . import peers

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
