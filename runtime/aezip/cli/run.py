"""A job over files: the plan, who does it, and what is said about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from ..bulk.jobs import Job
from ..bulk.plan import Plan
from ..bulk.work import FAILED, Outcome, Task, Work, failed
from ..model.store import installed_names
from ..storage import places
from ..storage.files import sweep
from .messages import say
from .progress import Progress


def run_over(
    plan: Plan, job: Job, *,
    model: str | None, provider: str, threads: int | None, jobs: int, scheduler: str | None, verbose: bool, quiet: bool,
    json_lines: bool, force: bool = False, skip_existing: bool = False, keep_times: bool = False,
    say_to: Callable[[str], None] = say, each: Callable[[Outcome], None] | None = None,
) -> None:
    """Do the job for each task, say how it went, and leave with 1 if any failed, 130 if interrupted.

    say_to: takes the line of each file, that is, where they go; each: takes the outcomes instead.
    """
    to_stdout = any(task.target == places.STANDARD for task in plan.tasks)
    if to_stdout and json_lines:
        raise click.UsageError("--json-lines and the output both want stdout; expected another --output")
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("the output would go to the terminal; expected a pipe, or --output FILE")
    if keep_times and any(task.target == places.STANDARD or places.is_url(task.target) for task in plan.tasks):
        keep_times = False
        say("aezip: note: --keep-times is for files; objects of stores get the time they are written at")
    existing = None
    if plan.folder and places.is_url(plan.folder):
        existing = frozenset(
            places.join(plan.folder, below) for _, below, _ in places.files_in(plan.folder, recursive=True)
        )
    work = Work(
        job, model, provider, threads, force, skip_existing, keep_times, make_folders=plan.folder is not None,
        existing=existing,
    )
    for folder in {os.path.dirname(t.target) for t in plan.tasks if t.target and not places.is_url(t.target)}:
        sweep(folder)
    files = len(plan.tasks) + len(plan.problems)
    size = sum(task.size for task in plan.tasks)
    progress = Progress(files, size, verbose, quiet, json_lines, say_to=say_to, each=each)
    progress.names = installed_names() if verbose else {}
    for problem in plan.problems:
        progress.tell(failed(Task(problem.file or "", ""), problem))
    if scheduler:
        from ..bulk import cluster

        source: Any = cluster.outcomes(work, plan.tasks, scheduler)
    elif min(jobs, len(plan.tasks)) > 1:
        from ..bulk import pool

        source = pool.outcomes(work, plan.tasks, min(jobs, len(plan.tasks)))
    else:
        source = work.each(plan.tasks)
    try:
        with progress.shown():
            for outcome in source:
                progress.tell(outcome)
    except KeyboardInterrupt:
        source.close()
        _interrupted(progress)
    progress.summary()
    if progress.counts[FAILED]:
        click.get_current_context().exit(1)


def _interrupted(progress: Progress) -> None:
    say("aezip: interrupted")
    progress.summary()
    click.get_current_context().exit(130)
