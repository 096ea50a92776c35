"""Items that are handed in by several threads, run together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aezip import Codec
from aezip.bulk.jobs import DONE, Compression, Decompression
from aezip.bulk.work import FAILED, Item, Work
from aezip.engine.batching import Together

Drawn = Callable[..., NDArray[np.uint8]]


class Slow:
    """A run that the first caller keeps busy until `waiting` others wait."""

    def __init__(self, together: Together, waiting: int) -> None:
        self.together, self.waiting, self.sizes = together, waiting, list[int]()

    def __call__(self, items: NDArray[Any]) -> NDArray[Any]:
        self.sizes.append(len(items))
        while len(self.sizes) == 1 and len(self.together._waiting) < self.waiting:
            threading.Event().wait(0.001)
        if (items < 0).any():
            raise ValueError(f"{items.min()} is below 0")
        return 2 * items


def results(together: Together, run: Slow, items: list[NDArray[Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(items)) as pool:
        first = pool.submit(together, items[0].shape, items[0], run)
        while not run.sizes:
            threading.Event().wait(0.001)
        others = [pool.submit(together, item.shape, item, run) for item in items[1:]]
        return [f.exception() or f.result().tolist() for f in (first, *others)]


def test_what_waits_goes_together() -> None:
    together = Together(most=3, elements=1000)
    run = Slow(together, 5)
    items = [np.full(2, n) for n in range(6)]
    assert results(together, run, items) == [[2 * n, 2 * n] for n in range(6)]
    assert run.sizes == [1, 3, 2]


def test_only_one_shape_goes_together_and_no_more_than_fits() -> None:
    together = Together(most=8, elements=4)
    run = Slow(together, 4)
    items = [np.zeros(2, int), np.ones(2, int), np.ones(3, int), np.ones(2, int), np.ones(2, int)]
    assert results(together, run, items) == [(2 * item).tolist() for item in items]
    assert sorted(run.sizes) == [1, 1, 1, 2]


def test_an_error_is_that_of_its_own_item() -> None:
    together = Together(most=8, elements=1000)
    run = Slow(together, 3)
    found = results(together, run, [np.full(1, n) for n in (1, 2, -3, 4)])
    assert str(found.pop(2)) == "-3 is below 0"
    assert found == [[2], [4], [8]]
    assert run.sizes == [1, 3, 1, 1, 1]


@pytest.mark.parametrize("batch", [2, 5])
def test_batches_write_the_same_files(batch: int, drawn: Drawn, tiny: str) -> None:
    pictures = [drawn(48 + 16 * (n // 4), 70, seed=n) for n in range(8)]
    alone, together = Codec(tiny), Codec(tiny, batch=batch)
    files = [alone.encode(picture, 40 + 20 * (n % 2)) for n, picture in enumerate(pictures)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: together.encode(pictures[n], 40 + 20 * (n % 2)), range(8))) == files
        for one, other in zip(files, pool.map(together.decode, files), strict=True):
            assert np.abs(alone.decode(one)[0].astype(int) - other[0]).max() <= 1


def test_a_folder_in_batches(tmp_path: Path, drawn: Drawn, tiny: str) -> None:
    from PIL import Image

    for n in range(6):
        Image.fromarray(drawn(40, 50, seed=n)).save(tmp_path / f"{n}.png")
    (tmp_path / "6.png").write_bytes(b"no picture")
    items = [Item(str(tmp_path / f"{n}.png"), str(tmp_path / f"{n}.lat")) for n in range(7)]
    found = {o.item.source: o.status for o in Work(Compression(batch=2), tiny).outcomes(items, [])}
    assert [found[item.source] for item in items] == 6 * [DONE] + [FAILED]
    back = [Item(item.target, f"{item.target}.png") for item in items[:6]]
    assert all(o.status == DONE for o in Work(Decompression(batch=3), tiny).outcomes(back, []))
    assert len(list(tmp_path.iterdir())) == 7 + 6 + 6
