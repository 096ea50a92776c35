"""How far a transform looks: the margin that a part of a picture needs around it.

Which rows of the input one latent (or its 16 rows of pixels) depends on is followed backwards, node by node
(receptive-field arithmetic, Dumoulin and Visin 2016). Columns are like rows. An unknown operator is an error.
"""

from __future__ import annotations

import math
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from aezip.format.geometry import LATENT_STRIDE
from aezip.model.onnx_check import OPERATORS

POINTWISE = OPERATORS - {"Conv", "DepthToSpace", "MatMul", "Pad", "Reshape", "Slice", "Transpose"}

Rows = tuple[int, int]  # first and last


def margin(graph: bytes, scale: int = 1) -> int:
    """Latents, or cells of 16 pixels, that a part needs around it on every side to come out as in the whole picture.

    graph: from and to one of image, latent, restored; scale: how many times smaller an image is that it makes. Raises
    ValueError for what cannot be told.
    """
    model = onnx.load_from_string(graph)
    ends = model.graph.input, model.graph.output
    given, made = (1 if values[0].name == "latent" else LATENT_STRIDE for values in ends)
    first, last = needed(model, (0, max(made // scale, 1) - 1))
    return math.ceil(max(0, -first, last - (given - 1)) / given)


def needed(model: onnx.ModelProto, rows: Rows) -> Rows:
    """Rows of the first input that `rows` of the first output depend on, far from any border."""
    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    moved = {model.graph.input[0].name}  # tensors that have rows
    for node in model.graph.node:
        if node.op_type in ("Cast", "DequantizeLinear", "Mul") and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]  # stored weights; their shape is what counts
        if moved.intersection(node.input):
            moved.add(node.output[0])
    found = {model.graph.output[0].name: rows}
    for node in reversed(model.graph.node):
        if node.output[0] in found:
            below = _through(node, found[node.output[0]], constants)
            for name in moved.intersection(node.input):
                first, last = found.get(name, below)
                found[name] = min(first, below[0]), max(last, below[1])
    return found[model.graph.input[0].name]


def _through(node: NodeProto, rows: Rows, constants: dict[str, NDArray[Any]]) -> Rows:
    """Rows of a node's input that rows of its output are made of."""
    first, last = rows
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in POINTWISE:
        return rows
    if node.op_type == "Conv":
        kernel, pads, strides = constants[node.input[1]].shape[2:], given["pads"], given["strides"]
        apart = given.get("dilations", [1])
        if len({*kernel}) == len({*pads}) == len({*strides}) == len({*apart}) == 1:
            return first * strides[0] - pads[0], last * strides[0] - pads[0] + (kernel[0] - 1) * apart[0]
    if node.op_type == "DepthToSpace":
        return first // given["blocksize"], last // given["blocksize"]
    if node.op_type == "Transpose" and list(given["perm"]) in ([0, 3, 1, 2], [0, 2, 3, 1], [0, 1, 3, 2, 4]):
        return rows
    if node.op_type == "Reshape":  # of the three of a shuffle with channels last the first knows the block
        shape = constants[node.input[1]].tolist()
        if shape in ([0, 0, -1, *shape[3:]], [0, -1, 1, 0, *shape[4:]]):
            block = shape[3] if len(shape) == 5 and shape[1] == 0 else 1
            return first // block, last // block
    if node.op_type == "MatMul":
        return rows
    if node.op_type == "Pad":
        pads = constants[node.input[1]].tolist()
        if pads in ([0, 0, pads[2], pads[2]] * 2, [0, pads[2], pads[2], 0] * 2, [0] * 7 + [1]):
            return first - pads[2], last - pads[2]
    if node.op_type == "Slice":
        starts, _, axes = (constants[name].tolist() for name in node.input[1:])
        if min(starts) >= 0 and set(axes) <= {1, 2, 3}:
            cut = dict(zip(axes, starts, strict=True)).get(1, 0)
            return first + cut, last + cut
    raise ValueError(f"the receptive field of {node.op_type} ({node.output[0]}) cannot be told")
