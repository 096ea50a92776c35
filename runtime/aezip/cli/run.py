"""A job over files, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..batch.jobs import Job
from ..batch.work import Outcome, Task, Work
from ..listing import installed_names, lines_of
from .messages import Failures, complain_of, say


def run_over(
    inputs: Sequence[str], outputs: Sequence[str], job: Job, *,
    model: str | None, provider: str, threads: int | None, force: bool, verbose: bool,
) -> None:
    """Do the job for each pair, say how it went, and leave with 1 if any failed."""
    work = Work(job, model, provider, threads, force)
    failures, tasks = Failures(), []
    for task in map(Task, inputs, outputs):
        with failures.caught(task.source):
            work.check(task)
            tasks.append(task)
    if tasks:
        codec = work.open()
        names = installed_names() if verbose else {}
    for task in tasks:
        outcome = work.do(task, codec)
        _tell(outcome, verbose, names)
        failures.count += bool(outcome.error)
    failures.leave()


def _tell(outcome: Outcome, verbose: bool, names: dict[bytes, str]) -> None:
    """One outcome, to stderr."""
    if outcome.error:
        complain_of(outcome.error, outcome.trace)
        return
    source, target = (click.format_filename(name) for name in (outcome.task.source, outcome.task.target))
    for note in outcome.notes:
        say(f"aezip: note: {target}: {note}")
    sizes = f"{outcome.before:,} → {outcome.after:,} B"
    say(f"{source} → {target}  {sizes}  {outcome.facts['bpp']:.3f} bpp  {outcome.time_s:.2f} s")
    if verbose:
        facts = {**outcome.facts, "model": names.get(bytes.fromhex(outcome.facts["fingerprint"]))}
        say("\n".join(lines_of(facts)[1:]))
