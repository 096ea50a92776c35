"""The C core: its own tests under sanitizers, damaged files, and containers judged as Python judges them."""

from __future__ import annotations

import json
import random
import runpy
import shutil
import struct
import subprocess
import zlib
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from aezip.errors import AezipError
from aezip.format import container, exact

CORE = Path(__file__).parents[2] / "runtime" / "c"
GOLDEN = Path(__file__).parents[1] / "golden"
NAMED = ["one-pixel", "grey", "odd", "fine", "escapes", "tiles", "early-tiles"]  # have vectors, and are damaged
REPAIRED = ["patched", "patched-grey", "whole", "early", "early-whole"]  # have vectors, too
EXACT, DEPTH, STEPS, PRODUCTS, HALVES = (
    json.loads((GOLDEN / f"{name}.json").read_text()) for name in ("exact", "depth", "steps", "products", "halves")
)
MORE = 8  # files that are damaged besides: exact pixels, patches, more bits

pytestmark = pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="needs make and a C compiler")


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
    files, models = (
        sum(int(line.split()[0]) for line in done.stdout.splitlines() if f" {of}: " in line) for of in ("file", "model")
    )
    assert (files, models) == (150 * (len(NAMED) + MORE), 150 * len(NAMED))


@pytest.mark.parametrize("name", NAMED + REPAIRED)
def test_latents_are_those_of_python(name, build, golden, tiny) -> None:
    command = [build / "aezip-dump", tiny, golden / "vectors.npz", golden / f"{name}.lat"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert sha256(done.stdout).hexdigest() == json.loads((golden / "facts.json").read_text())[name]["latents"]


@pytest.mark.parametrize("name", STEPS | PRODUCTS | HALVES)
def test_latents_of_any_steps_are_those_of_python(name, build, golden) -> None:
    which = name.partition("-")[0]
    command = [build / "aezip-dump", golden / f"tiny-{which}.aezm", golden / f"{which}.npz", golden / f"{name}.lat"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert sha256(done.stdout).hexdigest() == (STEPS | PRODUCTS | HALVES)[name]["latents"]


def pixels_of(build: Path, file: Path, to: Path) -> tuple[str, bytes]:
    """What `aezip-dump` complains of, and the pixels that it wrote."""
    to.unlink(missing_ok=True)
    done = subprocess.run([build / "aezip-dump", file, "--pixels", to], capture_output=True, text=True)
    assert done.returncode == (done.stderr != ""), done.stderr
    return done.stderr, to.read_bytes().split(b"\n", 1)[1] if to.exists() else b""


@pytest.mark.parametrize("name", EXACT)
def test_exact_pixels_are_the_golden_ones(name, build, golden, tmp_path) -> None:
    complaint, pixels = pixels_of(build, golden / f"{name}.lat", tmp_path / "out.ppm")
    assert complaint == ""
    assert sha256(pixels).hexdigest() == EXACT[name]["pixels"]


@pytest.mark.parametrize("name", [name for name, facts in DEPTH.items() if not facts["model"]])
def test_samples_of_more_bits_are_the_golden_ones(name, build, golden, tmp_path) -> None:
    complaint, samples = pixels_of(build, golden / f"{name}.lat", tmp_path / "out.ppm")
    want = np.load(golden / "depth.npz")[name]
    assert (complaint, samples) == ("", want.astype(">u2").tobytes())


def test_samples_of_more_bits_are_judged_as_in_python(build, tmp_path) -> None:
    rng, verdicts = random.Random(7), []
    for _ in range(60):
        shape, depth = (rng.randint(1, 9), rng.randint(1, 30), rng.choice((1, 3))), rng.choice((9, 15, 16, 16))
        rows = [bytes((rng.randrange(4),)) + rng.randbytes(2 * shape[1] * shape[2]) for _ in range(shape[0])]
        if depth == 9:  # small differences from above, or it would never be right
            rows = [b"\0" + bytes(shape[1] * shape[2]) + row[1 + shape[1] * shape[2] :] for row in rows]
        band = zlib.compress(b"".join(rows))
        body = bytes((16, 2 * (shape[2] == 3 and rng.random() < 0.5))) + struct.pack("<I", len(band)) + band
        try:
            want = exact.decode(body, *shape, depth=depth).astype(">u2").tobytes()
        except AezipError:
            want = b""
        header = container.Header(shape[1], shape[0], shape[2], 1000, container.NO_MODEL)
        sections = (*container.depth_sections(depth), container.Section(container.PIXELS, body))
        (tmp_path / "a.lat").write_bytes(container.pack(container.Lat(header, sections)))
        complaint, samples = pixels_of(build, tmp_path / "a.lat", tmp_path / "a.ppm")
        assert (samples, "SectionDamaged" in complaint) == (want, want == b""), (shape, depth, body.hex())
        verdicts.append(want == b"")
    assert 10 < sum(verdicts) < 50


def test_exact_pixels_are_judged_as_in_python(build, tmp_path) -> None:
    packed = runpy.run_path(str(GOLDEN / "exact.py"))["packed"]
    rng = random.Random(6)
    taken = refused = 0
    for _ in range(200):
        shape = rng.randint(1, 9), rng.randint(1, 30), rng.choice((1, 3))
        body = bytearray(body_of(rng, *shape))
        if rng.random() < 0.2:
            body[rng.randrange(min(len(body), 12))] = rng.randrange(256)
        try:
            want = exact.decode(bytes(body), *shape).tobytes()
            taken += 1
        except AezipError:
            want = b""
            refused += 1
        (tmp_path / "a.lat").write_bytes(packed(np.empty(shape, np.uint8), bytes(body), None))
        complaint, pixels = pixels_of(build, tmp_path / "a.lat", tmp_path / "a.ppm")
        assert (pixels, "SectionDamaged" in complaint) == (want, want == b""), (shape, body.hex())
    assert min(taken, refused) > 50


def body_of(rng: random.Random, height: int, width: int, channels: int) -> bytes:
    """Exact pixels of any kind, most of them whole: one band of random bytes."""
    palette = rng.random() < 0.5
    samples = 1 if palette else channels
    bits = rng.choice((1, 2, 4, 8)) if samples == 1 else 8
    green = samples == 3 and rng.random() < 0.5
    head = bytes((bits, palette + 2 * green))
    if palette:
        colours = rng.choice((2**bits, 2**bits, rng.randint(1, 2**bits)))
        head += bytes((colours - 1,)) + rng.randbytes(colours * channels)
    row = -(-width * samples * bits // 8)
    rows = [bytes((rng.choices(range(5), (9, 9, 9, 9, 0.2))[0],)) + rng.randbytes(row) for _ in range(height)]
    band = zlib.compress(b"".join(rows), rng.randrange(10))
    return head + struct.pack("<I", len(band)) + band


def test_containers_are_judged_as_in_python(build, golden, tmp_path) -> None:
    rng = random.Random(5)
    files = sorted(golden.glob("*.lat"))
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
    lossy = run(golden / "odd.lat", "--pixels", tmp_path / "out.ppm")
    assert (lossy.returncode, "need a model" in lossy.stderr, lossy.stderr.count("\n")) == (1, True, 1)
    nowhere = run(golden / "exact-rgb.lat", "--pixels", tmp_path / "no" / "out.ppm")
    assert (nowhere.returncode, "cannot be written" in nowhere.stderr) == (1, True)
    damaged = run(golden / "odd.lat", golden / "vectors.npz", golden / "odd.lat")
    assert (damaged.returncode, "NotALat" in damaged.stderr) == (1, True)
