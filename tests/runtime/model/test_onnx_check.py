"""Graphs of packages are looked at before onnxruntime opens them.  (Files are put together here without onnx.)"""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aezip.errors import PackageDamaged
from aezip.model import onnx_check
from aezip.model.kinds import TASKS, GraphName
from aezip.model.store import find


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def named(name: str, kind: int) -> bytes:
    return field(1, name) + field(2, field(1, field(1, kind)))


def graph(*extra: bytes, inputs: dict[str, int] | None = None) -> bytes:
    return ends("decoder", inputs, *extra)


def ends(role: str, inputs: dict[str, int] | None, *extra: bytes, outputs: dict[str, int] | None = None) -> bytes:
    """A graph with the inputs and outputs of a role, if no others are given."""
    signature = onnx_check.SIGNATURES[role]
    both = (signature.inputs if inputs is None else inputs, signature.outputs if outputs is None else outputs)
    return b"".join(
        (*extra, *(field(n, named(*pair)) for n, found in zip((11, 12), both, strict=True) for pair in found.items()))
    )


def model(graph: bytes, *extra: bytes, version: int = 13) -> bytes:
    return b"".join((field(8, field(2, version)), field(7, graph), *extra))


def node(operator: str, *extra: bytes) -> bytes:
    return field(1, field(4, operator) + b"".join(extra))


@pytest.mark.parametrize("package", ["tiny", "photo", *TASKS])
def test_the_graphs_of_real_packages_pass(package: str, golden: Path) -> None:
    paths = {"tiny": golden / "reduced" / "tiny.aezm", "photo": find("photo").path}
    roles = (package,) if package in TASKS else [r for r in onnx_check.SIGNATURES if r not in TASKS]
    with zipfile.ZipFile(paths.get(package, golden / f"tiny-{package}.aezm")) as members:
        for role in roles:
            onnx_check.check(GraphName(role), members.read(f"{role}.onnx"))


def test_a_plain_graph_passes() -> None:
    onnx_check.check(GraphName("decoder"), model(graph(node("Conv"), field(5, field(1, 3) + field(9, bytes(12))))))


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (model(graph(node("Loop"))), "the operator 'Loop'"),
        (model(graph(node("Conv", field(7, "com.microsoft")))), "the operator 'com.microsoft.Conv'"),
        (model(graph(node("Conv", field(5, field(6, graph()))))), "within a node"),
        (model(graph(node("Conv", field(5, field(5, field(14, 1)))))), "in another file"),
        (model(graph(field(5, field(13, field(1, "location") + field(2, "../../secret"))))), "in another file"),
        (model(graph(field(5, field(14, 1)))), "in another file"),
        (model(graph(field(15, b""))), "sparse weights"),
        (model(graph(), version=21), "version 21"),
        (model(graph(), field(8, field(1, "evil") + field(2, 13))), "operators 'evil'"),
        (model(graph(), field(20, b"")), "training_info"),
        (model(graph(), field(25, b"")), "functions"),
        (model(graph(), field(7, graph())), "2 graphs"),
        (b"", "0 graphs"),
        (model(graph(inputs={"latent": 1, "inverse_gain": 1})), "latent (float32)"),
        (model(graph(inputs={})), "the inputs none"),
        (model(graph(field(12, named("image", 2)))), "two outputs of one name"),
        (model(b"".join([node("Abs")] * 10_001)), "10001 nodes"),
        (b"\x0b", "not an ONNX graph"),
        (model(graph())[:-1], "not an ONNX graph"),
    ],
)
def test_others_are_refused(data: bytes, finding: str) -> None:
    with pytest.raises(PackageDamaged) as caught:
        onnx_check.check(GraphName("decoder"), data)
    assert finding in str(caught.value)


def test_what_a_prior_tells_the_context_may_have_any_name() -> None:
    prior, context = (onnx_check.SIGNATURES[role] for role in ("prior", "context"))
    for kind in onnx_check.TYPE_NAMES:
        told = {"told": kind}
        onnx_check.check(GraphName("prior"), model(ends("prior", None, outputs=prior.outputs | told)))
        onnx_check.check(GraphName("context"), model(ends("context", context.inputs | told)))
    for role, inputs, outputs, finding in (
        ("prior", prior.inputs | {"told": 1}, None, "the inputs"),
        ("prior", None, prior.outputs | {"told": 7}, "told (type 7)"),
        ("prior", None, {"mean": 5, "told": 1}, "the outputs"),
        ("context", context.inputs | {"known": 1}, None, "known (float32)"),
        ("context", None, context.outputs | {"told": 1}, "the outputs"),
    ):
        with pytest.raises(PackageDamaged) as caught:
            onnx_check.check(GraphName(role), model(ends(role, inputs, outputs=outputs)))
        assert finding in str(caught.value)


@given(st.data())
def test_whatever_the_bytes_the_answer_is_the_one_error(data: st.DataObject) -> None:
    valid = bytearray(model(graph(node("Conv"), field(5, field(9, np.ones(3, np.float32).tobytes())))))
    for _ in range(data.draw(st.integers(1, 4))):
        valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PackageDamaged):
        onnx_check.check(GraphName("decoder"), bytes(valid))


def test_names_that_would_break_the_line_are_refused() -> None:
    for name in ("Con\nv", "x" * 101, "\x1b[31m"):
        with pytest.raises(PackageDamaged, match="not an ONNX graph"):
            onnx_check.check(GraphName("decoder"), model(graph(node(name))))
