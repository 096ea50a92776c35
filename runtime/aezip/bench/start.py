"""Cold commands: what a start adds to the work, compared with the imports that it needs.

Every round runs each command once, and the same work once more in this process, which is warm. Ratios compare times of
one round; their median counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from ..bulk.jobs import Compression, Decompression, Job
from ..bulk.work import Item, Work
from ..codec import Codec
from ..engine.library import SWITCH
from ..model.store import is_path

IMPORTS = "import numpy, onnxruntime, PIL.Image"
ROUNDS = 9


def measure(
    file: Path, folder: Path, codec: Codec, model: str, rounds: int = ROUNDS
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of commands and of what they are held against, and ratios, each by name.

    file: a picture; folder: for what is written, and for Python's bytecode.
    """
    threads = str(codec.threads)
    lat, back = str(folder / "picture.lat"), str(folder / "back.png")
    options = ("-f", "--quiet", "--threads", threads)
    named = ("-m", model) if is_path(model) else ()  # the command finds others by the file
    commands = {
        "click": ("-c", "import click"),
        "imports": ("-c", IMPORTS),
        "compress": ("-m", "aezip", "compress", *options, "-m", model, str(file), "-o", lat),
        "decompress": ("-m", "aezip", "decompress", *options, *named, lat, "-o", back),
        "help": ("-m", "aezip", "--help"),
        "info": ("-m", "aezip", "info", lat),
    }
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), SWITCH: "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    work: tuple[tuple[str, Job, Item], ...] = (  # the commands' own, files read and written
        ("warm compress", Compression(), Item(str(file), lat)),
        ("warm decompress", Decompression(), Item(lat, back)),
    )
    times: dict[str, list[float]] = {name: [] for name in (*commands, *(name for name, *_ in work))}
    for _ in range(rounds + 1):  # the first one is not counted
        for name, arguments in commands.items():
            times[name].append(_process_time(arguments, environment))
        for name, job, item in work:
            times[name].append(Work(job, None, force=True).do(item, codec).time_s)
    counted = {name: found[1:] for name, found in times.items()}
    ratios = {name: _median_ratio(counted[name], counted["click"]) for name in ("help", "info")}
    for name in ("compress", "decompress"):
        added = [cold - warm for cold, warm in zip(counted[name], counted[f"warm {name}"], strict=True)]
        ratios[name] = _median_ratio(added, counted["imports"])
    return {name: median(found) for name, found in counted.items()}, ratios


def _median_ratio(times: list[float], others: list[float]) -> float:
    return median(a / b for a, b in zip(times, others, strict=True))


def _process_time(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """Seconds from start to end of Python with these arguments."""
    start = perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environment)
    return perf_counter() - start
