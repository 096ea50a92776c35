"""What file managers are told of `.lat` files."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import aezip.pillow
from aezip.cli import main
from aezip.codec import Codec
from aezip.format import container

DESKTOP = Path(__file__).parents[2] / "runtime" / "desktop"
NAMES = {"m": "{http://www.freedesktop.org/standards/shared-mime-info}"}


def test_the_type_is_known_by_its_magic() -> None:
    kind = ET.parse(DESKTOP / "aezip.xml").getroot()[0]
    assert kind.get("type") == aezip.pillow.MIME
    match = kind.find(f"{NAMES['m']}magic/{NAMES['m']}match")
    assert match is not None
    assert (match.get("type"), match.get("offset")) == ("string", "0")
    assert str(match.get("value")).encode().decode("unicode_escape").encode("latin1") == container.MAGIC
    assert [glob.get("pattern") for glob in kind.iter(f"{NAMES['m']}glob")] == ["*.lat"]


@pytest.mark.skipif(not (shutil.which("update-mime-database") and shutil.which("gio")), reason="needs its tools")
def test_a_desktop_knows_it(golden, tmp_path, monkeypatch) -> None:
    (tmp_path / "mime/packages").mkdir(parents=True)
    shutil.copy(DESKTOP / "aezip.xml", tmp_path / "mime/packages")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    subprocess.run(["update-mime-database", tmp_path / "mime"], check=True, capture_output=True)
    shutil.copy(golden / "odd.lat", tmp_path / "nameless")
    command = ["gio", "info", "-a", "standard::content-type", tmp_path / "nameless"]
    assert aezip.pillow.MIME in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["a picture.lat", "-r.lat"])
def test_the_thumbnailer_makes_a_thumbnail(golden, drawn, tmp_path, monkeypatch, name) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(DESKTOP / "aezip.thumbnailer")
    said = entry["Thumbnailer Entry"]
    assert said["MimeType"] == f"{aezip.pillow.MIME};"
    monkeypatch.setenv("AEZIP_MODELS", str(golden / "reduced"))
    (tmp_path / name).write_bytes(Codec(str(golden / "reduced/tiny.aezm")).encode(drawn(200, 300), 60))
    target = tmp_path / "thumbnail.tmp"
    target.touch()  # thumbnailers get a file that is there
    words = {"%s": "128", "%i": str(tmp_path / name), "%o": str(target)}
    program, *arguments = shlex.split(said["Exec"])
    assert program == said["TryExec"] == "aezip"
    done = CliRunner().invoke(main, [words.get(word, word) for word in arguments])
    assert done.exit_code == 0, done.output
    assert done.output == ""
    with Image.open(target) as image:
        assert (image.format, image.size) == ("PNG", (128, 85))
