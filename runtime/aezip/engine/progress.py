"""How far a large picture or a long task is: it is done part by part, and whoever watches hears of each.

One watcher a process, who is called in the thread that does the work. Nobody watching, a part costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Watcher = Callable[[str, int, int], None]  # what is done (encode, decode, …), parts that are done, of how many

_watcher: Watcher | None = None


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Inside, the watcher hears of every picture of more than one part."""
    global _watcher
    _watcher = watcher
    try:
        yield
    finally:
        _watcher = None


class Parts:
    """The parts of one picture.  `done` ends one."""

    def __init__(self, doing: str, count: int) -> None:
        self._doing, self._count, self._done = doing, count, -1
        self.done()

    def done(self) -> None:
        """One more is done."""
        self._done += 1
        if _watcher is not None and self._count > 1:
            _watcher(self._doing, self._done, self._count)


def each(doing: str, items: Sequence[T]) -> Iterator[T]:
    """The parts of one picture, each done when the next is asked for."""
    parts = Parts(doing, len(items))
    for item in items:
        yield item
        parts.done()
