"""Whether pixels are the same bytes everywhere, and how long each engine takes.

    python tools/measure_exact.py photo.png … --model mine.aezm [--processors FOLDER] [--qualities 20,60,90]
        [--crop 256x192] [--emulated 4] [--repeat 0] [--decoder small]

Pictures are compressed at each quality. The files are decoded by onnxruntime at every level of optimisation on one
thread and on two, by onnxruntime-web in Node and in headless Chromium, and on the processors that `processors.py` made
in FOLDER. Those of qemu are slow and get the first `emulated` files of each quality. The exit code is 1 if a file
decodes to other pixels anywhere than it does with onnxruntime's optimisation off, which computes in float32.

Times are medians over files of the median over `repeat` decodings, all processes one after another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from common import parser
from measure_engines import RUNTIME, files_of, javascript
from processors import commands

from aezip.model import store

Result = dict[str, Any]  # engine, file, pixels (SHA-256), milliseconds
LEVELS = ("disabled", "basic", "extended", "all")
FIRST = "onnxruntime, disabled, 1 thread"
WORKER = Path(__file__).with_name("pixels_of.py")


def python(
    engine: str, command: list[str], package: list[str], threads: int, level: str, repeat: int, files: list[Path]
) -> Iterator[Result]:
    """What a Python of any processor makes of the files."""
    arguments = [str(WORKER), *package, str(threads), level, str(repeat), *map(str, files)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate()
    for line in out.splitlines():
        yield {"engine": engine, **json.loads(line)}
    if process.returncode:
        yield {"engine": engine, "file": "", "pixels": f"exit code {process.returncode}", "milliseconds": []}
        print(f"{engine}: {(err.strip().splitlines() or ['nothing said'])[-1]}", file=sys.stderr)


def named(engine: str, threads: int) -> str:
    return f"{engine}, {threads} thread{'s' if threads > 1 else ''}"


def everywhere(
    package: list[str], files: list[Path], few: list[Path], processors: str, repeat: int
) -> Iterator[Result]:
    """Results of all engines, FIRST first.  package: its path, and which decoder of it; few: the files for slow ones"""
    for level in LEVELS:
        for threads in (1, 2):
            engine = named(f"onnxruntime, {level}", threads)
            yield from python(engine, [sys.executable], package, threads, level, repeat, files)
    if shutil.which("node") and (RUNTIME / "web/node_modules").is_dir():
        for result in javascript(*package, files, repeat):
            if "pixels" in result:
                yield {**result, "engine": named(result["engine"], result["threads"])}
    else:
        print("no node, or no runtime/web/node_modules: left out", file=sys.stderr)
    for name, command in commands(Path(processors).resolve()) if processors else ():
        slow = name.startswith("qemu")
        if slow and not few:
            continue
        yield from python(name, command, package, 1, "all", 0 if slow else repeat, few if slow else files)


def report(results: list[Result]) -> bool:
    """A line for each engine. Whether all pixels are those of FIRST."""
    wanted = {r["file"]: r["pixels"] for r in results if r["engine"] == FIRST}
    base = {r["file"]: median(r["milliseconds"]) for r in results if r["engine"] == FIRST and r["milliseconds"]}
    good = bool(wanted)
    for engine in dict.fromkeys(r["engine"] for r in results):
        own = [r for r in results if r["engine"] == engine]
        same = [r["pixels"] == wanted.get(r["file"]) for r in own]
        good &= all(same)
        line = f"| {engine} | {sum(same)} of {len(own)} |"
        timed = [r for r in own if r["milliseconds"] and r["file"] in base]
        if timed:
            times = [median(r["milliseconds"]) for r in timed]
            ratio = median(time / base[r["file"]] for time, r in zip(times, timed, strict=True))
            line += f" {median(times):.0f} ms | {ratio:.2f} × |"
        print(line, flush=True)
        for r in (r for r, as_it_should in zip(own, same, strict=True) if not as_it_should):
            print(f"  differs: {Path(r['file']).name} {r['pixels'][:16]}", flush=True)
    return good


def main() -> None:
    options = parser(
        __doc__,
        "files+",
        model="photo",
        processors="",
        qualities="20,60,90",
        crop=str,
        emulated=4,
        repeat=0,
        decoder="full",
    ).parse_args()
    if options.processors and not Path(options.processors).is_dir():
        raise SystemExit(f"{options.processors}: no folder; make it with tools/processors.py")
    package = os.path.abspath(store.find(options.model).path)
    with tempfile.TemporaryDirectory() as name:
        files, few = [], []
        for quality in map(float, options.qualities.split(",")):
            folder = Path(name) / f"{quality:g}"
            folder.mkdir()
            made = files_of(options.files, options.crop, quality, package, folder)
            files += made
            few += made[: options.emulated]
        results = list(everywhere([package, options.decoder], files, few, options.processors, options.repeat))
    raise SystemExit(0 if report(results) else 1)


if __name__ == "__main__":
    main()
