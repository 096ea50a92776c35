"""Progress bars on stderr: of many files, or of one large picture; none if stderr is not a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..engine import progress
from .messages import is_terminal

_ONE = "{desc} {percentage:3.0f}%|{bar}| {remaining} left"


@contextlib.contextmanager
def bar(files: int, quiet: bool, **options: Any) -> Iterator[Any]:
    """Inside, a bar of several files.  None if there is one, or if nobody watches."""
    if files < 2 or quiet or not is_terminal(sys.stderr):
        yield None
        return
    with _shown(**options) as shown:
        yield shown


@contextlib.contextmanager
def picture_bar(files: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """Inside, a bar of the one picture, while it is done in several parts; gives what takes the bar away."""
    shown: list[Any] = []  # the bar, if there is one now

    def show(doing: str, done: int, count: int) -> None:
        if done == 0:
            close()
            shown.append(_shown(total=count, desc=doing, bar_format=_ONE))
        elif shown:
            shown[0].update()

    def close() -> None:
        while shown:
            shown.pop().close()

    if files > 1 or quiet or not is_terminal(sys.stderr):
        yield close
        return
    try:
        with progress.watched_by(show):
            yield close
    finally:
        close()


def above(shown: Any) -> Any:
    """Inside, lines can be printed while a bar, or None, is shown."""
    return contextlib.nullcontext() if shown is None else shown.external_write_mode(file=sys.stderr)


def _shown(**options: Any) -> Any:
    from tqdm import tqdm

    return tqdm(dynamic_ncols=True, file=sys.stderr, leave=False, **options)
