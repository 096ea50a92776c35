"""Multiply-accumulates of a graph, counted from its file alone.

Each weight of a convolution or a matrix product works once at every position of its output (of its input, for a
transposed convolution). How many positions there are for one of the graph's input follows from the
strides and shuffles before it; what borders add is left out.
"""

from __future__ import annotations

import math

from ..onnxfile import read_graph

WEIGHTED = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))


def per_position(graph: bytes) -> float:
    """Multiply-accumulates for each position (pixel or latent) of the graph's inputs."""
    nodes, sizes, inputs = read_graph(graph)
    density = dict.fromkeys(inputs, 1.0)  # positions of a tensor for one of the input's
    total = 0.0
    for node in nodes:
        size = next((sizes[name] for name in node.inputs[1:] if name in sizes), 0)
        if node.operator == "Cast" and node.inputs[0] in sizes:
            sizes[node.outputs[0]] = sizes[node.inputs[0]]
        before = [density[name] for name in node.inputs if name in density]
        if not before:
            continue
        after = max(before) * _growth(node.operator, node.numbers)
        if node.operator in WEIGHTED:
            total += size * (before[0] if node.operator == "ConvTranspose" else after)
        density.update(dict.fromkeys(node.outputs, after))
    return total


def _growth(operator: str, numbers: dict[str, list[int]]) -> float:
    strides = math.prod(numbers.get("strides", [1]))
    if operator == "Conv":
        return 1.0 / strides
    if operator == "ConvTranspose":
        return float(strides)
    if operator == "DepthToSpace":
        return float(numbers["blocksize"][0] ** 2)
    return 1.0
