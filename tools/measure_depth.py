"""Pictures of 16 bits: how near they come back, and whether slopes have steps; against the same in 8 bits.

    python tools/measure_depth.py PICTURES [--model photo] [--limit 6]

PICTURES is a folder of photographs of 8 bits. Two parts, each at qualities 60, 90 and 100:

1. Two slopes of 768 × 512 pixels, grey and in colours, whose neighbours differ by less than an eighth of a level:
   PSNR, the largest error, how many levels there are, and the longest run of equal samples in a row.
2. The photographs at half their size: means of 2 × 2 pixels, which 10 bits hold, as 16 bits. PSNR, and bytes.

"8 bits" is the same picture rounded to 8 bits, compressed and decoded to 8 bits. Last, bytes without loss and as a PNG.
"""

from __future__ import annotations

import numpy as np
from common import parser, pictures
from numpy.typing import NDArray
from PIL import Image

from aezip.codec import Codec
from aezip.format import depth as depths
from aezip.images import Picture, build
from aezip.quality.metrics import psnr_db

DEPTH, QUALITIES = 16, (60, 90, 100)
Samples = NDArray[np.uint16]  # [H, W, C]


def slopes() -> dict[str, Samples]:
    """Smooth pictures."""
    y, x = np.mgrid[:512, :768] / 768
    colours = [0.3 + 0.3 * x, 0.25 + 0.3 * y + 0.1 * x, 0.5 + 0.2 * np.sin(1.5 * x + y)]
    made = {"grey slope": np.stack([0.3 + 0.25 * x + 0.1 * y], 2), "colour slope": np.stack(colours, 2)}
    return {name: np.rint(values * depths.top(DEPTH)).astype(np.uint16) for name, values in made.items()}


def halved(pixels: NDArray[np.uint8]) -> Samples:
    """Means of 2 × 2 pixels in 16 bits."""
    h, w = (side // 2 for side in pixels.shape[:2])
    sums = pixels[: 2 * h, : 2 * w].reshape(h, 2, w, 2, -1).sum((1, 3), dtype=np.uint32)
    return np.asarray((sums * depths.top(DEPTH) + 510) // 1020, np.uint16)


def both(codec: Codec, pixels: Samples, quality: float) -> list[tuple[int, Samples]]:
    """Bytes and samples of 16 bits, of the picture in 16 bits and in 8."""
    deep = codec.encode(pixels, quality, lossless=False)
    plain = codec.encode(depths.scaled(pixels, DEPTH, 8), quality, lossless=False)
    return [(len(deep), codec.decode(deep)[0]), (len(plain), depths.scaled(codec.decode(plain)[0], 8, DEPTH))]


def longest_run(samples: Samples) -> int:
    """The most equal samples next to each other in a row, of any channel."""
    best = 0
    for plane in np.moveaxis(samples, 2, 0):
        for row in plane:
            edges = np.flatnonzero(np.diff(row, prepend=-1, append=-1))
            best = max(best, int(np.diff(edges).max()))
    return best


def main(folder: str, model: str, limit: int) -> None:
    codec = Codec(model)
    for name, pixels in slopes().items():
        print(f"{name}: {len(np.unique(pixels[..., 0]))} levels, runs of {longest_run(pixels)}")
        for quality in QUALITIES:
            for kind, (size, found) in zip(("16 bits", "8 bits"), both(codec, pixels, quality), strict=True):
                worst = np.abs(found.astype(int) - pixels).max() / 257
                print(
                    f"  quality {quality:3}, {kind:7}: {size:6,} B, {psnr_db(pixels, found, DEPTH):5.2f} dB, at most "
                    f"{worst:.2f} levels off, {len(np.unique(found[..., 0]))} levels, runs of {longest_run(found)}"
                )
    shown = [halved(np.asarray(Image.open(file).convert("RGB"))) for file in pictures(folder)[:limit]]
    for quality in QUALITIES:
        rows = np.array(
            [
                [value for size, found in both(codec, p, quality) for value in (size, psnr_db(p, found, DEPTH))]
                for p in shown
            ]
        ).mean(0)
        print(f"{len(shown)} photographs, quality {quality:3}: 16 bits {rows[0]:,.0f} B, {rows[1]:.2f} dB; ", end="")
        print(f"8 bits {rows[2]:,.0f} B, {rows[3]:.2f} dB")
    exact = np.mean([len(codec.encode(p, lossless=True)) for p in shown])
    png = np.mean([len(build(Picture(p, depth=DEPTH), "png")[0]) for p in shown])
    print(f"without loss {exact:,.0f} B, as PNG {png:,.0f} B")


if __name__ == "__main__":
    options = parser(str(__doc__), "pictures", model="photo", limit=6).parse_args()
    main(options.pictures, options.model, options.limit)
