"""The pool: items → outcomes, in several processes.

At most two items per process are under way, so that memory does not grow with the number of items. A process that dies
(the kernel kills the largest when memory runs out) breaks the pool. Its few items are then done again, one by one, to
find the one that kills and do the others. Processes end with their parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from ..engine.cores import cores
from ..errors import AezipError
from ..storage.files import sweep
from .process import prepare
from .work import Item, Outcome, Running, Work, failed, finished


def outcomes(work: Work, items: Iterable[Item], processes: int, late: list[Outcome]) -> Iterator[Outcome]:
    """Do every item; outcomes come as they are ready; late: as `Work.outcomes`.

    Raises as `Work.open`.
    """
    work.open()  # what is wrong with the model is said once
    work = replace(work, threads=work.threads or max(1, cores() // processes))
    executor, running = _fresh(work, processes), Running()

    def submit(item: Item) -> Future[Outcome]:
        nonlocal executor
        try:
            return executor.submit(_do, item)
        except BrokenProcessPool:
            executor.shutdown()
            executor = _fresh(work, processes)
            return executor.submit(_do, item)

    def on_error(item: Item, error: Exception) -> Outcome:
        return _alone(work, item) if isinstance(error, BrokenProcessPool) else failed(item, error)

    try:
        yield from work.delegated(items, submit, lambda: 2 * processes, running, on_error)
    finally:
        _end(executor, list(running))
        late += finished(running)


def _alone(work: Work, item: Item) -> Outcome:
    """An item of a pool that broke.  Its output was free, or is whole: it is written again."""
    executor, running = _fresh(replace(work, force=True), 1), [item]
    try:
        outcome = executor.submit(_do, item).result()
        running = []
        return outcome
    except BrokenProcessPool:
        return failed(item, AezipError("its process was killed (out of memory?); try fewer processes"))
    except Exception as error:
        return failed(item, error)
    finally:
        _end(executor, running)


def _fresh(work: Work, processes: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy onnxruntime's threads half
    return ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin, initargs=(work,))


def _end(executor: ProcessPoolExecutor, running: list[Item]) -> None:
    """Stop at once if items are running, and remove what they leave."""
    if running:
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            process.terminate()
    executor.shutdown(cancel_futures=True)
    for folder in {os.path.dirname(item.target) for item in running if item.target}:
        sweep(folder)


_own: tuple[Work, Any]


def _begin(work: Work) -> None:
    """In a process of the pool: open the codec once, leave Ctrl-C to the parent, and do not outlive it."""
    global _own
    prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))  # what it leaves is swept
    threading.Thread(target=end_with_parent, daemon=True).start()
    _own = work, work.open()


def end_with_parent() -> None:
    """Wait until the process that started this one is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _do(item: Item) -> Outcome:
    work, codec = _own
    return work.do(item, codec)
