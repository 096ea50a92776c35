"""What times are compared with: the machine's arithmetic; and on which machine they were measured.

The figures that need a separate process come from here.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

import numpy as np
from PIL import Image

from ..arrays import Image8
from ..engine.cores import cores
from ..engine.library import onnxruntime

_POOLS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_PRODUCT = """
import time, numpy
n = 2048
a = numpy.random.default_rng(1).random((n, n), numpy.float32)
a @ a
times = []
for _ in range(9):
    start = time.perf_counter()
    a @ a
    times.append(time.perf_counter() - start)
print(2 * n**3 / sorted(times)[4])
"""


def gemm_rate(threads: int) -> float:
    """Floating-point operations per second of numpy's float32 matrix product, 2048³, with this many threads."""
    environment = {**os.environ, **dict.fromkeys(_POOLS, str(threads))}
    out = subprocess.run([sys.executable, "-c", _PRODUCT], capture_output=True, text=True, check=True, env=environment)
    return float(out.stdout)


def described() -> dict[str, Any]:
    """What the figures were measured on."""
    import PIL

    return {
        "processor": platform.processor() or platform.machine(),
        "system": platform.system(),
        "cores": cores(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime().__version__,
        "pillow": PIL.__version__,
    }


def draw(width: int, height: int, seed: int = 1) -> Image8:
    """Soft noise of every size, and edges.  [height, width, 3]

    As rich as photographs: at quality 60 `photo` makes 0.59 bits a pixel of either.
    """
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.float32)
    size, strength = 3, 44.0
    while size < max(width, height):
        coarse = rng.normal(0, 1, (size * height // width + 2, size + 2)).astype(np.float32)
        layer = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        if size < 64:
            layer = np.where(layer > 0.3, 1, 0.5 * layer)
        tint = 1 + 0.4 * rng.normal(0, 1, 3).astype(np.float32)
        picture += strength * layer[:, :, None] * tint
        size, strength = 2 * size, strength * 0.8
    return np.asarray(np.clip(picture, 0, 255).round(), np.uint8)
