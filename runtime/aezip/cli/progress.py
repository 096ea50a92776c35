"""What is said while files are done: a line for each, or a bar and a summary, or JSON lines.

The bar shows files, bytes, ratio and remaining time; it is there when stderr is a terminal and there are several
files. Lines of single files then need --verbose.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import click

from ..bulk.jobs import DONE, KEPT
from ..bulk.work import FAILED, SKIPPED, Outcome
from ..format.facts import lines_of
from .messages import complain_of, say, show

T = TypeVar("T")


@dataclass
class Progress:
    """Counts outcomes, and tells of them."""

    files: int
    size: int  # all inputs, as far as they are known
    verbose: bool = False
    quiet: bool = False
    json_lines: bool = False
    names: dict[bytes, str] = field(default_factory=dict)  # of models
    counts: Counter[str] = field(default_factory=Counter)
    before: int = 0  # bytes of what was done
    after: int = 0
    start: float = field(default_factory=perf_counter)
    say_to: Callable[[str], None] = say  # takes the line of a file
    each: Callable[[Outcome], None] | None = None  # takes outcomes instead
    _bar: Any = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Inside, the bar is there, if there is to be one."""
        if self.files < 2 or self.quiet or not sys.stderr.isatty():
            yield
            return
        from tqdm import tqdm

        with tqdm(total=self.size, unit="B", unit_scale=True, dynamic_ncols=True, file=sys.stderr, leave=False) as bar:
            self._bar = bar
            try:
                yield
            finally:
                self._bar = None

    def tell(self, outcome: Outcome) -> None:
        """Count one outcome, and say what is to be said of it."""
        self.counts[outcome.status] += 1
        if outcome.status in (DONE, KEPT):
            self.before += outcome.before
            self.after += outcome.after
        with self._bar.external_write_mode(file=sys.stderr) if self._bar is not None else contextlib.nullcontext():
            self._say(outcome)
        if self._bar is not None:
            percent = f", {100 * self.after / self.before:.1f} %" if self.before else ""
            self._bar.set_postfix_str(f"{sum(self.counts.values())}/{self.files} files{percent}", refresh=False)
            self._bar.update(outcome.task.size)

    def _say(self, outcome: Outcome) -> None:
        if self.each:
            self.each(outcome)
        if self.json_lines:
            show(json.dumps(json_of(outcome)))
        if outcome.error:
            complain_of(outcome.error, outcome.trace)
        elif not self.quiet:
            for note in outcome.notes:
                say(f"aezip: note: {click.format_filename(outcome.task.target)}: {note}")
            lines = self._bar is None or self.verbose or self.say_to is not say
            if outcome.status == DONE and lines and not self.json_lines and not self.each:
                self.say_to(line_of(outcome))
                if self.verbose and "fingerprint" in outcome.facts:
                    facts = {**outcome.facts, "model": self.names.get(bytes.fromhex(outcome.facts["fingerprint"]))}
                    say("\n".join(lines_of(facts)[1:]))

    def summary(self, *, always: bool = False) -> None:
        """How it went, when there was more than one file."""
        if self.quiet or (self.files < 2 and not always):
            return
        parts = [f"{self.counts[status]:,} {status}" for status in (DONE, KEPT, SKIPPED, FAILED) if self.counts[status]]
        sizes = ""
        if self.before:
            sizes = f"; {_size(self.before)}"
            if self.after != self.before:
                sizes += f" → {_size(self.after)} ({100 * self.after / self.before:.1f} %)"
        say(f"{self.files:,} files: {', '.join(parts) or 'none done'}{sizes}; {perf_counter() - self.start:.1f} s")


def bar_over(tasks: Sequence[T], what: str, *, quiet: bool = False) -> Iterable[T]:
    """The tasks, with a bar beside where stderr is a terminal and there are several."""
    if len(tasks) < 2 or quiet or not sys.stderr.isatty():
        return tasks
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(tasks, desc=what, unit="", dynamic_ncols=True, file=sys.stderr, leave=False)
    return bar


def line_of(outcome: Outcome) -> str:
    """One outcome to read."""
    facts = outcome.facts
    line = " → ".join(click.format_filename(name) for name in (outcome.task.source, outcome.task.target) if name)
    if outcome.said:
        return f"{line}  {outcome.said}  {outcome.time_s:.2f} s"
    sizes = f"{outcome.before:,} → {outcome.after:,} B" if outcome.task.target else f"whole  {outcome.before:,} B"
    parts = [line, sizes, f"{facts['bpp']:.3f} bpp"]
    if "target" in facts:
        parts.append(f"quality {facts['quality']:.1f}")
    if "psnr_db" in facts:
        parts.append(f"{facts['psnr_db']:.2f} dB")
    if "ms_ssim" in facts:
        parts.append(f"MS-SSIM {facts['ms_ssim']:.5f}")
    return "  ".join([*parts, f"{outcome.time_s:.2f} s"])


def json_of(outcome: Outcome) -> dict[str, Any]:
    """One outcome, ready for JSON; what JSON has no number for is null."""
    told: dict[str, Any] = {
        "file": outcome.task.source, "output": outcome.task.target or None, "status": outcome.status,
        "bytes_before": outcome.before, "bytes_after": outcome.after, "time_s": round(outcome.time_s, 3),
        "notes": list(outcome.notes), "error": outcome.error or None,
    }
    facts = {name: value for name, value in outcome.facts.items() if name not in (*told, "model")}
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()}
    return {**told, **finite}


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, {"B": "kB", "kB": "MB", "MB": "GB", "GB": "TB"}[unit]
    return f"{size:,.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
