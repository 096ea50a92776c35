"""A job with its files: a `Task` goes in, an `Outcome` comes out, whatever happens.

Tasks, outcomes and `Work` are small and pickled between processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from ..errors import OutputError, OutputExists, finding_of, line_of
from ..format.facts import facts_of
from ..storage import places
from ..storage.files import check_output
from .jobs import Job

SKIPPED, FAILED = "skipped", "failed"


class Task(NamedTuple):
    """One file to do."""

    source: str
    target: str  # "" if the job writes nothing
    size: int = 0  # bytes of the source; 0 if not known


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    task: Task
    status: str  # DONE, KEPT, SKIPPED or FAILED
    before: int = 0  # bytes of the input
    after: int = 0  # bytes of the output
    time_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)  # as `aezip info --json`, and what the job measured
    notes: tuple[str, ...] = ()
    error: str = ""  # one line that names the file
    trace: str = ""
    said: str = ""  # as of jobs.Made


@dataclass(frozen=True)
class Work:
    """What is done with every file, and how."""

    job: Job
    model: str | None
    provider: str = "cpu"
    threads: int | None = None
    force: bool = False
    skip_existing: bool = False
    keep_times: bool = False
    make_folders: bool = False  # those of the outputs
    existing: frozenset[str] | None = None  # URLs that are there, if they were listed

    def open(self) -> Any:
        """The network that does it, a Codec in most jobs.  Raises as it does."""
        return self.job.needs(self.model, self.provider, self.threads)

    def each(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Do every task in this process: one after the other, or as many at once as go through the network together.

        Outcomes come as they are ready.  Raises as `open`.
        """
        network: Any = None
        source = iter(tasks)
        for task in source:
            settled = self.settle(task)
            if settled is None:
                network = network or self.open()
                if getattr(network, "batch", 1) > 1:
                    yield from self._in_threads(task, source, network)
                    return
            yield settled or self.do(task, network)

    def _in_threads(self, first: Task, others: Iterator[Task], network: Any) -> Iterator[Outcome]:
        """Do `first`, which is not settled, and the others.

        Twice as many at once as a batch takes: while one is in the network, the next is read, the last written.
        """
        from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

        most = 2 * network.batch
        executor = ThreadPoolExecutor(most)
        running: set[Future[Outcome]] = {executor.submit(self.do, first, network)}
        try:
            for task in others:
                settled = self.settle(task)
                if settled:
                    yield settled
                    continue
                running.add(executor.submit(self.do, task, network))
                if len(running) == most:
                    ready, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ready)
            yield from (future.result() for future in as_completed(running))
        finally:
            executor.shutdown(cancel_futures=True)

    def settle(self, task: Task) -> Outcome | None:
        """The outcome of a task that needs no work: skipped, or sure to fail."""
        try:
            if self.skip_existing and self._exists(task):
                return Outcome(task, SKIPPED)
            self.check(task)
        except Exception as error:
            return failed(task, error)
        return None

    def check(self, task: Task) -> None:
        """Find out, before any work, what would keep the task from being done.  Raises OutputError."""
        if task.target in ("", places.STANDARD):
            return
        if places.is_url(task.target):
            if not self.force and self._exists(task):
                raise OutputExists("exists already", "a new name, or --force", file=task.target)
            return
        if same_file(task.source, task.target):
            raise OutputError("the output would replace the input", "another name with --output", file=task.source)
        if self.make_folders:
            try:
                os.makedirs(os.path.dirname(task.target) or ".", exist_ok=True)
            except OSError as e:
                raise OutputError(finding_of(e), "a folder that can be made", file=task.target) from e
        check_output(task.target, force=self.force)

    def do(self, task: Task, codec: Any) -> Outcome:
        """Read, run the job, write.  Failures become outcomes; only BrokenPipeError and interrupts are raised."""
        start = perf_counter()
        try:
            data = places.read(task.source, self.job.reads)
            made = self.job.run(codec, data, task.target)
            notes = made.notes
            if made.data is not None:
                times = places.times(task.source) if self.keep_times else None
                if self.keep_times and not times:
                    notes += ("the time of its input is not known",)
                places.write(task.target, made.data, force=self.force, times=times)
            facts = {**(facts_of(task.source, made.lat, made.coded, {}) if made.lat else {}), **made.figures}
            after = len(data) if made.data is None else len(made.data)
            spent_s = perf_counter() - start
            return Outcome(task, made.status, len(data), after, spent_s, facts, notes, said=made.said)
        except BrokenPipeError:
            raise
        except Exception as error:
            return failed(task, error)

    def _exists(self, task: Task) -> bool:
        if not places.is_url(task.target):
            return os.path.lexists(task.target)
        return task.target in self.existing if self.existing is not None else places.exists(task.target)


def failed(task: Task, error: BaseException) -> Outcome:
    """The outcome of a task that raised."""
    from traceback import format_exception

    trace = "".join(format_exception(error))
    return Outcome(task, FAILED, error=line_of(error, task.source), trace=trace)


def same_file(first: str, second: str) -> bool:
    """Whether both paths lead to one existing file."""
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
