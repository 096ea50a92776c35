"""Runs that are stopped, that share a tree with others, or whose pipes are closed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aezip.bulk import work as works
from aezip.bulk.jobs import Compression
from aezip.bulk.work import SKIPPED, Item, Work
from aezip.errors import OutputExists

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and pipes")
# a shell's background jobs start with interrupts ignored, and hand that on
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom aezip.cli import main; main()"


def start(folder: Path, *args: str, **options: Any) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, "-c", START, *args], cwd=folder, env=env, text=True, stderr=subprocess.PIPE, **options
    )


def draw(folder: Path, count: int) -> None:
    (folder / "in").mkdir()
    for i in range(count):
        Image.linear_gradient("L").resize((64 + i, 200)).save(folder / f"in/{i:03}.png")


@pytest.mark.parametrize("options", [("-j", "2"), ("--batch", "4"), ()])
@pytest.mark.parametrize(
    ("kind", "word", "code"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)]
)
def test_a_stopped_run_counts_what_was_done(
    tmp_path: Path, tiny: str, options: tuple[str, ...], kind: signal.Signals, word: str, code: int
) -> None:
    draw(tmp_path, 300)
    args = ("compress", "in", "-o", "out", "-m", tiny, "--json-lines", *options)
    lines_of = tmp_path / "lines"
    with open(lines_of, "w") as file, start(tmp_path, *args, stdout=file) as process:
        while lines_of.read_bytes().count(b"\n") < 5 and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(kind)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    lines = [line for line in told.splitlines() if "larger than its input" not in line]
    assert lines[0] == f"aezip: {word}"
    assert len(lines) == 2, told  # and no warnings of what was left behind
    done = re.search(r"300 files: (\d+) done;", lines[1])
    assert done, told
    written = os.listdir(tmp_path / "out")
    assert all(name.endswith(".lat") for name in written)
    assert int(done[1]) == len(written) == lines_of.read_bytes().count(b"\n") < 300


def test_two_runs_over_one_tree_leave_each_other_alone(tmp_path: Path, tiny: str) -> None:
    draw(tmp_path, 60)
    args = ("compress", "in", "-o", "out", "-m", tiny, "--skip-existing", "--threads", "1")
    runs = [start(tmp_path, *args) for _ in range(2)]
    told = [run.communicate(timeout=60)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    assert len(os.listdir(tmp_path / "out")) == 60
    done = [int(found[1]) for text in told if (found := re.search(r"(\d+) done", text))]
    assert sum(done) == 60, told


def test_an_output_that_appears_meanwhile_is_skipped_or_an_error(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path, 1)

    def write(*_: object, **__: object) -> None:
        raise OutputExists("exists already")

    monkeypatch.setattr(works.places, "write", write)
    item = Item(str(tmp_path / "in/000.png"), str(tmp_path / "a.lat"))
    codec = Compression().open(tiny, "cpu", 1)
    assert Work(Compression(), tiny, skip_existing=True).do(item, codec).status == SKIPPED
    assert "exists already" in Work(Compression(), tiny).do(item, codec).error


def test_closed_pipes_are_one_line(tmp_path: Path, tiny: str) -> None:
    draw(tmp_path, 1)
    for arguments, line in (
        (f"compress - -o a.lat -m '{tiny}' <&-", "-: standard input is closed; expected a pipe or a file"),
        (f"compress in/000.png -o - -m '{tiny}' >&-", "-: standard output is closed; expected a pipe or a file"),
    ):
        command = f"{sys.executable} -m aezip {arguments}"
        done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)
        assert done.returncode == 1
        assert line in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_dev_stdout_is_standard_output(tmp_path: Path, tiny: str) -> None:
    draw(tmp_path, 1)
    command = f"{sys.executable} -m aezip compress in/000.png -o /dev/stdout -m '{tiny}' > a.lat"
    done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)
    assert (done.returncode, (tmp_path / "a.lat").read_bytes()[:4]) == (0, b"\xaeLAT"), done.stderr
    command = f"cat a.lat | {sys.executable} -m aezip info /dev/stdin"
    done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)
    assert "64" in done.stdout, done.stderr


def test_an_interrupt_leaves_no_future_locked(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within `wait` futures are locked one after the other; an interrupt there left all others waiting for ever."""

    def wait(waited: list[futures.Future[Any]], **_: object) -> None:
        for future in [*waited, waited[0]]:
            future._condition.acquire()
        raise KeyboardInterrupt

    draw(tmp_path, 2)
    monkeypatch.setattr(futures, "wait", wait)
    items = [Item(str(tmp_path / f"in/{name}.png"), str(tmp_path / f"{name}.lat")) for name in ("000", "001")]
    given: list[futures.Future[Any]] = [futures.Future(), futures.Future()]
    left = iter(given)
    done = Work(Compression(), tiny).delegated(items, lambda _: next(left), lambda: 2, works.Running())
    with pytest.raises(KeyboardInterrupt):
        next(done)
    cancelled: list[bool] = []
    other = threading.Thread(target=lambda: cancelled.extend(future.cancel() for future in given), daemon=True)
    other.start()
    other.join(5)
    assert cancelled == [True, True]
