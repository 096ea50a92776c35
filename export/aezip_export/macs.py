"""Multiply–accumulates of a model's graphs, per pixel: `python -m aezip_export.macs photo`.

Counted are convolutions and matrix products, from the shapes that ONNX infers for one picture. Prior and context run
once each way.
"""

from __future__ import annotations

import argparse
import math
import sys

import onnx
from onnx import shape_inference

from aezip.errors import AezipError
from aezip.model.kinds import SMALL, TASKS
from aezip.model.packages import Package
from aezip.model.store import find

HEIGHT, WIDTH = 512, 768
UNITS = {("H", "W"): 1, ("h", "w"): 16, ("p", "q"): 32, ("a", "b"): 64}  # pixels to one step of the graphs' dimensions
ENCODING = ("encoder", "hyper", "prior", "context")
DECODING = ("prior", "context", "decoder")
GRAPHS = tuple(dict.fromkeys((*ENCODING, *DECODING)))


def per_pixel(graph: bytes) -> float:
    """Of a picture of HEIGHT × WIDTH pixels."""
    return macs(graph) / (HEIGHT * WIDTH)


def macs(graph: bytes, height: int = HEIGHT, width: int = WIDTH) -> int:
    """Of one run on a picture of height × width pixels, multiples of 64."""
    model = onnx.load_from_string(graph)
    sides = {"N": 1} | {rows: height // unit for (rows, _), unit in UNITS.items()}
    sides |= {columns: width // unit for (_, columns), unit in UNITS.items()}
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = sides[dim.dim_param]
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    shapes = {c.name: list(c.dims) for c in inferred.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        shapes[value.name] = [d.dim_value for d in value.type.tensor_type.shape.dim]
    return sum(_of(node, shapes) for node in inferred.node)


def _of(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    """Of one node."""
    if node.op_type == "Conv":  # weight [out, in / groups, kh, kw]
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0


def main(name: str) -> None:
    """Print a table for a model's name or path."""
    package = Package(find(name))
    there = [g for g in (*GRAPHS, SMALL, *TASKS) if f"{g}.onnx" in package.about.members]
    rows = {g: per_pixel(package.member(f"{g}.onnx")) for g in there}
    if not package.about.task:
        rows |= {"ENCODE": sum(rows.get(g, 0) for g in ENCODING), "DECODE": sum(rows.get(g, 0) for g in DECODING)}
    print(f"multiply-accumulates per pixel, {WIDTH}×{HEIGHT} picture")
    for graph, count in rows.items():
        print(f"{graph:<8} {count:10,.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="photo", help="name of an installed model, or an .aezm file")
    try:
        main(parser.parse_args().model)
    except AezipError as error:
        sys.exit(f"aezip: error: {error}")
