"""How near --target-size, --target-psnr and --target-ssimulacra2 land, over a folder of pictures.

    python tools/measure_targets.py FOLDER [--first N] [--limit N] [--crop SIDE] [--bpp 0.15,0.4,0.9] [--psnr 30,34,38]
        [--ssimulacra2 40,55,70]

--crop takes the middle of each picture.

Prints the worst and mean of size / target (1 at most), of PSNR − target (0 dB at least), of score − target (0 at
least), and the encodings taken.
"""

from __future__ import annotations

from common import middle, parser, pictures, read

from aezip import Codec
from aezip.errors import TargetMissed
from aezip.quality.targets import PSNR, SIZE, SSIMULACRA2, Target, reach
from aezip.quality.verify import verify


def main() -> None:
    options = parser(
        __doc__, "folder", first=0, limit=int, crop=int, bpp="0.15,0.4,0.9", psnr="30,34,38", ssimulacra2="40,55,70"
    ).parse_args()
    codec = Codec()
    found: dict[str, list[tuple[float, int]]] = {SIZE: [], PSNR: [], SSIMULACRA2: []}
    missed = 0
    for file in pictures(options.folder, options.limit, options.first):
        pixels = middle(read(file), options.crop)
        area = pixels.shape[0] * pixels.shape[1]
        targets = [Target(SIZE, float(rate) * area // 8) for rate in options.bpp.split(",")]
        targets += [Target(PSNR, float(psnr)) for psnr in options.psnr.split(",")]
        targets += [Target(SSIMULACRA2, float(score)) for score in options.ssimulacra2.split(",")]
        for target in targets:
            name = "psnr_db" if target.kind == PSNR else "ssimulacra2"
            try:
                hit = reach(
                    target,
                    area,
                    lambda quality, pixels=pixels: codec.encode(pixels, quality, lossless=False),
                    lambda data, pixels=pixels, name=name: getattr(verify(codec, data, pixels), name),
                )
            except TargetMissed as error:
                missed += 1
                print(f"{file.name}: {error}", flush=True)
                continue
            if hit.quality in (0, 100):  # the end of the ladder comes before the target
                missed += 1
                continue
            off = hit.value / target.value if target.kind == SIZE else hit.value - target.value
            found[target.kind].append((off, hit.tries))
    for kind, worst in ((SIZE, min), (PSNR, max), (SSIMULACRA2, max)):
        offs, tries = zip(*found[kind], strict=True)
        print(
            f"{kind}: worst {worst(offs):.4f}, mean {sum(offs) / len(offs):.4f}, {len(offs)} searches, "
            f"{sum(tries) / len(tries):.1f} encodings each, at most {max(tries)}"
        )
    print(f"out of reach or at an end of the ladder: {missed}")


if __name__ == "__main__":
    main()
