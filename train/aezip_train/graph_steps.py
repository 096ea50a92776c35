"""The nodes of a graph that have constants, in order: what packages are read by. Needs onnx."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NONE = np.zeros(0)


class Step(NamedTuple):
    """A node and its constants: whole or float weights, one scale an output, a bias, as far as it has them."""

    operator: str
    value: Array
    scale: Array
    bias: Array
    stride: int  # of a convolution


def steps(graph: bytes) -> list[Step]:
    """Constants that are stored in a small type, with a scale or without, count as what uses them sees them."""
    import onnx
    from onnx import helper, numpy_helper

    nodes = onnx.load_from_string(graph).graph
    known = {c.name: (numpy_helper.to_array(c), NONE) for c in nodes.initializer}
    found = []
    for node in nodes.node:
        if node.input[0] in known:  # whole weights and their scales
            scale = known[node.input[1]][0] if len(node.input) > 1 else NONE
            known[node.output[0]] = known[node.input[0]][0], scale
        elif len(node.input) > 1 and node.input[1] in known:
            value, scale = known[node.input[1]]
            bias = known[node.input[2]][0] if node.op_type == "Conv" else NONE
            strides = (helper.get_attribute_value(a)[0] for a in node.attribute if a.name == "strides")
            found.append(Step(node.op_type, value, scale, bias, next(strides, 1)))
    return found
