"""Which entropy coder is used: the compiled one where it was built, otherwise numpy's. Both write the same bytes.

`rans.py` is the reference; `_coder` is runtime/c behind Python's limited API, about a hundred times as fast, and lets
other threads run meanwhile. AEZIP_CODER=numpy or =compiled forces one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..errors import StreamDamaged, UsageError
from . import order, rans
from .tables import Tables

try:
    from . import _coder

    _absence = ""
except ImportError as error:
    _absence = str(error) if find_spec("aezip.entropy._coder") else "aezip was installed without a C compiler"

VARIABLE = "AEZIP_CODER"
NAMES = ("compiled", "numpy")
Latents = NDArray[np.int16]
Half = tuple[int, int, int, int]  # a tile's rows and columns, channels, and which half, 0 or 1


def chosen() -> tuple[str, str]:
    """The coder in use, of NAMES, and why.  Raises UsageError."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted and wanted not in NAMES:
        raise UsageError(f"{VARIABLE} is '{wanted}'", f"one of {', '.join(NAMES)}")
    if wanted == "compiled" and _absence:
        raise UsageError(f"{VARIABLE} is 'compiled', but {_absence}", "pip install --force-reinstall with a C compiler")
    if wanted:
        return wanted, f"{VARIABLE} says so"
    return ("numpy", _absence) if _absence else ("compiled", "built when aezip was installed")


def encode(
    phases: Sequence[rans.Phase], tables: Tables, lanes: int | None = None, *, progressive: bool = False
) -> bytes:
    """As rans.encode.  progressive: sort each phase, see `order`."""
    if chosen()[0] == "numpy":
        return rans.encode([order.sorted_phase(phase) for phase in phases] if progressive else phases, tables, lanes)
    rans.check_phases(phases, lanes)
    compiled = tables.compiled
    pairs = tuple((_bytes(index, np.uint8), _bytes(symbol, np.int16)) for index, symbol in phases)
    if lanes is None:
        lanes = rans.lanes_for(sum(_coder.bits(compiled, pair) for pair in pairs))
    return _coder.encode(compiled, pairs, lanes, progressive)


def decoder(data: bytes, tables: Tables, *, progressive: bool = False, cut: bool = False) -> order.Source:
    """A decoder of a stream: `take` phases, then `finish`.  Raises StreamDamaged.

    progressive: phases were sorted, see `order`; cut: the stream's end is missing.
    """
    compiled = chosen()[0] == "compiled"
    source: order.Source
    if cut:
        whole, kind = rans.whole_words(data), Compiled if compiled else rans.Decoder
        source = order.Cut(kind(whole, tables) if whole else None, rans.lanes_of(whole))
    elif compiled:
        return Compiled(data, tables, progressive)
    else:
        source = rans.Decoder(data, tables)
    return order.Sorted(source) if progressive else source


class Compiled:
    """As rans.Decoder; progressive: as order.Sorted of one."""

    def __init__(self, data: bytes, tables: Tables, progressive: bool = False) -> None:
        rans.check_head(data)
        self._decoder, self._progressive = _coder.begin(tables.compiled, bytes(data)), progressive

    def take(self, index: NDArray[np.integer]) -> Latents:
        """The next phase's symbols, under the tables `index` [n].  [n] int16.  Raises StreamDamaged, PackageDamaged."""
        rans.check_index(index)
        return _made(_coder.take(self._decoder, _bytes(index, np.uint8), self._progressive))

    def take_half(self, half: Half, mean: Latents, index: NDArray[np.uint8], skip: int) -> Latents:
        """As Hyperprior._take, the inverse of `give_half`.  Raises StreamDamaged."""
        found = _coder.take_half(self._decoder, half, mean.tobytes(), index.tobytes(), skip, self._progressive)
        return _made(found).reshape(mean.shape)

    def finish(self) -> None:
        """Check that everything was read and every lane is back at its start."""
        rans.check_end(*_coder.finish(self._decoder))


def give_half(
    tables: Tables,
    half: Half,
    latent: Latents,
    mean: Latents,
    index: NDArray[np.uint8],
    flat: NDArray[np.bool_] | None,
    skip: int,
    worth: float,
) -> tuple[rans.Phase, Latents, int]:
    """As Hyperprior._give, by the compiled coder.  worth: bits_per_error, or 0 for rounding."""
    arrays = latent.tobytes(), mean.tobytes(), index.tobytes(), None if flat is None else flat.tobytes()
    table, symbol, made, lost = _coder.give_half(tables.compiled, half, *arrays, skip, worth)
    return (np.frombuffer(table, np.uint8), _made(symbol)), _made(made).reshape(mean.shape), lost


def _bytes(values: NDArray[np.integer], kind: type[np.integer]) -> bytes:
    return values.astype(kind, copy=False).tobytes()


def _made(found: bytes | bytearray | int) -> Latents:
    """What the compiled coder made.  Raises StreamDamaged."""
    if not isinstance(found, int):
        return np.frombuffer(found, np.int16)
    if found == _coder.STREAM_SHORT:
        raise rans.StreamShort(*rans.SHORT)
    raise StreamDamaged(*rans.ESCAPE)
