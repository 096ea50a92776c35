"""The cluster: items → outcomes on a Dask scheduler's workers, each with the model loaded once.

Every worker needs aezip, the same model, and access to the same files: object stores, or a shared file system. The
model is checked before work starts, and when a worker that joined later gets its first item. A worker that dies loses
nothing: the scheduler gives its items to another, and outputs are written whole or not at all.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..errors import AezipError, ModelDiffers, UsageError, require
from ..model import store
from ..storage import places
from ..storage.files import sweep
from .process import prepare
from .work import Item, Outcome, Work, failed

_opening = threading.Lock()


def outcomes(work: Work, items: Iterable[Item], scheduler: str) -> Iterator[Outcome]:
    """Do every item on the cluster at `scheduler` (tcp://…); outcomes come as they are ready.

    Raises DependencyMissing, UsageError, ModelNotFound, PackageDamaged, and ModelDiffers if a worker has another model.
    """
    client_of = require("distributed").Client
    try:
        client = client_of(scheduler, timeout="15s", set_as_default=False)
    except (OSError, ValueError) as e:
        finding = f"no Dask scheduler answers at {scheduler}"
        raise UsageError(finding, "the address that `dask scheduler` prints") from e
    logging.getLogger("distributed.client").setLevel(logging.ERROR)  # that a worker died is no news to the user
    if work.model and store.is_path(work.model):
        work = replace(work, model=os.path.abspath(work.model))
    folders: set[str] = set()  # with files of workers that may die
    # outputs were found free, or may be replaced: an item that is done again writes the same bytes again
    again = replace(work, force=True, existing=None)

    def submit(item: Item) -> Future[Outcome]:
        if item.target and not places.is_url(item.target):
            folders.add(os.path.dirname(item.target))
        future: Future[Outcome] = executor.submit(_do, again, digest, _absolute(item))
        return future

    def room() -> int:
        return max(8, 3 * sum(client.nthreads().values()))

    try:
        digest, executor = _same_model(client, work.model), client.get_executor(pure=False)
        yield from work.delegated(items, submit, room, {}, _failed)
    finally:
        client.close()
        for folder in folders:
            sweep(folder)


def _same_model(client: Any, name: str | None) -> str:
    """The digest of the model, which every worker has, too; "" if files say which one they need.  Raises as above."""
    if name is None:
        return ""
    own = store.find(name).digest
    answers = client.run(_digest, name, on_error="return")
    wrong = [(worker, answer) for worker, answer in sorted(answers.items()) if answer != own]
    if wrong:
        worker, answer = wrong[0]
        raise _differs(worker, name, answer, f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
    return own


def _differs(worker: str, name: str, answer: object, more: str = "") -> ModelDiffers:
    if isinstance(answer, str):
        what = f"has another model '{name}'"
    elif isinstance(answer, ImportError) and not isinstance(answer, AezipError):
        what = f"has no aezip of this version ({answer})"
    else:
        what = f"has no such model ({answer.finding if isinstance(answer, AezipError) else answer})"
    return ModelDiffers(f"the worker {worker}{more} {what}", "the model of this machine on every worker")


def _digest(name: str) -> str:
    return store.find(name).digest


def _absolute(item: Item) -> Item:
    """With absolute paths: workers start in other folders."""
    source, target, partner = (
        name if not name or places.is_url(name) else os.path.abspath(name)
        for name in (item.source, item.target, item.partner)
    )
    return item._replace(source=source, target=target, partner=partner)


def _failed(item: Item, error: BaseException) -> Outcome:
    if type(error).__name__ == "KilledWorker":
        error = AezipError("every worker that took it died (out of memory?)")
    return failed(item, error)


def _do(work: Work, digest: str, item: Item) -> Outcome:
    with _opening:
        network = _opened(work, digest)
    return work.do(item, network)


@lru_cache(maxsize=4)
def _opened(work: Work, digest: str) -> Any:
    if work.model is not None and _digest(work.model) != digest:
        raise _differs(socket.gethostname(), work.model, "")
    prepare()
    return work.open()
