"""The pool: items → outcomes, in several processes.

At most two items a process are on their way, so that a hundred thousand cost no more memory than ten. A process
that dies (the kernel kills the largest when memory runs out) breaks the pool; its few items are then done again,
one by one, so that the one that kills is known and the rest gets done. Processes end with the one that began them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from ..engine.cores import cores
from ..errors import AezipError
from ..storage.files import sweep
from .work import Item, Outcome, Work, failed


def outcomes(work: Work, items: Iterable[Item], jobs: int) -> Iterator[Outcome]:
    """Do every item; outcomes come as they are ready.  Raises as aezip.Codec, if that cannot be opened."""
    work.open()  # what is wrong with the model is said once
    work = replace(work, threads=work.threads or max(1, cores() // jobs))
    executor, running = _fresh(work, jobs), dict[Future[Outcome], Item]()
    source = iter(items)
    try:
        while True:
            for item in source:
                early = work.without_work(item)
                if early:
                    yield early
                    continue
                try:
                    running[executor.submit(_do, item)] = item
                except BrokenProcessPool:
                    running[_broken()] = item
                if len(running) >= 2 * jobs:
                    break
            if not running:
                return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in ready):
                wait(running)
                executor.shutdown()
                again = [item for future, item in running.items() if future.exception()]
                yield from (future.result() for future in running if not future.exception())
                running.clear()
                yield from _one_by_one(work, again)
                executor = _fresh(work, jobs)
                continue
            for future in ready:
                yield _result(future, running.pop(future))
    finally:
        _end(executor, list(running.values()))


def _one_by_one(work: Work, items: list[Item]) -> Iterator[Outcome]:
    """Tasks of a pool that broke.  Their outputs were free, or are whole: they are written again."""
    work = replace(work, force=True)
    for item in items:
        executor = _fresh(work, 1)
        future = executor.submit(_do, item)
        try:
            wait([future])
            if isinstance(future.exception(), BrokenProcessPool):
                died = AezipError("its process was killed (out of memory?)", "more memory, or fewer processes")
                yield failed(item, died)
            else:
                yield _result(future, item)
        finally:
            _end(executor, [] if future.done() and not future.exception() else [item])


def _fresh(work: Work, jobs: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy onnxruntime's threads half
    return ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_begin, initargs=(work,))


def _broken() -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_exception(BrokenProcessPool())
    return future


def _result(future: Future[Outcome], item: Item) -> Outcome:
    error = future.exception()
    return failed(item, error) if error else future.result()


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _own = work, work.open()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _do(item: Item) -> Outcome:
    work, codec = _own
    return work.do(item, codec)
