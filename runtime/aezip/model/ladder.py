"""The quality ladder in integers: quality 0 … 1000 → the numbers both sides must share.

A package holds log₂ gains at NODES evenly spaced qualities, in 1/4096 octave.
Between nodes they are interpolated in integers; their exponential is a 9-bit
mantissa from a table times a power of two. A product of such a gain with an integer
below 2¹⁵ is exact in float32, so the prior's graphs round it alike everywhere. The
decoder's gains have 16 bits: they are the same everywhere, and so is a product's one rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import INDEX_ONE, INDEX_TOP
from ..errors import PackageDamaged
from ..format.container import QUALITY_TOP

NODES = 9
SPACING = QUALITY_TOP // (NODES - 1)
UNIT = 4096  # of a log₂ gain
LOG_LIMIT = 15 * UNIT
MANTISSA = np.floor(np.exp2(np.arange(256) / 256) * 256 + 0.5)  # 256 … 511

FINE_BITS = 15
FINE = np.floor(np.exp2(np.arange(UNIT) / UNIT) * 2**FINE_BITS + 0.5)  # 2¹⁵ … 2¹⁶ − 1

Logs = NDArray[np.int64]
Gain = NDArray[np.float32]


class Ladder(NamedTuple):
    """Log₂ gains at the nodes, in 1/4096 octave, and the hyper-latent's offsets.  [NODES, channels] each."""

    gain: Logs  # of the latents
    inverse_gain: Logs  # of the decoded latents
    hyper_gain: Logs
    hyper_inverse: Logs
    hyper_scale: Logs
    hyper_offset: Logs  # in 1/32, as the prior's activations

    @classmethod
    def of(cls, gain: Logs, inverse_gain: Logs, *hyper: Logs) -> Ladder:
        """From its fields in their order; without the last four for a model that has no hyper-latents."""
        return cls(gain, inverse_gain, *(hyper or [np.zeros((len(gain), 0), np.int64)] * 4))

    def check(self) -> None:
        """Raise PackageDamaged unless shapes and ranges are possible."""
        for name, value in self._asdict().items():
            like = self.hyper_gain if name.startswith("hyper") else self.gain
            empty = not value.size and not (name.startswith("hyper") and value.shape == (NODES, 0))
            if value.ndim != 2 or empty or value.shape != (NODES, like.shape[-1]):
                raise PackageDamaged(f"the ladder's {name} has the shape {value.shape}", f"{NODES} nodes")
            if np.abs(value).max(initial=0) >= LOG_LIMIT:
                raise PackageDamaged(f"the ladder's {name} reaches {np.abs(value).max()}", f"less than {LOG_LIMIT}")


class Rung(NamedTuple):
    """What one quality means, per channel.  C latent channels, Z hyper-latent channels."""

    quality: int  # 0 … 1000
    gain: Gain  # [C] the encoder's, not exact
    inverse_gain: Gain  # [C] the decoder's, for latents in 1/16
    mean_gain: Gain  # [C] from the prior's mean (1/64) to 1/16 of a step, exact
    context_gain: Gain  # [C] from 1/16 of a step to the prior's 1/32, exact
    shift: Gain  # [C] to add to the prior's scale, whole
    hyper_gain: Gain  # [Z] the encoder's
    hyper_inverse: Gain  # [Z] from symbols to the prior's 1/32, exact
    hyper_offset: Gain  # [Z] to add there, whole
    hyper_index: NDArray[np.int64]  # [Z] table of each hyper-latent channel


def between(nodes: Logs, quality: int) -> Logs:
    """A ladder's values at `quality`, rounded to whole numbers.  [NODES, C] → [C]"""
    low = min(quality // SPACING, NODES - 2)
    part = quality - low * SPACING
    return np.asarray((nodes[low] * (SPACING - part) + nodes[low + 1] * part + SPACING // 2) // SPACING)


def exact_gain(log: Logs) -> Gain:
    """2^(log / 4096) with a mantissa of 9 bits."""
    return np.asarray(np.ldexp(MANTISSA[(log >> 4) & 255], (log >> 12) - 8), np.float32)


def fine_gain(log: Logs) -> Gain:
    """2^(log / 4096) with a mantissa of 16 bits."""
    return np.asarray(np.ldexp(FINE[log & (UNIT - 1)], (log >> 12) - FINE_BITS), np.float32)


def steps(log: Logs) -> Logs:
    """A log₂ gain in table steps, rounded: log / 4096 · OCTAVE."""
    return np.asarray((log * 11 + 4096) >> 13)


def rung(ladder: Ladder, quality: int) -> Rung:
    """Everything that `quality` (0 … 1000) sets."""
    gain, inverse = between(ladder.gain, quality), between(ladder.inverse_gain, quality)
    hyper_gain = between(ladder.hyper_gain, quality)
    hyper_inverse = between(ladder.hyper_inverse, quality)
    return Rung(
        quality=quality,
        gain=np.exp2(gain / UNIT).astype(np.float32),
        inverse_gain=fine_gain(inverse - 4 * UNIT),
        mean_gain=exact_gain(gain - 2 * UNIT),
        context_gain=exact_gain(UNIT - gain),
        shift=(steps(gain) + INDEX_ONE).astype(np.float32),
        hyper_gain=np.exp2(hyper_gain / UNIT).astype(np.float32),
        hyper_inverse=exact_gain(hyper_inverse + 5 * UNIT),
        hyper_offset=between(ladder.hyper_offset, quality).astype(np.float32),
        hyper_index=np.clip(steps(between(ladder.hyper_scale, quality)) + INDEX_ONE, 0, INDEX_TOP),
    )
