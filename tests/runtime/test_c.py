"""The C core: its own tests under sanitizers, damaged files, and containers judged as Python judges them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from aezip.errors import AezipError
from aezip.format import container

CORE = Path(__file__).parents[2] / "runtime" / "c"
NAMED = ["one-pixel", "grey", "odd", "fine", "escapes", "tiles"]  # files that have vectors

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("cc")), reason="needs make and a C compiler"
)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("c")
    targets = [f"{folder}/aezip-{tool}" for tool in ("test", "dump", "mutate")]
    subprocess.run(["make", "-s", "-j2", "-C", CORE, f"BUILD={folder}", "CFLAGS=-O0", *targets], check=True)
    return folder


def test_golden_vectors_under_sanitizers(build, golden) -> None:
    done = subprocess.run([build / "aezip-test", golden], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr


def test_damaged_files_under_sanitizers(build, golden) -> None:
    """`make mutate` does this 100,000 times."""
    done = subprocess.run([build / "aezip-mutate", "150", "7", golden], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(int(line.split()[0]) for line in done.stdout.splitlines()) == 2 * 150 * len(NAMED)  # files, then models


@pytest.mark.parametrize("name", NAMED)
def test_latents_are_those_of_python(name, build, golden, tiny) -> None:
    command = [build / "aezip-dump", tiny, golden / "vectors.npz", golden / f"{name}.lat"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert sha256(done.stdout).hexdigest() == json.loads((golden / "facts.json").read_text())[name]["latents"]


def known(path: Path) -> bool:
    """Whether Python's container has all types of sections that are in a golden file."""
    return b"PIXL" in container.KNOWN or not path.name.startswith("exact-")


def test_containers_are_judged_as_in_python(build, golden, tmp_path) -> None:
    rng = random.Random(5)
    files = [path for path in sorted(golden.glob("*.lat")) if known(path)]
    for number in range(300):
        data = bytearray(rng.choice(files).read_bytes())
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(min(len(data), 200))
            data[at : at + rng.choice([0, 1, 1])] = rng.choice([b"", b"\0", bytes([rng.randrange(256)])])
        (tmp_path / f"{number}.lat").write_bytes(data[: rng.choice([None, None, rng.randrange(len(data) + 1)])])
    paths = [tmp_path / f"{number}.lat" for number in range(300)]
    done = subprocess.run([build / "aezip-dump", *paths], capture_output=True, text=True)
    said = dict(line.split(": ")[2:4] for line in done.stderr.splitlines())
    verdicts = set()
    for path in paths:
        try:
            container.unpack(path.read_bytes())
            want = None
        except AezipError as error:
            want = type(error).__name__
        assert said.get(str(path)) == want, path
        verdicts.add(want)
    assert len(verdicts) >= 5


def test_usage_and_errors_are_one_line(build, golden, tmp_path) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([build / "aezip-dump", *arguments], capture_output=True, text=True)

    assert run().returncode == 2
    absent = run(tmp_path / "absent.lat")
    assert (absent.returncode, absent.stderr.count("\n")) == (1, 1)
    assert "cannot be read" in absent.stderr
    unrecorded = run(golden / "tiny.aezm", golden / "vectors.npz", golden / "metadata.lat")
    assert (unrecorded.returncode, unrecorded.stdout) == (1, "")
    static = run(golden / "tiny-static.aezm", golden / "vectors.npz", golden / "static.lat")
    assert (static.returncode, static.stderr.count("\n")) == (1, 1)
    assert "has no hyperprior and is not supported" in static.stderr
    damaged = run(golden / "odd.lat", golden / "vectors.npz", golden / "odd.lat")
    assert (damaged.returncode, "NotALat" in damaged.stderr) == (1, True)
