"""Writes golden files of exact pixels (FORMAT.md §9), `exact-*.lat`, and what is in them.

    python tests/golden/exact.py

Written once, as those of `write.py`. `exact.npz`, stored as `vectors.npz` is, holds the pixels of each, NAME
[H, W, C], and its opacities where it has some, NAME.alpha [H, W]; `exact.json` says the digests of file and pixels.
The picture of several bands is too large for the former. No model is needed to read or to write them.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

from aezip.arrays import Image8
from aezip.format import alpha, exact

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
HEAD = 2  # bytes before a palette: bits, flags


def levels(height: int, width: int, count: int, seed: int) -> Image8:
    """A drawn picture of `count` values, evenly spaced from 0 on, all of which are there.  [height, width]"""
    places = draw(height, width, seed, 1)[..., 0].astype(int) * count // 256
    places.flat[:count] = np.arange(count)
    return places.astype(np.uint8)


def coloured(height: int, width: int, count: int, seed: int) -> Image8:
    """A drawn picture of `count` colours.  [height, width, 3]"""
    colours = np.random.default_rng(seed).permutation(2**24)[:count]
    return colours[levels(height, width, count, seed)][..., None].astype("<u4").view(np.uint8)[..., :3]


def noisy_green(height: int, width: int) -> Image8:
    """Red and blue are better off without what green has.  [height, width, 3]"""
    pixels = draw(height, width, 22)
    pixels[..., 1] = np.random.default_rng(23).integers(0, 256, (height, width))
    return pixels


def steps(height: int, width: int) -> Image8:
    """Wide stairs of grey, which take few bytes for their size.  [height, width, 1]"""
    y, x = np.mgrid[:height, :width]
    return ((x // 7 + y // 3) % 251).astype(np.uint8)[..., None]


PICTURES = {  # and the bits and flags that they are stored with
    "exact-grey-1": (255 * levels(11, 21, 2, 11)[..., None], (1, 0)),
    "exact-grey-2": (85 * levels(10, 7, 4, 12)[..., None], (2, 0)),
    "exact-grey-4": (17 * levels(13, 31, 16, 13)[..., None], (4, 0)),
    "exact-grey-8": (draw(40, 23, 14, 1), (8, 0)),
    "exact-grey-palette": (np.asarray((3, 90, 91, 200, 254), np.uint8)[levels(9, 15, 5, 15)][..., None], (4, 1)),
    "exact-palette-1": (coloured(17, 19, 2, 16), (1, 1)),
    "exact-palette-2": (coloured(6, 33, 3, 17), (2, 1)),
    "exact-palette-4": (coloured(15, 9, 13, 18), (4, 1)),
    "exact-palette-8": (coloured(48, 45, 100, 19), (8, 1)),
    "exact-one-colour": (np.full((9, 5, 3), (7, 80, 200), np.uint8), (1, 1)),
    "exact-green": (draw(37, 29, 20), (8, 2)),
    "exact-rgb": (noisy_green(31, 41), (8, 0)),
    "exact-alpha": (draw(300, 21, 21), (8, 0)),
    "exact-bands": (steps(2100, 2100), (8, 0)),
}
OPACITIES = {"exact-alpha": np.add.outer(np.arange(300), 5 * np.arange(21)).astype(np.uint8)}
LARGE = {"exact-bands"}


def packed(pixels: Image8, body: bytes, opacities: Image8 | None) -> bytes:
    """A file by FORMAT.md §1 alone, whatever the container of this version writes."""
    height, width, channels = pixels.shape
    head = struct.pack("<6sBBIIHBB8s", b"\xaeLAT\r\n", 1, channels, width, height, 1000, 0, 0, bytes(8))
    sections = [] if opacities is None else [(b"ALPH", alpha.encode(opacities))]
    parts = [head, struct.pack("<I", zlib.crc32(head))]
    for kind, data in [*sections, (b"PIXL", body)]:
        parts += [kind, struct.pack("<II", len(data), zlib.crc32(data, zlib.crc32(kind))), data]
    return b"".join(parts)


def main() -> None:
    says, holds = HERE / "exact.json", HERE / "exact.npz"
    facts = json.loads(says.read_text()) if says.exists() else {}
    arrays = dict(np.load(holds)) if holds.exists() else {}
    for name, (pixels, head) in PICTURES.items():
        if name in facts:
            continue
        body = exact.encode(pixels)
        assert tuple(body[:HEAD]) == head, (name, *body[:HEAD])
        assert (exact.decode(body, *pixels.shape) == pixels).all(), name
        data = packed(pixels, body, OPACITIES.get(name))
        (HERE / f"{name}.lat").write_bytes(data)
        facts[name] = {"file": hashlib.sha256(data).hexdigest(), "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}
        if name not in LARGE:
            arrays[name] = pixels
        if name in OPACITIES:
            arrays[f"{name}.alpha"] = OPACITIES[name]
    np.savez(holds, **arrays)
    says.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
