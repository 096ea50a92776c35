"""One session of training: its minutes or steps, and requests to stop it sooner."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED, STEPS, TIME, EARLY = 1, 2, 3, 4
REASONS = ("", "stopped", "steps done", "time used up", "stopped early, {} validations without a better one")


class Session:
    """The time since it began, and its limits.

    first, last: steps of the run at which it begins and ends; last may be infinite.
    """

    def __init__(self, minutes: float, first: int, last: float) -> None:
        self.limit_s, self.first, self.last = 60 * minutes, first, last
        self.begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the session began."""
        return time.monotonic() - self.begin

    def share(self, step: int) -> float:
        """What part of the session is over, by time or by steps, at most 1."""
        steps = (step - self.first) / max(self.last - self.first, 1)
        return min(1.0, max(self.seconds / max(self.limit_s, 1e-9), steps))

    def left_s(self, step: int) -> float:
        """Seconds that the rest will take."""
        return self.seconds / max(self.share(step), 1e-3) - self.seconds

    def reached(self, step: int) -> int:
        """STEPS or TIME where that limit is reached, else 0."""
        return STEPS if step >= self.last else TIME if self.seconds >= self.limit_s else 0


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Signals SIGINT and SIGTERM that arrive within the block; they do nothing else there."""
    asked: list[int] = []
    handlers = {s: signal.signal(s, lambda number, _: asked.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
