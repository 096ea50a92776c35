"""Commands over files: which ones, who does it, what is printed, and the exit code.

The fields of `Run` and `Reading` are options: options.run, options.write and options.reading.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .. import images
from ..bulk import plan as plans
from ..bulk.carried import carry
from ..bulk.jobs import Coding, Job
from ..bulk.plan import Inputs, Plan, outcomes
from ..bulk.process import spare_cores
from ..bulk.work import FAILED, Item, Outcome, Work
from ..errors import UsageError, printable
from ..model.store import find, installed_names
from ..storage import places
from ..storage.folders import SLASHES
from .messages import Failures, as_options, is_terminal, name_of, note, say
from .progress import Progress, bar, left_out_line
from .stopping import CODES, WORDS, Stopped, Stops

if TYPE_CHECKING:
    from ..tasks.features.vectors import Latents

LAT = frozenset({".lat"})


class Run(NamedTuple):
    """A job over files."""

    inputs: tuple[str, ...]
    output: str | None = None
    recursive: bool = False
    files_from: str | None = None
    append_suffix: bool = False
    model: str | None = None
    provider: str = "cpu"
    threads: int | None = None
    force: bool = False
    skip_existing: bool = False
    keep_times: bool = False
    jobs: int = 1
    scheduler: str | None = None
    verbose: bool = False
    quiet: bool = False
    json_lines: bool = False

    def plan(self, suffix: str | None, taken: frozenset[str] = images.READ_SUFFIXES) -> Plan:
        """The items of the inputs; suffix: of outputs; taken: suffixes of what is taken out of folders."""
        if not self.inputs and self.files_from is None:
            raise click.UsageError("Missing argument; expected the names of inputs, or --files-from")
        _check_last(self, taken)
        listed: list[str] = []
        if self.files_from is not None:
            listed = plans.listed(places.read(places.local(self.files_from), UsageError))
        inputs = Inputs(self.inputs, taken, self.recursive, listed)
        if self.files_from == places.STANDARD in inputs.names:
            raise click.UsageError("'-' is both the list of inputs and an input; expected one of them")
        plan = plans.plan(inputs, self.output, suffix, append=self.append_suffix)
        named = "" if plan.folder else PurePath(self.output or "").suffix.lower()
        if suffix == ".lat" and named in images.READ_SUFFIXES:
            raise click.UsageError(f"'{self.output}' has the suffix of an image; expected the name of a .lat file")
        return plan

    def carry(self, plan: Plan, folders: list[str]) -> None:
        """Put the model's decoder into folders, before the plan's first output is there.  Raises as `carried.carry`."""
        if self.model and plan.items:
            for path, size in carry(folders, find(self.model)):
                if not self.quiet:
                    say(f"{self.model} → {path}  {size:,} B, which decodes these files")

    def _check_output(self, plan: Plan) -> bool:
        """Whether files keep their times.  Raises click.UsageError if stdout would be used twice or is a terminal."""
        to_stdout = any(item.target == places.STANDARD for item in plan.items)
        if to_stdout and self.json_lines:
            raise click.UsageError("--json-lines and the output would both go to stdout; expected another --output")
        if to_stdout and is_terminal(sys.stdout):
            raise click.UsageError("the output would go to the terminal; expected a pipe, or --output FILE")
        if self.keep_times and (to_stdout or any(places.is_url(item.target) for item in plan.items)):
            note("--keep-times is for files; objects of stores get the time they are written at")
            return False
        return self.keep_times

    def do(
        self,
        job: Job,
        plan: Plan,
        *,
        print_line: Callable[[str], None] = say,
        each: Callable[[Outcome], None] | None = None,
        also: Callable[[Outcome], None] | None = None,
        in_place: bool = False,
        spare_older: bool = False,
    ) -> None:
        """Do the job for each item and say how it went; leave with 1 if any failed, 130 or 143 after a signal.

        print_line, each, also: as of Progress; in_place, spare_older: as of Work.
        """
        keep_times = self._check_output(plan)
        if isinstance(job, Coding):
            spare_cores()
        work = Work(
            job,
            self.model,
            self.provider,
            self.threads,
            self.force,
            self.skip_existing,
            keep_times,
            in_place=in_place,
            spare_older=spare_older,
        )
        files, size = len(plan.items) + len(plan.problems), sum(item.size for item in plan.items)
        progress = Progress(
            self, files, size, print_line, each, installed_names() if self.verbose else {}, also, plan.left_out
        )
        if not self.quiet:
            say_notes(plan)
        late: list[Outcome] = []
        told: Item | None = None
        found, code = outcomes(plan, work, self.jobs, self.scheduler, late), 0
        try:
            with Stops() as stops, progress.shown():
                for outcome in found:
                    with stops.held():
                        told = outcome.item
                        progress.tell(outcome)
        except KeyboardInterrupt as stop:
            found.close()
            kind = stop.kind if isinstance(stop, Stopped) else signal.SIGINT
            code = CODES[kind]
            say(f"aezip: {WORDS[kind]}")
            for outcome in late:
                if outcome.item != told:
                    progress.tell(outcome)
        progress.summary()
        if code or progress.counts[FAILED]:
            click.get_current_context().exit(code or 1)


class Reading(NamedTuple):
    """Pictures that are read in this process, for a model's latents of them."""

    inputs: tuple[str, ...]
    recursive: bool
    max_pixels: int
    intake: images.ReadOptions
    model: str
    provider: str
    threads: int | None
    quiet: bool

    def latents(self) -> Latents:
        """Of the model.  Raises as `Latents`."""
        from ..tasks.features.vectors import Latents

        return Latents(self.model, self.provider, self.threads)

    def pixels(self, name: str) -> Any:
        """Of one picture.  Raises ImageError."""
        picture = images.read(name, self.intake._replace(deep=True), self.max_pixels)
        taken = images.for_8_bits(picture)
        if taken is not picture and not self.quiet:
            note(f"{name_of(name)}: {as_options(taken.notes[-1])}")
        return taken.pixels

    def each(self, label: str, failures: Failures, do: Callable[[str], None]) -> int:
        """As `each_of`, of the pictures."""
        inputs = Inputs(self.inputs, images.READ_SUFFIXES, self.recursive)
        return each_of(inputs, do, failures, self.quiet, label)


