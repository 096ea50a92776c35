"""The process's end: everything is written, whatever was registered is done, the exit code is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REGISTERED = "import atexit; atexit.register(lambda: print('at the end'))"
THREAD = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('of a thread'))).start()"


def ended(*arguments: str, before: str = "") -> tuple[int, list[str]]:
    code = f"import sys\n{before}\nsys.argv[1:] = {list(arguments)!r}\nfrom aezip.__main__ import run\nrun()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, [*done.stdout.splitlines(), *done.stderr.splitlines()]


def test_what_belongs_to_the_end_is_done() -> None:
    code, lines = ended("--version", before=REGISTERED)
    assert (code, len(lines), lines[1]) == (0, 2, "at the end")


def test_threads_are_waited_for() -> None:
    code, lines = ended("--version", before=THREAD)
    assert (code, lines[1]) == (0, "of a thread")


@pytest.mark.parametrize(("arguments", "code"), [(("--help",), 0), (("info", "nothing.lat"), 1), (("unknown",), 2)])
def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    assert ended(*arguments)[0] == code


def test_long_output_is_whole() -> None:
    assert ended("compress", "--help")[1][-1].strip().startswith("-h, --help")


def test_a_reader_that_leaves_is_no_traceback() -> None:
    command = f'"{sys.executable}" -m aezip compress --help | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", ["--help", "--version", "compress --help"])
def test_help_that_cannot_be_written_is_one_line(arguments: str) -> None:
    command = f'"{sys.executable}" -m aezip {arguments} > /dev/full'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "aezip: error: no space left on the device\n")
