"""What a run tells while it goes on: log.jsonl, sheet.png, TensorBoard's events, a progress bar.

Everything lands in the run's folder; a journal that is not `on` writes nothing.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aezip.errors import AezipError
from aezip.storage.files import atomic_write

from . import runs

EVERY = 20  # steps between TensorBoard's scalars


class Journal:
    """Log, sheet, events and progress of one leg.

    tensorboard: None writes events where tensorboard is installed; True insists on it (AezipError).
    """

    def __init__(
        self, folder: Path, step: int, *, on: bool = True, tensorboard: bool | None = None, progress: bool = True
    ) -> None:
        self.folder, self.on = folder, on
        self._events = _writer(folder, step) if on and _wanted(tensorboard) else None
        self._bar = tqdm(
            total=1.0, disable=True if not (on and progress) else None,
            bar_format="{percentage:3.0f}%|{bar:20}| {postfix}",
        )

    def step(self, step: int, values: dict[str, float], share: float, left_s: float) -> None:
        """After a step: smoothed scalars, the leg's share that is done, and the seconds left of it."""
        self._bar.n = min(share, 1.0)
        numbers = ", ".join(f"{k} {v:.4g}" for k, v in values.items())
        self._bar.postfix = f"step {step:,}, {numbers}, {duration(left_s)} left"
        self._bar.update(0)
        if self._events and step % EVERY == 0:
            for key, value in values.items():
                self._events.add_scalar(f"train/{key}", value, step)

    def validation(self, line: dict[str, Any], sheet: bytes, qualities: tuple[int, ...]) -> None:
        """A validation's line and its sheet of pictures; the old sheet stays until the new one is whole."""
        if not self.on:
            return
        runs.log(line, self.folder)
        atomic_write(self.folder / "sheet.png", sheet, force=True)
        bd_rate = "" if line["bd_rate_jpeg"] is None else f", BD-rate {line['bd_rate_jpeg']:+.2f} % against JPEG"
        middle = len(qualities) // 2
        tqdm.write(
            f"step {line['step']:,}: {line['bpp'][middle]:.3f} bpp, {line['psnr_db'][middle]:.2f} dB "
            f"at quality {qualities[middle] / 10:g}{bd_rate}"
        )
        if self._events:
            for key in ("bd_rate_jpeg", "learning_rate", "skipped"):
                if line[key] is not None:
                    self._events.add_scalar(f"val/{key}", line[key], line["step"])
            for key in ("bpp", "psnr_db", "hyper_bpp"):
                for quality, value in zip(qualities, line[key], strict=True):
                    self._events.add_scalar(f"val_{key}/quality_{quality / 10:g}", value, line["step"])
            self._events.flush()

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
        raise AezipError("tensorboard is not installed", "it: pip install 'aezip[tensorboard]'")
    return there if tensorboard is None else tensorboard


def _writer(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step)