def each_of(inputs: Inputs, do: Callable[[str], object], failures: Failures, quiet: bool, label: str = "") -> int:
    """Call `do` with the name of each file, and return how many there are; what fails does not stop others."""
    plan = plans.plan(inputs, None, None)
    for problem in plan.problems:
        failures.report(problem)
    if not quiet:
        say_notes(plan)
    count = len(plan.items)
    with bar(count, quiet, total=count, desc=label, unit="") as shown:
        for item in plan.items:
            with failures.reported(item.source):
                do(item.source)
            if shown is not None:
                shown.update()
    if plan.left_out and not quiet:
        say(left_out_line(plan.left_out))
    return count


def _check_last(run: Run, taken: frozenset[str]) -> None:
    """Raise click.UsageError if the last input looks like the output, in the place that `cp` has for it."""
    last = run.inputs[-1] if len(run.inputs) > 1 and not run.output else ""
    suffix = PurePath(last).suffix.lower()
    meant = (suffix and suffix not in taken) or last.endswith(SLASHES)
    if meant and not (places.is_url(last) or places.is_pattern(last) or os.path.lexists(last)):
        raise click.UsageError(f"'{last}' does not exist; if it is the output, use -o {last}")


def say_notes(plan: Plan) -> None:
    """Print what was met while inputs were looked for."""
    for line in plan.notes:
        note(as_options(printable(line)))


def format_for(plan: Plan, format: str | None) -> str | None:
    """The image format of all outputs, None if each is by its suffix.  Raises UsageError for an unknown suffix."""
    if any(item.target == places.STANDARD for item in plan.items):
        format = format or "png"
    for item in plan.items:
        images.format_of(item.target, format)
    return format
