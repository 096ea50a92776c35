"""ONNX graphs written by hand: small, of old operators, the same bytes for the same weights.

Each method of a `Graph` adds a node and returns the name of its output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from aezip.model.onnx_check import OPERATORS, OPSET

IR_VERSION = 7  # 2020, as opset 13: web and embedded runtimes know them
Array = NDArray[Any]


def _type(kind: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


class Graph:
    """An ONNX graph under construction.  storage: the type in which float weights are stored."""

    def __init__(self, name: str, storage: str = "float16") -> None:
        self.name, self.storage = name, storage
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: str, shape: list[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, _type(kind), shape))
        return name

    def output(self, name: str, source: str, kind: str, shape: list[int | str]) -> None:
        """Give `source` its name as an output."""
        for node in self._nodes:
            for names in (node.output, node.input):
                for i, old in enumerate(names):
                    if old == source:
                        names[i] = name
        self._outputs.append(helper.make_tensor_value_info(name, _type(kind), shape))

    def constant(self, value: Array) -> str:
        """Store an array; equal arrays are stored once, except scalars, which become arrays of one."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), f"c{len(self._constants)}")
        key = tensor.data_type, value.shape, tensor.raw_data
        for name, known in self._constants.items():
            if (known.data_type, tuple(known.dims), known.raw_data) == key:
                return name
        self._constants[tensor.name] = tensor
        return str(tensor.name)

    def stored(self, value: Array, kind: str = "") -> str:
        """A float32 constant, stored as `kind`, or as the graph's weights are, and cast back."""
        kind = kind or self.storage
        small = self.constant(value.astype(kind))
        return small if kind == "float32" else self.cast(small, "float32")

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        if operator not in OPERATORS:
            raise ValueError(f"operator {operator} is not on the list")
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def cast(self, x: str, kind: str) -> str:
        return self.node("Cast", x, to=_type(kind))

    def scalar(self, value: float) -> str:
        return self.constant(np.float32(value).reshape(()))

    def per_channel(self, x: str) -> str:
        """[C] → [1, C, 1, 1]"""
        return self.node("Reshape", x, self.constant(np.array([1, -1, 1, 1], np.int64)))

    def conv(
        self, x: str, weight: str, bias: str, *, stride: int = 1, pad: int = 0, dilation: int = 1, group: int = 1
    ) -> str:
        # dilations have a default, but onnxruntime-web's WebGPU has to be told
        given: dict[str, Any] = {"strides": [stride] * 2, "pads": [pad] * 4, "dilations": [dilation] * 2}
        return self.node("Conv", x, weight, bias, **given, **({"group": group} if group > 1 else {}))

    def pad_edge(self, x: str, width: int) -> str:
        """Repeat the outermost rows and columns of [N, C, H, W]."""
        pads = np.array([0, 0, width, width, 0, 0, width, width], np.int64)
        return self.node("Pad", x, self.constant(pads), mode="edge")

    def slice(self, x: str, axis: int, start: int, end: int) -> str:
        """x[…, start:end, …] along one axis"""
        return self.node("Slice", x, *(self.constant(np.array([v], np.int64)) for v in (start, end, axis)))

    def round(self, x: str, low: float, high: float) -> str:
        """clip(floor(x + ½), low, high)"""
        floor = self.node("Floor", self.node("Add", x, self.scalar(0.5)))
        return self.node("Clip", floor, self.scalar(low), self.scalar(high))

    def to_channels_first(self, x: str) -> str:
        return self.node("Transpose", x, perm=[0, 3, 1, 2])

    def to_channels_last(self, x: str) -> str:
        return self.node("Transpose", x, perm=[0, 2, 3, 1])

    def build(self) -> bytes:
        """The model, checked, as bytes."""
        graph = helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, list(self._constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="aezip"
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
