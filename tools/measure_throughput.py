"""How well many files use all cores: `--jobs` at all of them against one process with one thread.

    python tools/measure_throughput.py PICTURES [--count 40] [--rounds 3] [--jobs N]

PICTURES is a folder of image files, of which the first are taken. Rounds alternate between the two, and between
compressing and decompressing (to JPEG, for PNG's own compression would take most of the time); whole commands count,
with their start. Printed are medians, and the efficiency: throughput of all cores / (cores × throughput of one).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from common import aezip, parser, pictures

from aezip.engine.cores import cores

ONE = ("--jobs", "1", "--threads", "1")


def main(folder: str, count: int, rounds: int, jobs: int) -> None:
    files = pictures(folder, count)
    ways = {"one": ONE, "all": ("--jobs", str(jobs))}
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        inputs, middle, out = (Path(place) / name for name in ("in", "lat", "out"))
        inputs.mkdir()
        for file in files:
            shutil.copy(file, inputs)
        for _ in range(rounds + 1):  # the first one is not counted
            for name, options in ways.items():
                found = times.setdefault(("compress", name), []), times.setdefault(("decompress", name), [])
                found[0].append(_run("compress", inputs, "-o", middle, *options))
                back = ("--replace-original", "--format", "jpg", *options)
                found[1].append(_run("decompress", middle, "-o", out, *back))
    print(f"{len(files)} pictures, {jobs} jobs, {rounds} rounds")
    for command in ("compress", "decompress"):
        one, every = (times[command, name][1:] for name in ways)
        used = median(a / b for a, b in zip(one, every, strict=True)) / jobs
        rates = (f"{len(files) / median(found):5.2f} pictures/s" for found in (one, every))
        print(f"{command:<10}  one core {next(rates)}   all {next(rates)}   efficiency {100 * used:.0f} %")


def _run(command: str, *arguments: str | Path) -> float:
    """Seconds of one command."""
    start = perf_counter()
    subprocess.run(aezip(command, "-f", "--quiet", *arguments), check=True)
    return perf_counter() - start


if __name__ == "__main__":
    main(**vars(parser(__doc__, "folder", count=40, rounds=3, jobs=cores()).parse_args()))
