"""What a run reports while it trains: log.jsonl, files of a validation, TensorBoard's events, a progress bar.

Everything lands in the run's folder; a journal that is not `on` writes nothing.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tqdm import tqdm

from aezip.errors import missing
from aezip.storage.files import atomic_write

from . import runs

EVERY = 20  # steps between TensorBoard's scalars
SMOOTH = 0.02  # of a running mean that the newest value is


class Validation(NamedTuple):
    """What a validation found."""

    line: dict[str, Any]  # for log.jsonl
    figures: str  # those that tell most, for the bar and the line
    more: str = ""  # for the line alone
    files: Mapping[str, bytes] = MappingProxyType({})  # for the run's folder
    scalars: Mapping[str, float] = MappingProxyType({})  # for TensorBoard


class Journal:
    """Log, files, events and progress of one session.

    tensorboard: None writes events where tensorboard is installed; True insists on it (DependencyMissing).
    """

    def __init__(
        self, folder: Path, step: int, *, on: bool = True, tensorboard: bool | None = None, progress: bool = True
    ) -> None:
        self.folder, self.on = folder, on
        self.smooth: dict[str, float] = {}  # running means of the steps' scalars
        self._events = _writer(folder, step) if on and _wanted(tensorboard) else None
        self._told = step  # when scalars came
        self._last = ""  # what the last validation found
        self._bar = tqdm(
            total=1.0,
            disable=True if not (on and progress) else None,
            bar_format="{percentage:3.0f}%|{bar:20}| {desc}",
        )

    def step(self, step: int, scalars: dict[str, float], share: float, left_s: float) -> None:
        """After a step: its scalars, the session's share that is done, and the seconds left of it.

        scalars: none, or means over the steps since some came.
        """
        if scalars:
            weight, self._told = 1 - (1 - SMOOTH) ** max(1, step - self._told), step
            for key, value in scalars.items():
                if math.isfinite(value):
                    self.smooth[key] = (1 - weight) * self.smooth.get(key, value) + weight * value
        self._bar.n = share
        numbers = ", ".join(f"{k} {v:.4g}" for k, v in self.smooth.items())
        self._bar.desc = f"step {step:,}, {numbers}, {duration(left_s)} left{self._last}"
        self._bar.update(0)
        if self._events and step % EVERY == 0:
            self._add({f"train/{key}": value for key, value in self.smooth.items()}, step)

    def validating(self, step: int) -> None:
        """Before a validation, which may take a while."""
        self._bar.desc = f"step {step:,}, validating …"
        self._bar.refresh()

    def validation(self, step: int, found: Validation) -> None:
        """After a validation; an old file stays until the new one is whole."""
        if not self.on:
            return
        runs.log(found.line, self.folder)
        for name, data in found.files.items():
            atomic_write(self.folder / name, data, force=True)
        tqdm.write(f"step {step:,}: {', '.join(filter(None, (found.figures, found.more)))}")
        self._last = f"; validation: {found.figures}"
        if self._events:
            self._add(found.scalars, step)
            self._events.flush()

    def _add(self, scalars: Mapping[str, float], step: int) -> None:
        assert self._events
        for key, value in scalars.items():
            self._events.add_scalar(key, value, step)

    def close(self) -> None:
        """End the bar's line and the events' file."""
        self._bar.close()
        if self._events:
            self._events.close()


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _wanted(tensorboard: bool | None) -> bool:
    there = importlib.util.find_spec("tensorboard") is not None
    if tensorboard and not there:
        raise missing("tensorboard")
    return there if tensorboard is None else tensorboard


def _writer(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step)
