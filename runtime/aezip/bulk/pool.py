"""The pool: tasks → outcomes, in several processes.

At most two tasks a process are on their way, so that a hundred thousand cost no more memory than ten. A process
that dies (the kernel kills the largest when memory runs out) breaks the pool; its few tasks are then done again,
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

from ..errors import AezipError
from ..storage.files import sweep
from .work import Outcome, Task, Work, failed


def outcomes(work: Work, tasks: Iterable[Task], jobs: int) -> Iterator[Outcome]:
    """Do every task; outcomes come as they are ready.  Raises as aezip.Codec, if that cannot be opened."""
    work.open()  # what is wrong with the model is said once
    work = replace(work, threads=work.threads or max(1, cores() // jobs))
    executor, running = _fresh(work, jobs), dict[Future[Outcome], Task]()
    source = iter(tasks)
    try:
        while True:
            for task in source:
                settled = work.settle(task)
                if settled:
                    yield settled
                    continue
                try:
                    running[executor.submit(_do, task)] = task
                except BrokenProcessPool:
                    running[_broken()] = task
                if len(running) >= 2 * jobs:
                    break
            if not running:
                return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in ready):
                wait(running)
                executor.shutdown()
                again = [task for future, task in running.items() if future.exception()]
                yield from (future.result() for future in running if not future.exception())
                running.clear()
                yield from _one_by_one(work, again)
                executor = _fresh(work, jobs)
                continue
            for future in ready:
                yield _result(future, running.pop(future))
    finally:
        _end(executor, list(running.values()))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_by_one(work: Work, tasks: list[Task]) -> Iterator[Outcome]:
    """Tasks of a pool that broke.  Their outputs were free, or are whole: they are written again."""
    work = replace(work, force=True)
    for task in tasks:
        executor = _fresh(work, 1)
        future = executor.submit(_do, task)
        try:
            wait([future])
            if isinstance(future.exception(), BrokenProcessPool):
                died = AezipError("its process was killed (out of memory?)", "more memory, or fewer --jobs")
                yield failed(task, died)
            else:
                yield _result(future, task)
        finally:
            _end(executor, [] if future.done() and not future.exception() else [task])


def _fresh(work: Work, jobs: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy onnxruntime's threads half
    return ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_begin, initargs=(work,))


def _broken() -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_exception(BrokenProcessPool())
    return future


def _result(future: Future[Outcome], task: Task) -> Outcome:
    error = future.exception()
    return failed(task, error) if error else future.result()


def _end(executor: ProcessPoolExecutor, running: list[Task]) -> None:
    """Stop at once if tasks are running, and remove what they leave."""
    if running:
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            process.terminate()
    executor.shutdown(cancel_futures=True)
    for folder in {os.path.dirname(task.target) for task in running if task.target}:
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


def _do(task: Task) -> Outcome:
    work, codec = _own
    return work.do(task, codec)
