"""Time and peak memory of the whole command over pictures of different sizes.

    python tools/measure_sizes.py small.png large.png large.jpg --kinds png,jpg,ppm

Each picture is compressed and decompressed by separate `aezip` processes, then a 512×512 region of its
middle. --kinds: formats to decompress to. Printed: seconds, nanoseconds a pixel, and peak resident memory (the kernel's
count, of Linux).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from common import aezip, parser

from aezip.format.container import MAX_SIDE, unpack

SIDE = 512


def main() -> None:
    arguments = parser(__doc__, "pictures+", kinds="png", quality="60", threads="2").parse_args()
    common = ["--threads", arguments.threads]
    with tempfile.TemporaryDirectory() as folder:
        coded = f"{folder}/x.lat"
        for picture in arguments.pictures:
            compress = measure(["compress", picture, "-f", "-o", coded, "-q", arguments.quality, *common])
            header = unpack(Path(coded).read_bytes(), MAX_SIDE**2).header
            size = header.width * header.height
            print(f"{picture}  {header.width}×{header.height}  {8 * os.path.getsize(coded) / size:.3f} bpp")
            show("compress", compress, size)
            for kind in arguments.kinds.split(","):
                found = measure(["decompress", coded, "-f", "-o", f"{folder}/x.{kind}", *common])
                show(f"decompress to {kind}", found, size)
            side = min(SIDE, header.width, header.height)
            corner = f"{(header.width - side) // 2},{(header.height - side) // 2},{side},{side}"
            part = measure(["decompress", coded, "-f", "--region", corner, "-o", f"{folder}/part.png", *common])
            show(f"region {corner}", part, size)


def measure(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of an `aezip` process.  Exits if it fails."""
    start = time.perf_counter()
    child = os.spawnv(os.P_NOWAIT, sys.executable, aezip(*arguments))
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"aezip {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def show(what: str, found: tuple[float, float], pixels: int) -> None:
    print(f"  {what:30s} {found[0]:7.2f} s  {found[0] / pixels * 1e9:7.0f} ns/pixel  {found[1]:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
