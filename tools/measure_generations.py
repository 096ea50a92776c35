"""What is lost when files are decoded and encoded again and again, as a table in Markdown: docs/longevity.md.

    python tools/measure_generations.py FOLDER [--limit N] [--crop SIDE] [--model photo] [--other OTHER.aezm]
        [--quality 60] [--codecs jpeg,avif444]

Each row encodes its own decoded pictures ten times, at one setting. With --other, a row goes from one model to the
other and back: its second generation is what `aezip recompress` does once. A classic codec's quality is the one whose
first generation is nearest to the model's, by mean SSIMULACRA2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # others would take the codecs' cores

import numpy as np
from common import Pixels, middle, parser, pictures, read
from measure_quality import Figures, figures, nearest

from aezip import Codec
from aezip.bench import peers
from aezip.quality.metrics import bits_per_pixel, psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

SHOWN = (1, 2, 5, 10)
Encode = Callable[[Pixels], bytes]
Decode = Callable[[bytes], Pixels]


def generations(seen: Sequence[Pixels], coders: Sequence[tuple[Encode, Decode]]) -> dict[int, Figures]:
    """Figures of the generations SHOWN, against the originals; coders take turns."""
    current, found = list(seen), {}
    for number in range(1, max(SHOWN) + 1):
        encode, decode = coders[(number - 1) % len(coders)]
        files = [encode(pixels) for pixels in current]
        current = [decode(data) for data in files]
        if number in SHOWN:
            rows = [
                (bits_per_pixel(len(data), original), psnr_db(original, pixels), ssimulacra2(original, pixels))
                for data, original, pixels in zip(files, seen, current, strict=True)
            ]
            found[number] = Figures(*map(float, np.mean(rows, 0)))
    return found


def main() -> None:
    """Print the table."""
    options = parser(
        __doc__, "folder", limit=int, crop=int, model="photo", other=str, quality=60.0, codecs="jpeg,avif444"
    ).parse_args()
    seen = [middle(read(file, rgb=True), options.crop) for file in pictures(options.folder, options.limit)]

    def coder(name: str) -> tuple[Encode, Decode]:
        codec = Codec(name)
        # latents in every generation, also where a picture would be stored without loss
        return lambda pixels: codec.encode(pixels, options.quality, lossless=False), lambda data: codec.decode(data)[0]

    own = coder(options.model)
    print(f"{len(seen)} pictures, quality {options.quality:g}; PSNR in dB and SSIMULACRA2 after N generations\n")
    print("| codec | bpp | " + " | ".join(map(str, SHOWN)) + " |")
    print("| --- | --- |" + " --- |" * len(SHOWN), flush=True)

    def show(name: str, coders: Sequence[tuple[Encode, Decode]]) -> Figures:
        found = generations(seen, coders)
        cells = [f"{f.psnr_db:.2f} dB, {f.score:.1f}" for f in found.values()]
        print(f"| {name} | {found[1].bpp:.3f} | " + " | ".join(cells) + " |", flush=True)
        return found[1]

    first = show(f"`{options.model}`", [own])
    if options.other:
        show(f"`{Codec(options.other).package.about.name}` and `{options.model}` in turn", [coder(options.other), own])
    for peer in peers.classic(options.codecs.split(",")):

        def at(setting: float, peer: peers.Peer = peer) -> tuple[Encode, Decode]:
            return lambda pixels: peer.encode(pixels, setting), peer.decode

        score = cache(lambda setting: figures(seen, *at(setting)).score)
        setting = nearest(score, first.score)
        if setting is None:
            print(f"| {peer.name} | no quality of it looks so | | | | |", flush=True)
            continue
        show(f"{peer.what}, quality {setting}", [at(setting)])


if __name__ == "__main__":
    main()
