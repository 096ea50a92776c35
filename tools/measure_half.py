"""Memory and time of half a codec, picture after picture.

    python tools/measure_half.py encoder camera.aezm photo.png [another.png …] [--threads 1] [--any-size] [--rounds 4]
    python tools/measure_half.py decoder screen.aezm photo.lat [another.lat …]

Says after each picture how long it took and what the process holds beyond Python, numpy and the pictures (Linux).
Memory is planned for the size of the first picture unless --any-size is given; the others should have that size, too.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import parser, peak_mb, read

import aezip
from aezip import embed


def resident() -> float:
    """MB of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    given = parser(__doc__, threads=int, any_size=False, rounds=4)
    given.add_argument("half", choices=("encoder", "decoder"))
    given.add_argument("package")
    given.add_argument("files", nargs="+")
    options = given.parse_args()
    work: Callable[[Any], Any]
    if options.half == "encoder":
        inputs = [read(file, rgb=True) for file in options.files]
        size = inputs[0].shape[:2]
    else:
        inputs = [Path(file).read_bytes() for file in options.files]
        header = aezip.unpack(inputs[0]).header
        size = header.height, header.width
    before = resident()
    planned = {"size": None if options.any_size else size, "threads": options.threads}
    if options.half == "encoder":
        work = embed.Encoder(options.package, **planned).encode
    else:
        work = embed.Decoder(options.package, **planned).decode
    for turn in range(options.rounds):
        for number, picture in enumerate(inputs):
            start = time.perf_counter()
            work(picture)
            took = time.perf_counter() - start
            print(
                f"{options.files[number]}, round {turn}: {took:.2f} s, holds {resident() - before:.0f} MB, "
                f"peak {peak_mb() - before:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
