"""Which entropy coder is used: the compiled one where it was built, otherwise numpy's. Both write the same bytes.

`rans.py` is the reference; `_coder` is runtime/c behind Python's limited API, about a hundred
times as fast, and lets other threads run meanwhile. AEZIP_CODER=numpy or =compiled forces one.
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
    if progressive:
        phases = [order.sorted_phase(phase) for phase in phases]
    if chosen()[0] == "numpy":
        return rans.encode(phases, tables, lanes)
    rans.check_phases(phases, lanes)
    compiled = tables.compiled
    pairs = tuple((_bytes(index, np.uint8), _bytes(symbol, np.int16)) for index, symbol in phases)
    if lanes is None:
        cost = tables.cost.tobytes()
        lanes = rans.lanes_for(sum(_coder.bits(compiled, cost, pair) for pair in pairs))
    stream = _coder.encode(compiled, pairs, lanes)
    if isinstance(stream, int):
        raise AssertionError(f"the compiled coder failed with {stream}")  # what can fail was checked above
    return stream


def decoder(data: bytes, tables: Tables, *, progressive: bool = False, cut: bool = False) -> order.Source:
    """A decoder of a stream: `take` phases, then `finish`.  Raises StreamDamaged.

    progressive: phases were sorted, see `order`; cut: the stream's end is missing.
    """
    kind = rans.Decoder if chosen()[0] == "numpy" else Compiled
    source: order.Source
    if cut:
        whole = rans.whole_words(data)
        source = order.Cut(kind(whole, tables) if whole else None, rans.lanes_of(whole))
    else:
        source = kind(data, tables)
    return order.Sorted(source) if progressive else source


class Compiled:
    """As rans.Decoder."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        rans.check_head(data)
        found = _coder.begin(tables.compiled, bytes(data))
        if isinstance(found, int):
            raise AssertionError(f"the compiled coder failed with {found}")
        self._decoder = found

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int16]:
        """The next phase's symbols, under the tables `index` [n].  [n] int16.  Raises StreamDamaged, PackageDamaged."""
        rans.check_index(index)
        symbols = _coder.take(self._decoder, _bytes(index, np.uint8))
        if isinstance(symbols, int):
            if symbols == _coder.STREAM_SHORT:
                raise rans.StreamShort(*rans.SHORT)
            raise StreamDamaged(*rans.ESCAPE)
        return np.frombuffer(symbols, np.int16)

    def finish(self) -> None:
        """Check that everything was read and every lane is back at its start."""
        rans.check_end(*_coder.finish(self._decoder))


def _bytes(values: NDArray[np.integer], kind: type[np.integer]) -> bytes:
    return values.astype(kind, copy=False).tobytes()
