"""Pictures of high dynamic range: aezip against AVIF of 10 bits, 4:4:4, at equal quality.

    pip install imagecodecs
    python tools/measure_hdr.py PICTURES [--model photo] [--side 512] [--limit 8]

PICTURES is a folder of PQ or HLG files of more than 8 bits; of each the middle is taken. Quality is measured as PSNR in
the picture's own transfer; as PSNR and SSIMULACRA2 of both pictures tone mapped to sRGB, from a peak of 1000 cd/m²; and
as PSNR of red, green and blue light under PU21 (Mantiuk and Azimi: "PU21: A novel perceptually uniform encoding for
adapting existing quality metrics for HDR", Picture Coding Symposium 2021), against 256, which is 100 cd/m². Where
ColorVideoVDP is installed (Mantiuk et al., SIGGRAPH 2024; `pip install cvvdp`), its JOD are measured, too, of pictures
of BT.2020, on its display `standard_hdr_pq`. Printed are the points, and BD-rates: how many bytes more (less) aezip
needs on average at equal quality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from common import middle, parser, pictures

from aezip import Codec, images
from aezip.format.colour import HLG, Cicp
from aezip.format.depth import scaled, top
from aezip.images import h273
from aezip.images.tone import to_srgb
from aezip.quality.metrics import bd_rate, bits_per_pixel, psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

BITS, MATRIX, SPEED, PEAK = 10, 9, 6, 1000.0  # of AVIF; BT.2020's matrix; cd/m²
DEEP = images.ReadOptions(deep=True)
LEVELS = {"aezip": (15, 35, 55, 75, 90), "avif": (25, 40, 55, 70, 82)}
MEASURES = ("psnr_db", "psnr_db mapped", "ssimulacra2 mapped", "psnr_db pu21")
PU21 = (0.353487901, 0.3734658629, 8.277049286e-5, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142)  # with glare
DARKEST, BRIGHTEST, PU21_PEAK = 0.005, 10000.0, 256.0  # cd/m² that it is defined for; in its units
BT2020 = 9


class Point(NamedTuple):
    """A file of one picture."""

    bpp: float
    measured: tuple[float, ...]  # in the order of MEASURES, and JOD if they are measured


def main(folder: str, model: str, side: int, limit: int) -> None:
    codec = Codec(model)
    curves: dict[str, list[list[Point]]] = {name: [] for name in LEVELS}
    for file in pictures(folder, limit):
        picture = images.read(file, DEEP)
        if not (picture.cicp and picture.cicp.hdr):
            print(f"{file.name}: no code points of PQ or HLG, left out")
            continue
        picture = replace(picture, pixels=middle(scaled(picture.pixels, picture.depth, BITS), side), depth=BITS)
        print(f"{file.name}: {picture.pixels.shape[1]} × {picture.pixels.shape[0]}, {picture.cicp}")
        for name, ways in (("aezip", _aezip(codec)), ("avif", _avif)):
            points = [_measured(picture, *ways(picture, level)) for level in LEVELS[name]]
            curves[name].append(points)
            for level, point in zip(LEVELS[name], points, strict=True):
                print(f"  {name} {level:3}  {point.bpp:6.3f} bpp  " + "  ".join(f"{v:6.2f}" for v in point.measured))
    _compare(curves)


def _compare(curves: dict[str, list[list[Point]]]) -> None:
    """BD-rates of averages over pictures."""
    names = (*MEASURES, *(("JOD",) if _judge() else ()))
    for number, name in enumerate(names):
        ends = []
        for points in curves.values():
            bpp = np.mean([[point.bpp for point in row] for row in points], 0)
            ends.append((bpp, np.mean([[point.measured[number] for point in row] for row in points], 0)))
        (ours, found), (theirs, wanted) = ends
        print(f"aezip against AVIF at equal {name}: {bd_rate(theirs, wanted, ours, found):+.1f} % of bytes")


def _aezip(codec: Codec) -> Callable[[images.Picture, int], tuple[int, np.ndarray]]:
    def coded(picture: images.Picture, level: int) -> tuple[int, np.ndarray]:
        data = codec.encode(picture.pixels, level, depth=BITS, lossless=False)
        return len(data), codec.decode(data)[0]

    return coded


def _avif(picture: images.Picture, level: int) -> tuple[int, np.ndarray]:
    """Size and pixels of an AVIF file."""
    import imagecodecs

    assert picture.cicp
    data = imagecodecs.avif_encode(
        picture.pixels,
        level,
        speed=SPEED,
        bitspersample=BITS,
        pixelformat="444",
        primaries=picture.cicp.primaries,
        transfer=picture.cicp.transfer,
        matrix=MATRIX,
    )
    return len(data), imagecodecs.avif_decode(data)


def _light(pixels: np.ndarray, cicp: Cicp) -> np.ndarray:
    """What a display shows of samples, in cd/m².  [H, W, 3]"""
    light = h273.light_of(cicp.transfer, pixels / top(BITS))
    if cicp.transfer == HLG:
        light = h273.displayed(light, light @ h273.to_xyz(h273.PRIMARIES[cicp.primaries])[1][:, None])
    return np.asarray(h273.WHITE * light)


def pu21(light: np.ndarray) -> np.ndarray:
    """Light in cd/m² in steps that look about equal."""
    a, b, c, d, e, f, g = PU21
    power = light.clip(DARKEST, BRIGHTEST) ** d
    return np.asarray(np.maximum(g * (((a + b * power) / (1 + c * power)) ** e - f), 0))


@cache
def _judge() -> Any:
    """ColorVideoVDP, None if it is not installed."""
    try:
        import pycvvdp
    except ImportError:
        return None
    return pycvvdp.cvvdp(display_name="standard_hdr_pq", quiet=True)


def _jod(before: np.ndarray, after: np.ndarray) -> float:
    """Just objectionable differences, 10 of equal pictures, of their light."""
    first, second = (h273.pq_of(light / h273.WHITE).astype(np.float32) for light in (before, after))
    return float(_judge().predict(second, first, dim_order="HWC")[0])


def _measured(picture: images.Picture, size: int, decoded: np.ndarray) -> Point:
    assert picture.cicp
    before, after = (to_srgb(pixels, picture.cicp, BITS, PEAK) for pixels in (picture.pixels, decoded))
    before, after = scaled(before, BITS, 8), scaled(after, BITS, 8)
    first, second = (_light(pixels, picture.cicp) for pixels in (picture.pixels, decoded))
    perceived = 20 * np.log10(PU21_PEAK / np.sqrt(np.mean((pu21(first) - pu21(second)) ** 2)))
    found = [psnr_db(picture.pixels, decoded, BITS), psnr_db(before, after), ssimulacra2(before, after), perceived]
    if _judge():
        if picture.cicp.primaries != BT2020:
            raise SystemExit(f"{picture.cicp}: expected BT.2020, for JOD")
        found.append(_jod(first, second))
    return Point(bits_per_pixel(size, picture.pixels), tuple(found))


if __name__ == "__main__":
    options = parser(__doc__, "folder", model="photo", side=512, limit=8).parse_args()
    main(**vars(options))
