"""What an ONNX file says of itself, read before onnxruntime opens it.

A package may come from anywhere, so a graph is refused unless it is of the kind that packages hold: plain operators of
one list, weights inside the file, no graphs within graphs, and the inputs and outputs of its role.
The reader knows only protobuf's wire format (`wire`) and the fields of onnx.proto that it asks for; what it does not
know it refuses, where it could matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import PackageDamaged
from .kinds import REDUCED, GraphName
from .wire import Malformed, Message, messages, read, text

_OPERATORS = """
    Abs Add Cast Clip Concat Conv DepthToSpace DequantizeLinear Floor LeakyRelu Log MatMul Max Min Mul Pad
    QuantizeLinear Reshape Round Sign Slice Transpose
"""
OPERATORS = frozenset(_OPERATORS.split())
OPSET = 13
FLOAT, UINT8, INT16 = 1, 2, 5
TYPE_NAMES = {FLOAT: "float32", UINT8: "uint8", INT16: "int16"}


class Signature(NamedTuple):
    """Element types of a graph's inputs and outputs, by name."""

    inputs: dict[str, int]
    outputs: dict[str, int]


_STEP = {"mean_gain": FLOAT, "shift": FLOAT}
_FOUND = {"mean": INT16, "index": UINT8}
_DECODER = Signature({"latent": INT16, "inverse_gain": FLOAT}, {"image": UINT8})
SIGNATURES = {
    "encoder": Signature({"image": UINT8, "gain": FLOAT}, {"latent": INT16}),
    "hyper": Signature({"latent": INT16, "hyper_gain": FLOAT}, {"hyper": INT16}),
    "prior": Signature({"hyper": INT16, "hyper_inverse": FLOAT, "hyper_offset": FLOAT, **_STEP}, _FOUND),
    "context": Signature({"known": INT16, "context_gain": FLOAT, **_STEP}, _FOUND),
    "decoder": _DECODER,
    **dict.fromkeys(REDUCED.values(), _DECODER),
    "denoise": Signature({"image": UINT8, "sigma": FLOAT}, {"restored": UINT8}),
    "colorize": Signature({"image": UINT8}, {"restored": UINT8}),
    "inpaint": Signature({"image": UINT8, "mask": UINT8}, {"restored": UINT8}),
}
_KNOWN = {**SIGNATURES, "detector": Signature({"seen": FLOAT}, {"logit": FLOAT})}  # the last is part of profiles
_CARRIED = ("prior", "output"), ("context", "input")  # what goes from one to the other
MAX_NODES = 10_000

# Field numbers of onnx.proto.
_MODEL = {"ir_version": 1, "graph": 7, "opset_import": 8, "training_info": 20, "functions": 25}
_GRAPH = {"node": 1, "initializer": 5, "input": 11, "output": 12, "sparse_initializer": 15}
_NODE = {"op_type": 4, "attribute": 5, "domain": 7}
_ATTRIBUTE = {"t": 5, "g": 6, "graphs": 11, "sparse_tensor": 22, "sparse_tensors": 23, "tensors": 10}
_TENSOR = {"external_data": 13, "data_location": 14}


def check(name: GraphName, data: bytes) -> None:
    """Refuse a graph that packages do not hold.  Raises PackageDamaged."""
    try:
        for finding, expectation in _findings(name.role, data):
            raise PackageDamaged(f"{name.member} {finding}", expectation)
    except (Malformed, UnicodeDecodeError, RecursionError):
        raise PackageDamaged(f"{name.member} is not an ONNX graph", "one written by aezip-export") from None


def _findings(role: str, data: bytes) -> Iterator[tuple[str, str]]:
    """What is wrong with a graph, in the order it is met."""
    model = read(data)
    for name in ("training_info", "functions"):
        if model.get(_MODEL[name]):
            yield f"holds {name}", "a plain graph"
    for opset in map(read, messages(model, _MODEL["opset_import"])):
        domain, version = text(opset, 1), opset.get(2, [0])[-1]
        if domain not in ("", "ai.onnx") or version != OPSET:
            yield f"uses version {version!r} of the operators '{domain}'", f"version {OPSET} of ONNX's own"
    graphs = messages(model, _MODEL["graph"])
    if len(graphs) != 1:
        yield f"holds {len(graphs)} graphs", "one"
        return
    graph = read(graphs[0])
    nodes = messages(graph, _GRAPH["node"])
    if len(nodes) > MAX_NODES:
        yield f"has {len(nodes)} nodes", f"at most {MAX_NODES}"
    for node in map(read, nodes):
        yield from _node_findings(node)
    if graph.get(_GRAPH["sparse_initializer"]):
        yield "holds sparse weights", "dense ones"
    yield from _tensor_findings(messages(graph, _GRAPH["initializer"]))
    for direction, expected in zip(("input", "output"), _KNOWN[role], strict=True):
        values = [_value(m) for m in messages(graph, _GRAPH[direction])]
        found = dict(values)
        if len(found) < len(values):
            yield f"has two {direction}s of one name", "one of each"
        if (role, direction) in _CARRIED:
            expected = {name: kind for name, kind in found.items() if kind in TYPE_NAMES} | expected
        if found != expected:
            yield f"has the {direction}s {_listed(found)}", _listed(expected)


def _node_findings(node: Message) -> Iterator[tuple[str, str]]:
    operator, domain = text(node, _NODE["op_type"]), text(node, _NODE["domain"])
    if operator not in OPERATORS or domain not in ("", "ai.onnx"):
        yield f"uses the operator '{domain and domain + '.'}{operator}'", f"one of {', '.join(sorted(OPERATORS))}"
    for attribute in map(read, messages(node, _NODE["attribute"])):
        for name in ("g", "graphs", "sparse_tensor", "sparse_tensors"):
            if attribute.get(_ATTRIBUTE[name]):
                yield "holds a graph or sparse tensor within a node", "plain operators"
        for name in ("t", "tensors"):
            yield from _tensor_findings(messages(attribute, _ATTRIBUTE[name]))


def _tensor_findings(tensors: list[memoryview]) -> Iterator[tuple[str, str]]:
    for tensor in map(read, tensors):
        if tensor.get(_TENSOR["external_data"]) or any(tensor.get(_TENSOR["data_location"], [])):
            yield "keeps weights in another file", "all inside the package"


def _value(message: memoryview) -> tuple[str, int]:
    """Name and element type of an input or output; type 0 for what is no tensor."""
    info = read(message)
    kinds = [read(m) for m in messages(info, 2)]
    tensors = [read(t) for kind in kinds for t in messages(kind, 1)]
    found = [t.get(1, [0])[-1] for t in tensors]
    return text(info, 1), found[-1] if found and isinstance(found[-1], int) else 0


def _listed(values: dict[str, int]) -> str:
    return ", ".join(f"{name} ({TYPE_NAMES.get(kind, f'type {kind}')})" for name, kind in values.items()) or "none"
