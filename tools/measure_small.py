"""Smaller pictures and first looks: how long they take, how near they are, and what JPEG and AVIF do.

    python tools/measure_small.py PICTURES [--model photo] [--rounds 5] [--threads 1] [--count 300]

PICTURES is a folder of image files. Four parts:

1. Time of a decode at 1/4, 1/8 and 1/16 against the whole, at 768 × 512 and 4000 × 3000 pixels (the pictures side by
   side): minima of rounds that alternate between scales. On Linux also peaks of memory, in separate processes.
2. How far smaller pictures are from the averages of the decoded one, at quality 60.
3. The first 15 % and 50 % of the bytes at quality 60, and of a progressive JPEG of the same size: PSNR, SSIMULACRA2.
4. Thumbnails of `--count` files of a megapixel by two processes: of .lat, of JPEG by Pillow's draft, of AVIF.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from common import parser, pictures
from PIL import Image, ImageFile

from aezip import Codec
from aezip.format.averages import averaged
from aezip.quality.metrics import psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

SCALES, SHARES, QUALITY = (1, 4, 8, 16), (0.15, 0.5), 60
MEMORY = """
import sys
from aezip import Codec
codec, data = Codec(sys.argv[1], threads=1), open(sys.argv[2], "rb").read()
codec.decode(data, scale=int(sys.argv[3]))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
Pixels = np.ndarray


def main(folder: str, model: str, rounds: int, threads: int, count: int) -> None:
    files = pictures(folder)
    codec = Codec(model, threads=threads)
    shown = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    for width, height in ((768, 512), (4000, 3000)):
        times(codec, model, side_by_side(shown, width, height), rounds)
    nearness(codec, shown)
    looks(codec, shown)
    thumbnails(codec, model, side_by_side(shown, 1152, 896), count)


def side_by_side(shown: list[Pixels], width: int, height: int) -> Pixels:
    """A picture of this size, of several."""
    out = Image.new("RGB", (width, height))
    for n in range(-(-width // 768) * -(-height // 576)):
        across = -(-width // 768)
        out.paste(Image.fromarray(shown[n % len(shown)]).resize((768, 576)), (n % across * 768, n // across * 576))
    return np.asarray(out)


def times(codec: Codec, model: str, pixels: Pixels, rounds: int) -> None:
    """Part 1, of one picture."""
    data = codec.encode(pixels, QUALITY, lossless=False)
    best = dict.fromkeys(SCALES, np.inf)
    for _ in range(rounds + 1):
        for scale in SCALES:
            start = perf_counter()
            codec.decode(data, scale=scale)
            best[scale] = min(best[scale], perf_counter() - start)
    print(f"{pixels.shape[1]} × {pixels.shape[0]}, {len(data):,} B:")
    with tempfile.NamedTemporaryFile(suffix=".lat") as file:
        Path(file.name).write_bytes(data)
        for scale, seconds in best.items():
            command = [sys.executable, "-c", MEMORY, model, file.name, str(scale)]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
            print(f"  1/{scale:<2}  {1000 * seconds:7.1f} ms  {100 * seconds / best[1]:5.1f} %  {peak:5.0f} MB")


def nearness(codec: Codec, shown: list[Pixels]) -> None:
    """Part 2."""
    found: dict[int, list[float]] = {scale: [] for scale in SCALES[1:]}
    for pixels in shown:
        data = codec.encode(pixels, QUALITY, lossless=False)
        whole = codec.decode(data)[0]
        for scale, values in found.items():
            values.append(psnr_db(averaged(whole, scale), codec.decode(data, scale=scale)[0]))
    for scale, values in found.items():
        print(f"1/{scale:<2} from the decoded picture's averages: {np.mean(values):.1f} dB, at least {min(values):.1f}")


def looks(codec: Codec, shown: list[Pixels]) -> None:
    """Part 3."""
    found: dict[tuple[float, str], list[tuple[float, float, float]]] = {}
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    for pixels in shown:
        data = codec.encode(pixels, QUALITY, lossless=False)
        jpeg = progressive(pixels, len(data))
        for share in (*SHARES, 1.0):
            part = int(len(data) * share)
            seen = codec.decode(data[:part], partial=True)[0]
            other = np.asarray(Image.open(io.BytesIO(jpeg[: int(len(jpeg) * share)])).convert("RGB"))
            for name, picture in ((".lat", seen), ("JPEG", other)):
                row = psnr_db(pixels, picture), ssimulacra2(pixels, picture)
                small = psnr_db(averaged(pixels, 8), averaged(picture, 8))
                found.setdefault((share, name), []).append((*row, small))
    for (share, name), values in found.items():
        psnr, score, small = np.mean(values, 0)
        print(f"{100 * share:3.0f} % of {name}: {psnr:.1f} dB, SSIMULACRA2 {score:.0f}, at 1/8 {small:.1f} dB")


def progressive(pixels: Pixels, size: int) -> bytes:
    """The progressive JPEG whose size is next to this one's."""
    made = []
    for quality in range(5, 98, 3):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, progressive=True)
        made.append(file.getvalue())
    return min(made, key=lambda data: abs(len(data) - size))


def thumbnails(codec: Codec, model: str, pixels: Pixels, count: int) -> None:
    """Part 4."""
    image = Image.fromarray(pixels)
    with tempfile.TemporaryDirectory() as place:
        for kind in ("lat", "jpg", "avif"):
            (Path(place) / kind).mkdir()
            file = io.BytesIO()
            if kind == "lat":
                file.write(codec.encode(pixels, QUALITY, lossless=False))
            else:
                image.save(file, "JPEG" if kind == "jpg" else "AVIF", quality=85 if kind == "jpg" else 60)
            for n in range(count):
                (Path(place) / kind / f"{n}.{kind}").write_bytes(file.getvalue())
        best = dict.fromkeys(("lat", "jpg", "avif"), np.inf)
        with ProcessPoolExecutor(2) as pool:
            for kind in best:  # opens what is opened once
                list(pool.map(thumbnail, [(str(Path(place) / kind / f"0.{kind}"), model)] * 4))
            for _ in range(3):
                for kind in best:
                    work = [(str(file), model) for file in (Path(place) / kind).iterdir()]
                    start = perf_counter()
                    list(pool.map(thumbnail, work, chunksize=8))
                    best[kind] = min(best[kind], perf_counter() - start)
    for kind, seconds in best.items():
        print(
            f"{count} thumbnails of {kind}: {seconds:.2f} s, {seconds / best['jpg']:.1f} × JPEG, "
            f"{seconds / best['avif']:.2f} × AVIF"
        )


_CODECS: dict[str, Codec] = {}


def thumbnail(work: tuple[str, str]) -> int:
    """Bytes of a thumbnail of 128 pixels."""
    path, model = work
    if path.endswith(".lat"):
        if model not in _CODECS:
            _CODECS[model] = Codec(model, threads=1)
        image = Image.fromarray(_CODECS[model].decode(Path(path).read_bytes(), scale=8)[0])
    else:
        image = Image.open(path)
    image.thumbnail((128, 128))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return len(file.getvalue())


if __name__ == "__main__":
    main(**vars(parser(__doc__, "folder", model="photo", rounds=5, threads=1, count=300).parse_args()))
