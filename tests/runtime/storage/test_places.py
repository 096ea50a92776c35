"""Places and the web: the first bytes of files, and what replaces a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aezip import errors
from aezip.storage import files, places, web


def test_the_first_bytes(tmp_path: Path) -> None:
    pytest.importorskip("fsspec").filesystem("memory").pipe_file("/head/a", b"0123456789")
    (tmp_path / "a").write_bytes(b"0123456789")
    for name in (str(tmp_path / "a"), "memory://head/a"):
        assert places.head(name, 4) == b"0123"
        assert places.head(name, 40) == b"0123456789"
    for name in (str(tmp_path / "b"), "memory://head/b"):
        with pytest.raises(errors.InputNotFound, match="no such file"):
            places.head(name, 4, errors.FormatError)


def test_names_of_the_web() -> None:
    assert web.is_web("https://a/b")
    assert not web.is_web("s3://a/b")
    assert web.joined("https://a/b/", "my model.aezm") == "https://a/b/my%20model.aezm"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://[::1/x", "http://", "http://127.0.0.1:99999/"])
def test_what_cannot_be_read_is_one_line(url: str) -> None:
    with pytest.raises(errors.AezipError) as caught:
        web.get(url, 10)
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_a_file_that_replaces_another_has_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.atomic_write(path, b"1")
    os.chmod(path, 0o600)
    files.atomic_write(path, b"2", force=True)
    assert (path.read_bytes(), stat.S_IMODE(os.stat(path).st_mode)) == (b"2", 0o600)


def test_a_file_that_does_not_pass_gets_no_name(tmp_path: Path) -> None:
    path = tmp_path / "a"
    seen = []

    def check(file: Path) -> None:
        seen.append(file.read_bytes())
        raise errors.PackageDamaged("no package")

    with pytest.raises(errors.PackageDamaged):
        files.atomic_write(path, b"1", check=check)
    assert (seen, os.listdir(tmp_path)) == ([b"1"], [])
