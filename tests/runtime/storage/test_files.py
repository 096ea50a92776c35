from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aezip.errors import AezipError, FormatError, InputNotFound, OutputError, OutputExists
from aezip.storage.files import atomic_write, check_output, finding_of, read_bytes


def test_what_is_written_is_read(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", b"\x00\xff" * 99)
    assert read_bytes(tmp_path / "a") == b"\x00\xff" * 99
    assert os.listdir(tmp_path) == ["a"]


def test_an_existing_file_stays_without_force(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    writes: tuple[Callable[[], None], ...] = (lambda: atomic_write(target, b"new"), lambda: check_output(target))
    for write in writes:
        with pytest.raises(OutputExists) as caught:
            write()
        assert str(caught.value) == f"{target}: exists already; expected a new name, or force=True"
    assert target.read_bytes() == b"old"
    atomic_write(target, b"new", force=True)
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_is_swept_before_it_is_marked_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    flock, swept = fcntl.flock, []

    def late(*args: Any) -> None:
        if not swept:
            swept.append([path.unlink() for path in tmp_path.iterdir()])
        flock(*args)

    monkeypatch.setattr(fcntl, "flock", late)
    atomic_write(tmp_path / "a", b"new")
    assert swept == [[None]]
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    monkeypatch.setattr("aezip.storage.files.check_output", lambda *_, **__: target.write_bytes(b"other"))
    with pytest.raises(OutputExists):
        atomic_write(target, b"new")
    assert target.read_bytes() == b"other"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("there", [False, True])
def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def link(*_: Any) -> None:
        if there:
            (tmp_path / "a").write_bytes(b"other")
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)
    if there:
        with pytest.raises(OutputExists):
            atomic_write(tmp_path / "a", b"new")
    else:
        atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == (b"other" if there else b"new")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        atomic_write(tmp_path / "a", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OutputExists):
        atomic_write(tmp_path / "link", b"new")
    atomic_write(tmp_path / "link", b"new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="devices")
def test_a_device_is_written_and_not_replaced() -> None:
    atomic_write("/dev/null", b"new")
    atomic_write("/dev/null", b"new", force=True)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("call", ["link", "replace"])
def test_nothing_is_left_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, call: str
) -> None:
    def fail(*_: Any) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputError) as caught:
        atomic_write(tmp_path / "a", b"new", force=call == "replace")
    if isinstance(caught.value, OutputError):
        assert str(caught.value).endswith("a: no space left on the device; expected a file that can be written")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("", "is a folder"),
        ("missing/a", "no folder"),
        ("file/a", "is not a folder"),
        ("x" * 300, "the name is too long"),
        ("nul\0", "null"),
    ],
)
def test_a_path_that_cannot_be_written(tmp_path: Path, path: str, finding: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    target = os.path.join(tmp_path, path)
    writes: tuple[Callable[[], None], ...] = (
        lambda: check_output(target),
        lambda: atomic_write(target, b"new", force=True),
    )
    for write in writes:
        with pytest.raises(OutputError) as caught:
            write()
        assert finding in str(caught.value)
        assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="no permission to write"):
        check_output(tmp_path / "a")


@pytest.mark.parametrize(
    ("path", "kind", "finding"),
    [
        ("missing", InputNotFound, "no such file"),
        ("", FormatError, "is a folder"),
        ("f/x", FormatError, "not a folder"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, path: str, kind: type[AezipError], finding: str) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(kind, match=finding):
        read_bytes(os.path.join(tmp_path, path), FormatError)


def test_an_error_without_a_known_number() -> None:
    assert finding_of(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert finding_of(ValueError("odd")) == "odd"
