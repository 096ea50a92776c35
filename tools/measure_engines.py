"""Whether all engines decode the same symbols, and how long each takes.

    python tools/measure_engines.py photo.png another.lat … [--crop 768x512] [--quality 60] [--repeat 5]
        [--decoder small]

Pictures are compressed first. Each file is decoded natively (onnxruntime, 1 thread), by the C core with the output of
the native prior, and with onnxruntime-web in Node and in headless Chromium (1 thread; then as the viewer page, on as
many threads as it takes). Tables, symbols and latents have to be those of the native decoder, or the exit code is 1.
Times are medians of decoding from bytes to pixels, model opened; for C, the entropy coder alone on all files' symbols.

Needs make, a C compiler, node, chromium, and `npm ci` in runtime/web. What is missing is reported and skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from common import middle, parser, read

from aezip import codec
from aezip.format import container
from aezip.model import store
from aezip.viewer import server

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / "runtime"
VECTORS = runpy.run_path(str(ROOT / "tests/golden/vectors.py"))["vectors"]
PARTS = (*(key for phase in range(3) for key in (f"table.{phase}", f"symbol.{phase}")), "latent")
Result = dict[str, Any]  # engine, threads, file; digest, milliseconds, or None


def files_of(paths: list[str], crop: str, quality: float, name: str, to: Path) -> list[Path]:
    """`.lat` files as they are; pictures compressed into the folder `to`, under names that the C core can look up."""
    coder = codec.Codec(name)
    width, height = map(int, crop.split("x")) if crop else (None, None)
    made = []
    for number, path in enumerate(paths):
        file = to / f"{number:03d}-{Path(path).stem[:20]}.lat"
        if path.endswith(".lat"):
            shutil.copy(path, file)
        else:
            file.write_bytes(coder.encode(middle(read(path, rgb=True), height, width), quality))
        made.append(file)
    return made


def native(coder: codec.Codec, files: list[Path], repeat: int, found: dict[str, Any]) -> Iterator[Result]:
    """The engine that the others are compared with; `found` gets the vectors of all the files."""
    package = coder.package
    for file in files:
        data = file.read_bytes()
        vectors = VECTORS(package, file.stem, data, threads=1)
        found |= vectors
        tiles = 1 + max(int(key.split(".")[1]) for key in vectors if key.endswith(".latent"))
        hashed = hashlib.sha256()
        for tile in range(tiles):
            for part in PARTS:
                values = vectors[f"{file.stem}.{tile}.{part}"]
                hashed.update(values.astype("u1" if values.dtype == "u1" else "<i2").tobytes())
        coder.decode(data)
        times = []
        for _ in range(repeat):
            start = perf_counter()
            coder.decode(data)
            times.append(1e3 * (perf_counter() - start))
        yield {"engine": "native", "threads": 1, "file": str(file), "digest": hashed.hexdigest(), "milliseconds": times}


def latents_of(file: Path, found: dict[str, Any]) -> bytes:
    """Of all tiles put together, as aezip-dump writes them."""
    from aezip.coding import tiles

    header = container.unpack(file.read_bytes()).header
    h, w = -(-header.height // 16), -(-header.width // 16)
    areas = tiles.split(h, w, header.tile_units)
    whole = np.empty((h, w, found[f"{file.stem}.0.latent"].shape[2]), "<i2")
    for number, (rows, columns) in enumerate(areas):
        whole[rows, columns] = found[f"{file.stem}.{number}.latent"]
    return whole.tobytes()


def core(package: str, files: list[Path], found: dict[str, Any], folder: Path) -> Iterator[Result]:
    """The C core, which checks what it asks the engine, and says latents; then the speed of its coder."""
    build = folder / "c"
    subprocess.run(["make", "-s", "-C", RUNTIME / "c", f"BUILD={build}", "all"], check=True)
    vectors = folder / "vectors.npz"
    np.savez(vectors, **found)
    for file in files:
        done = subprocess.run([build / "aezip-dump", package, vectors, file], capture_output=True)
        same = done.returncode == 0 and done.stdout == latents_of(file, found)
        yield {"engine": "C core", "threads": 1, "file": str(file), "same": same, "milliseconds": None}
    subprocess.run([build / "aezip-speed", package, "4", vectors, *(file.stem for file in files)], check=True)


@contextmanager
def page(package: str) -> Iterator[str]:
    """The address of the viewer page."""
    running = server.Server(server.Shown(model=package))
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield running.address
    finally:
        running.shutdown()
        running.server_close()


def javascript(package: str, decoder: str, files: list[Path], repeat: int) -> Iterator[Result]:
    """Node, Chromium, and the viewer in it."""
    asked: dict[str, Any] = {"package": package, "decoder": decoder, "files": list(map(str, files)), "repeat": repeat}
    chromium = shutil.which("chromium")
    if not chromium:
        print("no chromium: left out")
    with page(package) as address:
        asked |= {"chromium": chromium, "address": address} if chromium else {}
        command = ["node", "measure.js", json.dumps(asked)]
        with subprocess.Popen(command, cwd=RUNTIME / "web", stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise SystemExit(f"measure.js: exit code {process.returncode}")


def report(results: list[Result]) -> bool:
    """A line for each engine. Whether all are the native one's."""
    wanted = {r["file"]: r["digest"] for r in results if r["engine"] == "native"}
    base = {r["file"]: median(r["milliseconds"]) for r in results if r["engine"] == "native"}
    good = True
    for engine, threads in dict.fromkeys((r["engine"], r["threads"]) for r in results):
        own = [r for r in results if (r["engine"], r["threads"]) == (engine, threads)]
        judged = [r.get("same", r.get("digest") == wanted[r["file"]]) for r in own if "same" in r or "digest" in r]
        good &= all(judged)
        line = f"{engine}, {threads} thread{'s' if threads > 1 else ''}: "
        line += f"{sum(judged)} of {len(judged)} files identical" if judged else f"{len(own)} files"
        if own[0]["milliseconds"]:
            times = [median(r["milliseconds"]) for r in own]
            ratio = median(time / base[r["file"]] for time, r in zip(times, own, strict=True))
            line += f"; {median(times):.0f} ms a file, {ratio:.2f} × native"
        print(line, flush=True)
    return good


def main() -> None:
    options = parser(__doc__, "files+", crop=str, quality=60.0, repeat=5, model="photo", decoder="full").parse_args()
    coder = codec.Codec(options.model, threads=1, decoder=options.decoder)
    package = os.path.abspath(store.find(options.model).path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = files_of(options.files, options.crop, options.quality, options.model, folder)
        found: dict[str, Any] = {}
        results = list(native(coder, files, options.repeat, found))
        if shutil.which("make") and shutil.which("cc"):
            results += core(package, files, found, folder)
        else:
            print("no make, or no C compiler: left out")
        if shutil.which("node") and (RUNTIME / "web/node_modules").is_dir():
            results += javascript(package, options.decoder, files, options.repeat)
        else:
            print("no node, or no runtime/web/node_modules: left out")
        raise SystemExit(0 if report(results) else 1)


if __name__ == "__main__":
    main()
