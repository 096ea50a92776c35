"""A job over files: who does it, what is printed, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from .. import images
from ..bulk import run
from ..bulk.jobs import Job
from ..bulk.plan import Plan
from ..bulk.work import FAILED, Outcome, Work
from ..model.store import installed_names
from ..storage import places
from .messages import say
from .progress import Progress


def run_over(
    plan: Plan, job: Job, *,
    model: str | None, provider: str, threads: int | None, jobs: int, scheduler: str | None, verbose: bool, quiet: bool,
    json_lines: bool, force: bool = False, skip_existing: bool = False, keep_times: bool = False,
    print_line: Callable[[str], None] = say, each: Callable[[Outcome], None] | None = None,
) -> None:
    """Do the job for each item, say how it went, and leave with 1 if any failed, 130 if interrupted.

    print_line: takes the line of each file; each: takes the outcomes instead.
    """
    to_stdout = any(item.target == places.STANDARD for item in plan.items)
    if to_stdout and json_lines:
        raise click.UsageError("--json-lines and the output both want stdout; expected another --output")
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("the output would go to the terminal; expected a pipe, or --output FILE")
    if keep_times and (to_stdout or any(places.is_url(item.target) for item in plan.items)):
        keep_times = False
        say("aezip: note: --keep-times is for files; objects of stores get the time they are written at")
    work = Work(job, model, provider, threads, force, skip_existing, keep_times)
    progress = Progress(
        len(plan.items) + len(plan.problems), sum(item.size for item in plan.items), verbose, quiet, json_lines,
        installed_names() if verbose else {}, print_line, each,
    )
    found = run.outcomes(plan, work, jobs, scheduler)
    interrupted = False
    try:
        with progress.shown():
            for outcome in found:
                progress.tell(outcome)
    except KeyboardInterrupt:
        found.close()
        interrupted = True
        say("aezip: interrupted")
    progress.summary()
    if interrupted or progress.counts[FAILED]:
        click.get_current_context().exit(130 if interrupted else 1)


def format_for(plan: Plan, format: str | None) -> str | None:
    """The image format of all outputs, None if each is by its suffix.  Raises UsageError for an unknown suffix."""
    if any(item.target == places.STANDARD for item in plan.items):
        format = format or "png"
    for item in plan.items:
        images.format_of(item.target, format)
    return format
