"""Butteraugli (Alakuijala et al. 2017): how far apart two pictures look, as libjxl's program measures it.

In: uint8 [H, W, 3], sRGB. Out: the 3-norm of the difference over all pixels, 0 for equal pictures, about 1 where a
difference just shows. The program is `butteraugli_main` (in Debian's libjxl-devtools).
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from ..arrays import Image8
from ..errors import AezipError

PROGRAM = "butteraugli_main"
LIMIT_S, PIXELS_PER_S = 60.0, 50_000  # the time that a pair may take, and what a slow machine does beyond it


def check() -> None:
    """Try the program on two small pictures.  Raises AezipError."""
    grey = np.full((32, 32, 3), 128, np.uint8)
    distance(grey, grey)


def distance(original: Image8, other: Image8) -> float:
    """The 3-norm.  Raises AezipError if the program is not there, fails, or takes too long."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise AezipError(f"{PROGRAM} is not on PATH", "libjxl's tools (Debian: apt install libjxl-devtools)")
    limit_s = LIMIT_S + original.shape[0] * original.shape[1] / PIXELS_PER_S
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("original.png", "other.png")]
        for file, pixels in zip(files, (original, other), strict=True):
            Image.fromarray(pixels).save(file, compress_level=1)
        command = [program, *files, "--pnorm", "3"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            raise AezipError(f"{PROGRAM} took more than {limit_s:.0f} seconds and was stopped") from None
        except OSError as error:
            raise AezipError(f"{PROGRAM} does not start: {error.strerror or error}") from None
    found = re.search(r"^3-norm:\s*(\S+)\s*$", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        ending = f"ended with {done.returncode}" if done.returncode else "printed no line '3-norm:'"
        raise AezipError(f"{PROGRAM} {ending}" + (f": {last.strip()}" if last else ""))
    return _number(found[1])


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AezipError(f"{PROGRAM} printed '3-norm: {text}'", "a number")
    return value
