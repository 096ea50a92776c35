"""Types of the arrays that modules hand each other, and of parts of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]  # [H, W, C], C 1 or 3
Samples = NDArray[Any]  # [H, W, C]: uint8 of 8 bits, uint16 of more
Mask = NDArray[np.bool_]  # [H, W], true where something is so
Region = tuple[int, int, int, int]  # x, y, width, height in pixels
