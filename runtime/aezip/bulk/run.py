"""A plan → outcomes: in this process, in several, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace

from ..storage import places
from ..storage.files import sweep
from .plan import Plan
from .work import Item, Outcome, Work, failed


def outcomes(
    plan: Plan, work: Work, processes: int = 1, scheduler: str | None = None, late: list[Outcome] | None = None
) -> Generator[Outcome, None, None]:
    """What becomes of each item and each problem of the plan, as they are ready.

    scheduler: the address of a Dask cluster's, which then does it; late: as of `Work.outcomes`.
    Raises as `Work.open` and `cluster.outcomes`.
    """
    late = [] if late is None else late
    existing = None
    if plan.folder and places.is_url(plan.folder):
        found = places.files_in(plan.folder, recursive=True)
        existing = frozenset(places.join(plan.folder, below) for _, below, _ in found)
    work = replace(work, make_folders=plan.folder is not None, existing=existing)
    for folder in {os.path.dirname(i.target) for i in plan.items if i.target and not places.is_url(i.target)}:
        sweep(folder)
    yield from (failed(Item(problem.file or "", ""), problem) for problem in plan.problems)
    processes = min(processes, len(plan.items))
    if scheduler:
        from . import cluster

        yield from cluster.outcomes(work, plan.items, scheduler)
    elif processes > 1:
        from . import pool

        yield from pool.outcomes(work, plan.items, processes, late)
    else:
        yield from work.outcomes(plan.items, late)
