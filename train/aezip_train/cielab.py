"""The a/b plane of CIELAB, in which distances of colours are near to what eyes see, for losses on it.

sRGB, D65, 2° (IEC 61966-2-1; CIE 15). Differentiable everywhere, also where samples are beyond black and white.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Linear R, G, B → X, Y, Z in units of white's.
XYZ = ((0.4339532, 0.3762229, 0.1898248), (0.2126729, 0.7151522, 0.0721750), (0.0177584, 0.1094766, 0.8727636))
BEND, SHARE = 0.04045, 6 / 29  # below: straight lines


def ab(rgb: Tensor) -> Tensor:
    """sRGB [N, 3, H, W], black 0 and white 1 → a, b [N, 2, H, W]"""
    low = rgb <= BEND
    bent = ((torch.where(low, torch.ones_like(rgb), rgb) + 0.055) / 1.055) ** 2.4
    linear = torch.where(low, rgb / 12.92, bent)
    xyz = torch.einsum("xc,nchw->nxhw", torch.tensor(XYZ, dtype=rgb.dtype, device=rgb.device), linear)
    low = xyz <= SHARE**3
    root = torch.where(low, torch.ones_like(xyz), xyz) ** (1 / 3)
    f = torch.where(low, xyz / (3 * SHARE**2) + 4 / 29, root)
    return torch.stack((500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), 1)
