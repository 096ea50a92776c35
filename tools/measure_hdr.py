"""Pictures of high dynamic range: aezip against AVIF of 10 bits, 4:4:4, at equal quality.

    pip install imagecodecs
    python tools/measure_hdr.py PICTURES [--model photo] [--side 512] [--limit 8]

PICTURES is a folder of PQ or HLG files of more than 8 bits; of each the middle is taken. Quality is measured as PSNR in
the picture's own transfer, and as PSNR and SSIMULACRA2 of both pictures tone mapped to sRGB, from a peak of 1000 cd/m².
Printed are the points, and BD-rates: how many bytes more (less) aezip needs on average at equal quality.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from common import middle, parser, pictures

from aezip import Codec, images
from aezip.format.depth import scaled
from aezip.images.tone import to_srgb
from aezip.quality.metrics import bd_rate, bits_per_pixel, psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

BITS, MATRIX, SPEED, PEAK = 10, 9, 6, 1000.0  # of AVIF; BT.2020's matrix; cd/m²
DEEP = images.Intake(deep=True)
LEVELS = {"aezip": (15, 35, 55, 75, 90), "avif": (25, 40, 55, 70, 82)}
MEASURES = ("psnr_db", "psnr_db mapped", "ssimulacra2 mapped")


class Point(NamedTuple):
    """A file of one picture."""

    bpp: float
    measured: tuple[float, float, float]  # in the order of MEASURES


def main(folder: str, model: str, side: int, limit: int) -> None:
    codec = Codec(model)
    curves: dict[str, list[list[Point]]] = {name: [] for name in LEVELS}
    for file in pictures(folder, limit):
        picture = images.read(file, DEEP)
        if not (picture.cicp and picture.cicp.hdr):
            print(f"{file.name}: no code points of PQ or HLG, left out")
            continue
        picture = picture._replace(pixels=middle(scaled(picture.pixels, picture.depth, BITS), side), depth=BITS)
        print(f"{file.name}: {picture.pixels.shape[1]} × {picture.pixels.shape[0]}, {picture.cicp}")
        for name, ways in (("aezip", _aezip(codec)), ("avif", _avif)):
            points = [_measured(picture, *ways(picture, level)) for level in LEVELS[name]]
            curves[name].append(points)
            for level, point in zip(LEVELS[name], points, strict=True):
                print(f"  {name} {level:3}  {point.bpp:6.3f} bpp  " + "  ".join(f"{v:6.2f}" for v in point.measured))
    _compare(curves)


def _compare(curves: dict[str, list[list[Point]]]) -> None:
    """BD-rates of averages over pictures."""
    for number, name in enumerate(MEASURES):
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


def _measured(picture: images.Picture, size: int, decoded: np.ndarray) -> Point:
    assert picture.cicp
    before, after = (to_srgb(pixels, picture.cicp, BITS, PEAK) for pixels in (picture.pixels, decoded))
    before, after = scaled(before, BITS, 8), scaled(after, BITS, 8)
    return Point(
        bits_per_pixel(size, picture.pixels),
        (psnr_db(picture.pixels, decoded, BITS), psnr_db(before, after), ssimulacra2(before, after)),
    )


if __name__ == "__main__":
    options = parser(__doc__, "folder", model="photo", side=512, limit=8).parse_args()
    main(**vars(options))
