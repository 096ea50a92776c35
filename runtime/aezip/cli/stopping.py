"""Ctrl-C and SIGTERM while files are done: both end the run, remove unfinished files, and print a summary."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(KeyboardInterrupt):
    """A signal came."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = signal.Signals(kind)


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Inside, a signal is an exception; then the command ends with one line."""
    try:
        with Stops():
            yield
    except Stopped as stop:
        sys.stderr.write(f"aezip: {WORDS[stop.kind]}\n")
        raise SystemExit(CODES[stop.kind]) from None


class Stops:
    """Inside, the signals raise Stopped, but not within `held`: they wait for its end. A second one does not wait."""

    def __init__(self) -> None:
        self._held, self._came = False, 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stops:
        if threading.current_thread() is threading.main_thread():
            for kind in CODES:
                if signal.getsignal(kind) is not signal.SIG_IGN:
                    self._before[kind] = signal.signal(kind, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside, what is begun is ended."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            raise Stopped(self._came)

    def _stop(self, kind: int, _: FrameType | None) -> None:
        waits, self._came = self._held and not self._came, kind
        if not waits:
            raise Stopped(kind)
