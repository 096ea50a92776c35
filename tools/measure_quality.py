"""aezip's qualities beside those of JPEG, WebP and AVIF that look as good, as a table in Markdown: docs/quality.md.

    python tools/measure_quality.py FOLDER [--limit N] [--crop SIDE] [--model photo] [--codecs jpeg,webp,avif420]
        [--step 10]

Each codec's quality is the whole number whose mean SSIMULACRA2 over the pictures is nearest to aezip's mean. --crop
takes the middle of each picture. The scores of a codec must rise with its quality.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # others would take the codecs' cores

import numpy as np
from common import Pixels, middle, parser, pictures, read

from aezip import Codec
from aezip.bench import peers
from aezip.quality.metrics import bits_per_pixel, psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

TOP = 100  # every codec's best quality


class Figures(NamedTuple):
    """Means over pictures."""

    bpp: float
    psnr_db: float
    score: float  # SSIMULACRA2

    def __str__(self) -> str:
        return f"{self.bpp:.3f} bpp, {self.psnr_db:.1f} dB, {self.score:.1f}"


def figures(seen: Sequence[Pixels], encode: Callable[[Pixels], bytes], decode: Callable[[bytes], Pixels]) -> Figures:
    """Of one codec at one quality."""
    found = []
    for pixels in seen:
        data = encode(pixels)
        decoded = decode(data)
        found.append((bits_per_pixel(len(data), pixels), psnr_db(pixels, decoded), ssimulacra2(pixels, decoded)))
    return Figures(*map(float, np.mean(found, 0)))


def nearest(score_of: Callable[[int], float], wanted: float) -> int | None:
    """The quality of 1 … TOP whose score is nearest to the wanted one; None if that is outside of all scores.

    score_of: rises with the quality.
    """
    low, high = 1, TOP
    if not score_of(low) <= wanted <= score_of(high):
        return None
    while high - low > 1:
        between = (low + high) // 2
        if score_of(between) <= wanted:
            low = between
        else:
            high = between
    return low if wanted - score_of(low) < score_of(high) - wanted else high


def rows(seen: Sequence[Pixels], codec: Codec, others: Sequence[peers.Peer], step: int) -> list[list[str]]:
    """Cells of the table, without its head."""

    def measured(peer: peers.Peer) -> Callable[[int], Figures]:
        return cache(lambda quality: figures(seen, lambda pixels: peer.encode(pixels, quality), peer.decode))

    known = [measured(peer) for peer in others]
    found = []
    for quality in range(0, 101, step):
        ours = figures(
            seen,
            lambda pixels, quality=quality: codec.encode(pixels, quality, lossless=False),
            lambda data: codec.decode(data)[0],
        )
        row = [str(quality), str(ours)]
        for of in known:
            equal = nearest(lambda quality, of=of: of(quality).score, ours.score)
            row.append("–" if equal is None else f"**{equal}** {of(equal)}")
        found.append(row)
        print(f"{quality}: {ours}", flush=True)
    return found


def main() -> None:
    given = parser(
        __doc__, "folder", limit=int, crop=int, model="photo", codecs="jpeg,webp,avif420", step=10
    ).parse_args()
    seen = [middle(read(file, rgb=True), given.crop) for file in pictures(given.folder, given.limit)]
    codec, others = Codec(given.model), peers.classic(given.codecs.split(","))
    body = rows(seen, codec, others, given.step)
    head = ["quality", f"aezip, `{given.model}`", *(peer.what for peer in others)]
    print(f"\nMeans of {len(seen)} pictures, model `{given.model}` ({codec.package.fingerprint.hex()}).\n")
    for row in (head, ["---"] * len(head), *body):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
