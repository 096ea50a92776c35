"""A job with its files: a `Task` goes in, an `Outcome` comes out, whatever happens.

Tasks, outcomes and `Work` are small and pickled between processes.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..errors import AezipError, FormatError, ImageError, OutputError
from ..files import atomic_write, check_output, finding_of, read_bytes
from ..listing import facts_of
from .jobs import Compression, Job

if TYPE_CHECKING:
    from ..codec import Codec

FAILED = "failed"
DEBUG_HINT = " (--debug shows where)"  # ends the line of an error that nobody expected


@dataclass(frozen=True)
class Task:
    """One file to do."""

    source: str
    target: str  # "" if the job writes nothing


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    task: Task
    status: str  # DONE, KEPT or FAILED
    before: int = 0  # bytes of the input
    after: int = 0  # bytes of the output
    time_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)  # as `aezip info --json`, and what the job measured
    notes: tuple[str, ...] = ()
    error: str = ""  # one line that names the file
    trace: str = ""


@dataclass(frozen=True)
class Work:
    """What is done with every file, and how."""

    job: Job
    model: str | None
    provider: str = "cpu"
    threads: int | None = None
    force: bool = False

    def open(self) -> Codec:
        """The codec that does it.  Raises as aezip.Codec."""
        from ..codec import Codec

        return Codec(model=self.model, provider=self.provider, threads=self.threads)

    def check(self, task: Task) -> None:
        """Find out, before any work, what would keep the task from being done.  Raises OutputError."""
        if not task.target:
            return
        if same_file(task.source, task.target):
            raise OutputError("the output would replace the input", "another name with --output", file=task.source)
        check_output(task.target, force=self.force)

    def do(self, task: Task, codec: Codec) -> Outcome:
        """Read, run the job, write.  Failures become outcomes; only BrokenPipeError and interrupts are raised."""
        start = perf_counter()
        try:
            self.check(task)
            data = read_bytes(task.source, ImageError if isinstance(self.job, Compression) else FormatError)
            made = self.job.run(codec, data, task.target)
            if made.data is not None:
                atomic_write(task.target, made.data, force=self.force)
            facts = {**facts_of(task.source, made.lat, made.coded, {}), **made.figures}
            time_s = perf_counter() - start
            after = len(data) if made.data is None else len(made.data)
            return Outcome(task, made.status, len(data), after, time_s, facts, made.notes)
        except BrokenPipeError:
            raise
        except Exception as error:
            return failed(task, error)


def failed(task: Task, error: BaseException) -> Outcome:
    """The outcome of a task that raised."""
    trace = "".join(traceback.format_exception(error))
    return Outcome(task, FAILED, error=line_of(error, task.source), trace=trace)


def line_of(error: BaseException, file: str | None = None) -> str:
    """An exception in one line, with the file it is about."""
    if isinstance(error, AezipError):
        line, file = str(error), None if error.file else file
    elif isinstance(error, MemoryError):
        line = "not enough memory"
    elif isinstance(error, OSError) and error.strerror:
        line = finding_of(error) + (f" ('{os.fsdecode(error.filename)}')" if error.filename else "")
    else:
        line = f"{type(error).__name__}: {error}".rstrip(": ") + DEBUG_HINT
    return " ".join((f"{file}: {line}" if file else line).split())


def same_file(first: str, second: str) -> bool:
    """Whether both paths lead to one existing file."""
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
