"""Transforms for samples finer than a grey level, made of a package's own, with the same weights.

    encoder     `image` float32 in levels in place of uint8, which the graph casts to float32 before all else
    decoder     `image` float32 in levels, as it is before the graph rounds it: the nodes that round are left out

The bytes of an ONNX graph that `onnx_check` has passed go in, others come out. So every package codes pictures of more
than 8 bits, and its fingerprint stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..errors import PackageDamaged
from . import wire
from .kinds import GraphName
from .onnx_check import FLOAT
from .wire import Field, Malformed

MOVES = ("DepthToSpace", "Reshape", "Slice", "Transpose")  # what may follow the rounding: numbers only change places
ROUNDS = (("Cast", "Clip", "Floor", "Add"), ("QuantizeLinear",))  # from the last node back to what it rounds
# Field numbers of onnx.proto.
_GRAPH = 7
_NODE, _INPUT, _OUTPUT = 1, 11, 12
_NAME, _TYPE, _TENSOR, _ELEMENT = 1, 2, 1, 1  # of an input or output
_FROM, _TO, _OPERATOR = 1, 2, 4  # of a node

Change = Callable[[list[Field]], Iterator[tuple[int, bytes] | memoryview]]


class _Node(NamedTuple):
    """A node of a graph."""

    operator: str
    inputs: list[str]
    output: str
    field: Field


def fine(name: GraphName, data: bytes) -> bytes:
    """The graph for finer samples.  name: of an encoder or decoder.  Raises PackageDamaged."""
    change = _encoder if name.role == "encoder" else _decoder
    try:
        return _with_graph(data, change)
    except (Malformed, KeyError, UnicodeDecodeError):
        finding = f"{name.member} does not round its pixels as graphs of packages do"
        raise PackageDamaged(finding, "a graph of aezip-export, or pictures of 8 bits") from None


def _with_graph(data: bytes, change: Change) -> bytes:
    """A model whose graph has other fields."""
    parts: list[tuple[int, bytes] | memoryview] = []
    for number, value, raw in wire.fields(data):
        if number == _GRAPH and isinstance(value, memoryview):
            parts.append((_GRAPH, wire.write(change(list(wire.fields(value))))))
        else:
            parts.append(raw)
    if all(isinstance(part, memoryview) for part in parts):
        raise Malformed
    return wire.write(parts)


def _encoder(graph: list[Field]) -> Iterator[tuple[int, bytes] | memoryview]:
    for field in graph:
        yield _as_float(field) if field.number == _INPUT and _name(field) == "image" else field.raw


def _decoder(graph: list[Field]) -> Iterator[tuple[int, bytes] | memoryview]:
    made = {node.output: node for node in map(_node, graph) if node}
    first = None  # of those that only move numbers
    node = made["image"]
    while node.operator in MOVES:
        first, node = node, made[node.inputs[0]]
    rounding = next((r for r in ROUNDS if r[0] == node.operator), ())
    dropped, source = [], node.output
    for operator in rounding:
        if made[source].operator != operator:
            raise Malformed
        dropped.append(source)
        source = made[source].inputs[0]
    if first is None or not dropped:
        raise Malformed
    for field in graph:
        one = _node(field)
        if one and one.output in dropped:
            continue
        if one and one.output == first.output:
            yield _NODE, _fed(one, source)
        else:
            yield _as_float(field) if field.number == _OUTPUT and _name(field) == "image" else field.raw


def _node(field: Field) -> _Node | None:
    """A field of a graph, if it is a node."""
    if field.number != _NODE or not isinstance(field.value, memoryview):
        return None
    found = wire.read(field.value)
    names = [bytes(name).decode() for name in wire.messages(found, _FROM)]
    return _Node(wire.text(found, _OPERATOR), names, wire.text(found, _TO), field)


def _fed(node: _Node, source: str) -> bytes:
    """A node with another first input."""
    parts: list[tuple[int, bytes] | memoryview] = [(_FROM, source.encode())]
    parts += [(_FROM, name.encode()) for name in node.inputs[1:]]
    parts += [field.raw for field in wire.fields(node.field.value) if field.number != _FROM]  # type: ignore[arg-type]
    return wire.write(parts)


def _name(field: Field) -> str:
    """Of an input or output."""
    return wire.text(wire.read(field.value), _NAME) if isinstance(field.value, memoryview) else ""


def _as_float(field: Field) -> tuple[int, bytes]:
    """An input or output whose elements are float32."""

    def within(data: int | memoryview, path: tuple[int, ...]) -> bytes:
        if isinstance(data, int):
            raise Malformed
        step, *rest = path
        parts: list[tuple[int, int | bytes] | memoryview] = []
        for inner in wire.fields(data):
            if inner.number != step:
                parts.append(inner.raw)
            else:
                parts.append((step, within(inner.value, tuple(rest)) if rest else FLOAT))
        return wire.write(parts)

    return field.number, within(field.value, (_TYPE, _TENSOR, _ELEMENT))
