"""Many threads' pictures through one graph at a time: what waits for it goes together.

While a graph runs for some, others hand in their pictures; the run that follows takes all of one kind. Nobody waits
for more to come.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Array], Array]  # [N, …] → [N, …]


class Together:
    """One graph's runs.

    most: pictures that a run takes; elements: array elements that it takes, of more than one picture.
    """

    def __init__(self, most: int, elements: int) -> None:
        self._most, self._elements = most, elements
        self._waiting: list[_Call] = []
        self._running = False
        self._changed = Condition()

    def __call__(self, kind: Hashable, item: Array, run: Run) -> Array:
        """What `run` makes of an item, alone or among others of its kind: same shape, same `run`.

        Raises what `run` raises for it alone.
        """
        mine = _Call(kind, item, run)
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine.done or not self._running)
            if not mine.done:
                self._running = True
                group = self._group(mine)
        if not mine.done:
            try:
                _settle(group)
            finally:
                with self._changed:
                    self._running = False
                    self._changed.notify_all()
        if mine.error is not None:
            raise mine.error
        assert mine.result is not None
        return mine.result

    def _group(self, first: _Call) -> list[_Call]:
        """A call and those that go with it, taken from the waiting ones."""
        most = min(self._most, max(1, self._elements // max(1, first.item.size)))
        alike = [c for c in self._waiting if c.kind == first.kind and c is not first]
        group = [first, *alike[: most - 1]]
        self._waiting = [c for c in self._waiting if c not in group]
        return group


class _Call:
    """An item that waits, and what became of it."""

    def __init__(self, kind: Hashable, item: Array, run: Run) -> None:
        self.kind, self.item, self.run = kind, item, run
        self.result: Array | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.result is not None or self.error is not None


def _settle(group: list[_Call]) -> None:
    """Run a group; if that fails, each of it alone, so that each gets its own error."""
    run = group[0].run
    if len(group) > 1:
        try:
            for call, result in zip(group, run(np.stack([c.item for c in group])), strict=True):
                call.result = result
            return
        except Exception:  # too much memory, perhaps: each says for itself what is wrong
            pass
        except BaseException as error:  # an interrupt is everybody's
            for call in group:
                call.error = error
            return
    for call in group:
        try:
            call.result = run(call.item[None])[0]
        except BaseException as error:
            call.error = error
