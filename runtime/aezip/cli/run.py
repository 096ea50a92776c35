"""A job over files, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ..batch.jobs import KEPT, Job
from ..batch.work import Outcome, Task, Work
from ..listing import installed_names, lines_of
from .messages import Failures, complain_of, say


def run_over(
    inputs: Sequence[str], outputs: Sequence[str], job: Job, *,
    model: str | None, provider: str, threads: int | None, verbose: bool, force: bool = False,
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
    for note in outcome.notes:
        say(f"aezip: note: {click.format_filename(outcome.task.target)}: {note}")
    if outcome.status == KEPT:
        return
    facts, names_of = outcome.facts, [n for n in (outcome.task.source, outcome.task.target) if n]
    line = " → ".join(click.format_filename(name) for name in names_of)
    if outcome.task.target:
        line += f"  {outcome.before:,} → {outcome.after:,} B  {facts['bpp']:.3f} bpp"
    else:
        line += f"  whole  {outcome.before:,} B  {facts['bpp']:.3f} bpp"
    say(f"{line}{figures_of(facts)}  {outcome.time_s:.2f} s")
    if verbose:
        facts = {**facts, "model": names.get(bytes.fromhex(facts["fingerprint"]))}
        say("\n".join(lines_of(facts)[1:]))


def figures_of(facts: dict[str, Any]) -> str:
    """What a job measured, as part of a line."""
    parts = []
    if "target" in facts:
        parts.append(f"quality {facts['quality']:.1f}")
    if facts.get("psnr_db") is not None:
        parts.append(f"{facts['psnr_db']:.2f} dB")
    if facts.get("ms_ssim") is not None:
        parts.append(f"MS-SSIM {facts['ms_ssim']:.5f}")
    return "".join(f"  {part}" for part in parts)
