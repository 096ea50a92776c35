"""What is printed while files are done: a line for each, or a bar (on a terminal) and a summary, or JSON lines.

Bars are on stderr, of many files, or of one large picture; none if stderr is not a terminal.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..bulk.jobs import DONE, KEPT
from ..bulk.work import FAILED, SKIPPED, Outcome
from ..engine import progress
from ..format.facts import lines_of
from ..images import NEEDS
from .messages import as_options, is_terminal, name_of, note, print_error_line, say, show

if TYPE_CHECKING:
    from .run import Run

KINDS = 10  # suffixes that a line names
_ONE = "{desc} {percentage:3.0f}%|{bar}| {remaining} left"  # the bar of one picture


@dataclass
class Progress:
    """Counts outcomes, and prints what is to be said of them."""

    run: Run
    files: int
    size: int  # all inputs, as far as they are known
    print_line: Callable[[str], None] = say  # takes the line of a file
    each: Callable[[Outcome], None] | None = None  # takes outcomes instead
    names: dict[bytes, str] = field(default_factory=dict)  # of models
    also: Callable[[Outcome], None] | None = None  # takes outcomes, too
    left_out: Counter[str] = field(default_factory=Counter)  # files of folders that are not taken, by suffix
    counts: Counter[str] = field(default_factory=Counter)
    before: int = 0  # bytes of what was done
    after: int = 0
    start: float = field(default_factory=perf_counter)
    _bar: Any = None  # of files
    _take_away: Callable[[], None] = lambda: None  # the bar of a picture

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Inside, the bar is shown, if one is wanted."""
        several = bar(self.files, self.run.quiet, total=self.size, unit="B", unit_scale=True)
        with several as self._bar, picture_bar(self.files, self.run.quiet) as self._take_away:
            yield
        self._bar = None

    def tell(self, outcome: Outcome) -> None:
        """Count one outcome, and print what is to be said of it."""
        self.counts[outcome.status] += 1
        if self.also:
            self.also(outcome)
        if outcome.status in (DONE, KEPT):
            self.before += outcome.before
            self.after += outcome.after
        self._take_away()
        with above(self._bar):
            self._print(outcome)
        if self._bar is not None:
            ratio = f", {ratio_of(self.before, self.after)}" if self.before else ""
            self._bar.set_postfix_str(f"{sum(self.counts.values())}/{self.files} files{ratio}", refresh=False)
            self._bar.update(outcome.item.size)

    def _print(self, outcome: Outcome) -> None:
        if self.each:
            self.each(outcome)
        if self.run.json_lines:
            show(json.dumps(json_of(outcome)))
        if outcome.error:
            print_error_line(outcome.error, outcome.trace)
        elif not self.run.quiet:
            for line in outcome.notes:
                note(f"{name_of(outcome.item.target)}: {as_options(line)}")
            lines = self._bar is None or self.run.verbose or self.print_line is not say
            if outcome.status == DONE and lines and not self.run.json_lines and not self.each:
                self.print_line(line_of(outcome))
                if self.run.verbose and "fingerprint" in outcome.facts:
                    facts = {**outcome.facts, "model": self.names.get(bytes.fromhex(outcome.facts["fingerprint"]))}
                    self.print_line("\n".join(lines_of(facts)[1:]))

    def summary(self) -> None:
        """How it went, when there was more than one file, and what was left out."""
        if self.run.json_lines and self.left_out:
            show(json.dumps({"left_out": dict(self.left_out)}))
        if self.run.quiet:
            return
        if self.left_out:
            say(left_out_line(self.left_out))
        if self.files < 2:
            return
        parts = [f"{self.counts[status]:,} {status}" for status in (DONE, KEPT, SKIPPED, FAILED) if self.counts[status]]
        sizes = ""
        if self.before:
            sizes = f"; {_size(self.before)}"
            if self.after != self.before:
                sizes += f" → {_size(self.after)} ({ratio_of(self.before, self.after)})"
        say(f"{self.files:,} files: {', '.join(parts) or 'none done'}{sizes}; {perf_counter() - self.start:.1f} s")


def left_out_line(left_out: Counter[str]) -> str:
    """How many files of folders were not taken, by suffix."""
    ordered = sorted(left_out.items(), key=lambda kind: (-kind[1], not kind[0], kind[0]))
    kinds = [f"{count:,} {suffix or 'without suffix'}" for suffix, count in ordered]
    if len(kinds) > KINDS:
        kinds[KINDS - 1 :] = [f"{len(kinds) - KINDS + 1:,} other suffixes"]
    packages = " ".join(sorted({NEEDS[suffix] for suffix in left_out if suffix in NEEDS}))
    advice = f"; some can be read after: pip install {packages}" if packages else ""
    return f"aezip: note: left out, for their suffix: {', '.join(kinds)}{advice}"


def line_of(outcome: Outcome) -> str:
    """One outcome to read."""
    facts = outcome.facts
    line = " → ".join(name_of(name) for name in (outcome.item.source, outcome.item.target) if name)
    if outcome.summary:
        return f"{line}  {outcome.summary}  {outcome.time_s:.2f} s"
    sizes = f"{outcome.before:,} → {outcome.after:,} B" if outcome.item.target else f"whole  {outcome.before:,} B"
    parts = [line, sizes, f"{facts['bpp']:.3f} bpp"]
    if "target" in facts:
        parts.append(f"quality {facts['quality']:.1f}")
    if facts.get("lossless"):
        parts.append("lossless")
    if "psnr_db" in facts:
        parts.append(f"{facts['psnr_db']:.2f} dB")
    for key, name, digits in (("ssimulacra2", "SSIMULACRA2", 2), ("ms_ssim", "MS-SSIM", 5)):
        if key in facts:
            small = math.isnan(facts[key])
            parts.append(f"no {name}: too small a picture" if small else f"{name} {facts[key]:.{digits}f}")
    return "  ".join([*parts, f"{outcome.time_s:.2f} s"])


def json_of(outcome: Outcome) -> dict[str, Any]:
    """One outcome, ready for JSON; what JSON has no number for is null."""
    told: dict[str, Any] = {
        "file": outcome.item.source,
        "output": outcome.item.target or None,
        "status": outcome.status,
        "bytes_before": outcome.before or outcome.item.size,
        "bytes_after": outcome.after,
        "time_s": round(outcome.time_s, 3),
        "notes": [*map(as_options, outcome.notes)],
        "error": as_options(outcome.error) or None,
    }
    facts = {name: value for name, value in outcome.facts.items() if name not in (*told, "model")}
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()}
    return {**told, **finite}


def ratio_of(before: int, after: int) -> str:
    """How large something became."""
    return f"{100 * after / before:.1f} %" if after <= before else f"{after / before:.1f} times as large"


def _size(size: float) -> str:
    if size < 1000:
        return f"{size:,.0f} B"
    power = min(int(math.log10(size) / 3), 4)
    return f"{size / 1000**power:,.1f} {' kMGT'[power]}B"


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
    """Inside, a bar of one picture or task, while it is done in several parts; gives what takes the bar away."""
    shown: list[Any] = []  # the bar, if there is one now

    def show(doing: str, done: int, count: int) -> None:
        if done == 0:
            close()
            shown.append(_shown(total=count, desc=doing, bar_format=_ONE))
        elif shown:
            shown[0].update()
            if done == count:
                close()

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
