"""Sessions: opened once, when they are needed or ahead of that."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aezip import embed, errors
from aezip.codec import Codec
from aezip.engine import sessions
from aezip.model import packages, store, writing
from aezip.model.kinds import HYPERPRIOR, GraphName


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the graphs that were opened, in their order."""
    names: list[str] = []
    real = sessions.open_session
    monkeypatch.setattr(
        sessions, "open_session", lambda p, name, *a, **k: names.append(str(name)) or real(p, name, *a, **k)
    )
    return names


def test_what_was_opened_ahead_is_not_opened_again(tiny, drawn, opened) -> None:
    codec = Codec(tiny)
    codec.prepare()
    codec.prepare()
    data = codec.encode(drawn(40, 50))
    codec.decode(data)
    codec.encode(drawn(40, 50))
    assert sorted(opened) == ["context", "decoder", "encoder", "hyper", "prior"]


def test_a_codec_of_one_thread_opens_what_it_needs_when_it_needs_it(tiny, drawn, opened) -> None:
    codec = Codec(tiny, threads=1)
    codec.prepare()
    assert opened == []
    data = codec.encode(drawn(40, 50))
    assert opened == ["encoder", "hyper", "prior", "context", "decoder"]
    Codec(tiny, threads=1).decode(data)
    assert opened[5:] == ["prior", "context", "decoder"]


def test_bytes_do_not_depend_on_what_is_opened_ahead(tiny, drawn) -> None:
    picture = drawn(40, 50)
    assert Codec(tiny).encode(picture) == Codec(tiny, threads=1).encode(picture)


def test_checking_opens_no_transform(tiny, drawn, opened) -> None:
    data = Codec(tiny, threads=1).encode(drawn(40, 50))
    opened.clear()
    Codec(tiny).check(data)
    assert sorted(opened) == ["context", "prior"]


def test_a_damaged_graph_opened_ahead_is_said_where_it_is_needed(tiny, drawn, tmp_path: Path) -> None:
    path = tmp_path / "damaged.aezm"
    shutil.copy(store.find(tiny).path, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["context.onnx"] = members["context.onnx"][:-1] + b"?"
    path.write_bytes(writing.pack(members))
    codec = Codec(str(path))
    codec.prepare()
    with pytest.raises(errors.PackageDamaged, match=r"context\.onnx does not match its digest"):
        codec.encode(drawn(40, 50))


def test_closed_graphs_open_again(tiny, drawn, opened) -> None:
    codec = Codec(tiny)
    data = codec.encode(drawn(40, 50))
    codec._encoding.close()
    assert codec.encode(drawn(40, 50)) == data
    assert len(opened) >= 10


def test_openvino_is_told_its_threads(tiny, monkeypatch) -> None:
    from aezip.engine.library import onnxruntime

    asked: list[tuple[list[str], list[dict[str, str]]]] = []

    class Session:
        def __init__(self, *_: object, providers: list[str], provider_options: list[dict[str, str]], **__: object):
            asked.append((providers, provider_options))

        def get_providers(self) -> list[str]:
            return asked[-1][0]

    monkeypatch.setattr(onnxruntime(), "InferenceSession", Session)
    package = store.find_codec(tiny)
    sessions.open_session(package, GraphName("encoder"), "openvino", 3)
    sessions.open_session(package, GraphName("encoder"), "cpu", 3)
    assert asked == [
        (["OpenVINOExecutionProvider", "CPUExecutionProvider"], [{"num_of_threads": "3"}, {}]),
        (["CPUExecutionProvider"], [{}]),
    ]


def test_a_program_may_end_while_graphs_open(tiny) -> None:
    code = "import sys, time, aezip; aezip.Codec(sys.argv[1]).prepare(); time.sleep(float(sys.argv[2]))"
    for seconds in (0.0, 0.005, 0.02):
        done = subprocess.run([sys.executable, "-c", code, tiny, str(seconds)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_too_little_memory_is_no_damage(tiny, drawn, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    with pytest.raises(MemoryError):
        Codec(tiny).encode(drawn(40, 50))


@pytest.mark.parametrize(
    ("member", "changes", "finding"),
    [
        ("context.onnx", {b"features": b"featurez"}, "cannot run context.onnx"),  # no such input comes from the prior
        ("prior.onnx", {b"features": b"featurez"}, "cannot run context.onnx"),
        ("prior.onnx", {b"\x12\x01q": b"\x12\x01x", b"\x12\x01b": b"\x12\x01x"}, "(features|mean) has the shape"),
    ],
)
def test_a_prior_and_a_context_that_do_not_fit_are_one_line(member, changes, finding, golden, drawn, tmp_path) -> None:
    package = packages.Package(store.find(str(golden / "tiny-halves.aezm")))
    members = {name: package.member(name) for name in package.about.members}
    for found, other in changes.items():
        assert found in members[member]
        members[member] = members[member].replace(found, other)
    digests = package.about.description["digests"] | {member: hashlib.sha256(members[member]).hexdigest()}
    fingerprint = packages.fingerprint_of(digests, HYPERPRIOR.deciding).hex()
    about = {**package.about.description, "digests": digests, "fingerprint": fingerprint}
    path = tmp_path / "other.aezm"
    path.write_bytes(writing.pack({**members, packages.DESCRIPTION: writing.description_text(about)}))
    encoder = embed.Encoder(str(path), size=(40, 50))
    with pytest.raises(errors.PackageDamaged, match=finding) as caught:
        encoder.encode(drawn(40, 50))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
