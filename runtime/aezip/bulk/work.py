"""A job with its files: an `Item` goes in, an `Outcome` comes out, whatever happens.

Items, outcomes and `Work` are small and pickled between processes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import OutputError, OutputExists, line_of
from ..format.facts import facts_of
from ..storage import places
from ..storage.files import check_output, make_folder
from .jobs import DONE, Job, Result

if TYPE_CHECKING:
    from concurrent.futures import Future

SKIPPED, FAILED = "skipped", "failed"


class Item(NamedTuple):
    """One file, and what it becomes."""

    source: str
    target: str  # "" if the job writes nothing
    size: int = 0  # bytes of the source; 0 if not known
    below: str = ""  # the source's path below the folder that was named, with /
    partner: str = ""  # a second file that the job reads, if it is this item's own


class UnderWay(NamedTuple):
    """What is known of an item that is being done."""

    before: tuple[int, int] | None  # `_mark` of its target
    future: Future[Outcome] | None = None


Running = dict[Item, UnderWay]


@dataclass(frozen=True)
class Outcome:
    """What became of one item."""

    item: Item
    status: str  # DONE, KEPT, SKIPPED or FAILED
    before: int = 0  # bytes of the input
    after: int = 0  # bytes of the output
    time_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)  # as `aezip info --json`, and what the job measured
    notes: tuple[str, ...] = ()
    error: str = ""  # one line that names the file
    trace: str = ""
    summary: str = ""  # as of jobs.Result


@dataclass(frozen=True)
class Work:
    """What is done with every item, and how."""

    job: Job
    model: str | None
    provider: str = "cpu"
    threads: int | None = None
    force: bool = False
    skip_existing: bool = False
    keep_times: bool = False
    make_folders: bool = False  # those of the outputs
    existing: frozenset[str] | None = None  # URLs that exist, if they were listed
    in_place: bool = False  # an output may replace its own input
    spare_older: bool = False  # `force` replaces no file that is not newer than the input: it may be the original

    def open(self) -> Any:
        """The network that does it, a Codec in most jobs.  Raises as it does."""
        return self.job.open(self.model, self.provider, self.threads)

    def outcomes(self, items: Iterable[Item], late: list[Outcome]) -> Iterator[Outcome]:
        """Do every item in this process: one after the other, or as many at once as go through the network together.

        Outcomes come as they are ready; late: gets those of what was under way when this is interrupted or closed, the
        one that came last among them.  Raises as `open`.
        """
        network: Any = None
        source = iter(items)
        for item in source:
            early = self.early_outcome(item)
            if early is None:
                network = network or self.open()
                if getattr(network, "batch", 1) > 1:
                    yield from self._in_threads(chain([item], source), network, late)
                    return
            begun = UnderWay(_mark(item))
            try:
                yield early or self.do(item, network)
            except (KeyboardInterrupt, GeneratorExit):
                late += finished({item: begun})
                raise

    def _in_threads(self, items: Iterable[Item], network: Any, late: list[Outcome]) -> Iterator[Outcome]:
        """Twice as many at once as a batch takes: while one is in the network, the next is read, the last written."""
        from concurrent.futures import ThreadPoolExecutor

        most, running = 2 * network.batch, Running()
        executor = ThreadPoolExecutor(most)
        try:
            yield from self.delegated(
                items, lambda item: executor.submit(self.do, item, network), lambda: most, running
            )
        finally:
            executor.shutdown(cancel_futures=True)
            late += finished(running)

    def delegated(
        self,
        items: Iterable[Item],
        submit: Callable[[Item], Future[Outcome]],
        most: Callable[[], int],
        running: Running,
        on_error: Callable[[Item, Exception], Outcome] | None = None,
    ) -> Iterator[Outcome]:
        """Outcomes of items that others do, as they are ready.

        submit: gives an item to them; most: how many they have at a time; running: those that they have, for the
        caller to see; on_error: the outcome of an item that raised, `failed` if there is none.
        """
        from concurrent.futures import FIRST_COMPLETED, wait

        source = iter(items)
        try:
            while True:
                for item in source:
                    early = self.early_outcome(item)
                    if early:
                        yield early
                        continue
                    running[item] = begun = UnderWay(_mark(item))  # an interrupt may come while it is given
                    running[item] = begun._replace(future=submit(item))
                    if len(running) >= most():
                        break
                if not running:
                    return
                wait([future for _, future in running.values() if future], return_when=FIRST_COMPLETED)
                while ready := next(((i, f) for i, (_, f) in running.items() if f and f.done()), None):
                    item, future = ready
                    try:
                        outcome = future.result()
                    except BrokenPipeError:
                        raise
                    except Exception as error:
                        outcome = (on_error or failed)(item, error)
                    yield outcome
                    del running[item]  # not before it is reported
        finally:
            _unlock(running)

    def early_outcome(self, item: Item) -> Outcome | None:
        """The outcome of an item that needs no work: skipped, or sure to fail."""
        try:
            if self.skip_existing and self._exists(item):
                return Outcome(item, SKIPPED)
            self.check(item)
        except OutputExists as error:  # another worker was faster
            return Outcome(item, SKIPPED) if self.skip_existing else failed(item, error)
        except Exception as error:
            return failed(item, error)
        return None

    def check(self, item: Item) -> None:
        """Find out, before any work, what would keep the item from being done.  Raises OutputError."""
        here = item.source != places.STANDARD and not places.is_url(item.source)
        if item.target in ("", places.STANDARD) or (here and not os.path.exists(item.source)):
            return
        if places.is_url(item.target):
            if not self.force and self._exists(item):
                raise OutputExists("exists already", "a new name, or force=True", file=item.target)
            return
        with contextlib.suppress(OSError):
            if os.path.samefile(item.source, item.target) and not self.in_place:
                raise OutputError("the output would replace the input", "another name for the output", file=item.source)
            if self.force and self.spare_older and os.stat(item.target).st_mtime <= os.stat(item.source).st_mtime:
                finding = f"is not newer than '{item.source}' and may be its original"
                raise OutputError(finding, "another output, or replace_original=True", file=item.target)
        if self.make_folders:
            make_folder(os.path.dirname(item.target) or ".")
        check_output(item.target, force=self.force)

    def do(self, item: Item, network: Any) -> Outcome:
        """Read, run the job, write.  Failures become outcomes; only BrokenPipeError and interrupts are raised."""
        start = perf_counter()
        try:
            data = places.read(item.source, self.job.reads)
            job: Any = self.job
            if item.partner:
                job = replace(job, partner=item.partner)
            if look_beside := getattr(network, "look_beside", None):  # of a codec: the archive may carry the model
                look_beside(item.source)
            result: Result = job.run(network, data, item.target)
            notes = result.notes
            if result.data is not None:
                times = places.times(item.source) if self.keep_times else None
                if self.keep_times and not times:
                    notes += ("the time of its input is not known",)
                places.write(item.target, result.data, force=self.force, times=times)
            facts = facts_of(item.source, result.lat, result.coded, {}) if result.lat else {}
            after = len(data) if result.data is None else len(result.data)
            return Outcome(
                item,
                result.status,
                len(data),
                after,
                perf_counter() - start,
                {**facts, **result.measured},
                notes,
                summary=result.summary,
            )
        except BrokenPipeError:
            raise
        except OutputExists as error:  # another worker was faster
            return Outcome(item, SKIPPED) if self.skip_existing else failed(item, error)
        except Exception as error:
            return failed(item, error)

    def _exists(self, item: Item) -> bool:
        if self.existing is not None and places.is_url(item.target):
            return item.target in self.existing
        return places.exists(item.target)


def finished(running: Running) -> list[Outcome]:
    """The outcomes of those items that are done, whoever knows of it; their files tell, too."""
    found = []
    for item, (before, future) in running.items():
        if future and future.done() and not future.cancelled() and not future.exception():
            found.append(future.result())
        elif item.target and _mark(item) not in (None, before):
            found.append(Outcome(item, DONE, item.size, os.stat(item.target).st_size, summary="done"))
    return found


def _unlock(running: Running) -> None:
    """Undo what an interrupt left in Python's futures: a lock of this thread, for which all others would wait."""
    for _, future in running.values():
        lock: Any = getattr(future, "_condition", None)
        while lock and lock._is_owned():
            lock.release()


def _mark(item: Item) -> tuple[int, int] | None:
    """What a local file at the target has that one written later has not; None: nothing there."""
    try:
        facts = os.stat(item.target)
    except OSError:
        return None
    return facts.st_ino, facts.st_ctime_ns


def failed(item: Item, error: BaseException) -> Outcome:
    """The outcome of an item that raised."""
    from traceback import format_exception

    return Outcome(item, FAILED, error=line_of(error, item.source), trace="".join(format_exception(error)))
