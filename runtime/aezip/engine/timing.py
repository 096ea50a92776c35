"""Where the time goes: the codec names its stages, and whoever listens hears how long each took.

Stages are the runs of graphs, by name; `entropy`, the entropy coder; `container`. They may run in several threads at
once, and do not nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple


class Span(NamedTuple):
    """One run of a stage; `inputs` are a graph's."""

    stage: str
    time_s: float
    inputs: dict[str, Any] | None


_heard: list[Span] | None = None


class stage:
    """`with stage("entropy"): …` tells a listener how long it took."""

    def __init__(self, name: str, inputs: dict[str, Any] | None = None) -> None:
        self._name, self._inputs = name, inputs

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        if _heard is not None:
            _heard.append(Span(self._name, perf_counter() - self._start, self._inputs))


@contextmanager
def listening() -> Iterator[list[Span]]:
    """The stages of this process while inside, in the order in which they end.  One listener at a time."""
    global _heard
    spans: list[Span] = []
    _heard = spans
    try:
        yield spans
    finally:
        _heard = None


def totals(spans: list[Span]) -> dict[str, float]:
    """Seconds of each stage."""
    out: dict[str, float] = {}
    for span in spans:
        out[span.stage] = out.get(span.stage, 0.0) + span.time_s
    return out
