"""Graphs in whole numbers of 8 bits: the residual branches of encoder and decoder, for `--precision int8`.

    python -m aezip_export.int8 MODEL --pictures FOLDER -o NAME.aezm

In: a package, and photographs that show how large values become. Out: the same package and two members more,
`encoder.int8.onnx` and `decoder.int8.onnx`; its fingerprint stays, for files are read with the same prior.

Static quantisation (Jacob et al., 2018) in the form that onnxruntime fuses: QuantizeLinear and DequantizeLinear around
the convolutions. The trunk, the strided layers and the first and last one stay in float, and of the decoder the
branches next to the pixels, where 8 bits alone lose 0.2 dB. A trunk's channels differ a hundredfold in size, so each
is scaled to one range before a branch, and each channel of the branch back behind it (as SmoothQuant, Xiao et al.,
2023: the weights take the scales in); without that, a model loses 2 dB. Weights are of 7 bits: processors without
VNNI add products in pairs of 16 bits, which 8 bits would overflow.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from aezip import codec as codecs
from aezip import images
from aezip.errors import AezipError
from aezip.format import container
from aezip.model import writing
from aezip.model.packages import DESCRIPTION, Package
from aezip.model.store import find_codec
from aezip.quality import metrics

QUALITIES = (20, 60, 90)
COUNT, SIDE = 32, 256  # of the pictures' middles that calibrate
WEIGHT_TOP = 63
LOSS_DB = 0.1  # at the same quality, on the pictures that calibrate
Rows = list[dict[str, Any]]  # inputs of a graph
Array = NDArray[np.float32]


class Branch(NamedTuple):
    """The nodes of one residual branch: 1×1, LeakyRelu, 3×3, LeakyRelu, 1×1."""

    head: NodeProto
    first: NodeProto
    middle: NodeProto
    second: NodeProto
    tail: NodeProto


def quantised(data: bytes, rows: Rows, *, deep: bool = False) -> bytes:
    """A graph of a package → the same with its branches in 8 bits, as far as values reach with the inputs `rows`.

    deep: only those of the widest trunk, the one next to the latents.  Raises ValueError where there are none.
    """
    model = onnx.load_from_string(data)
    weights = _unfold(model.graph)
    branches = list(_branches(model.graph, weights))
    if not branches:
        raise ValueError("the graph has no residual branches of 1×1, 3×3 and 1×1")
    if deep:
        widths = [weights[branch.head.input[1]].shape[1] for branch in branches]
        branches = [branch for branch, width in zip(branches, widths, strict=True) if width == max(widths)]
    reach = _reach(model, weights, branches, rows)
    by_head = {id(branch.head): branch for branch in branches}
    inner = {id(node) for branch in branches for node in branch}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if id(node) in by_head:
            nodes += _Branch8(by_head[id(node)], weights, reach, f"b{len(nodes)}_").nodes
        elif id(node) not in inner:
            nodes.append(node)
    _store(model.graph, nodes, weights)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


class _Branch8:
    """Nodes of one branch in 8 bits; their constants go into `weights`."""

    def __init__(self, branch: Branch, weights: dict[str, Any], reach: dict[str, Any], prefix: str) -> None:
        self.nodes: list[NodeProto] = []
        self._weights, self._reach, self._prefix = weights, reach, prefix
        source, result = branch.head.input[0], branch.tail.output[0]
        low, high = reach[source]
        entry = np.maximum(np.maximum(-low, high), 1e-6)
        low, high = reach[result]
        leave = np.maximum(np.maximum(-low, high), 1e-6)
        x = self._node("Mul", source, self._constant(1 / entry[None, :, None, None]))
        x = self._through(x, -1, 1)
        x = self._convolution(branch.head, x, entry, None)
        x = self._through(x, *self._range(branch.head))
        x = self._activation(branch.first, x)
        x = self._convolution(branch.middle, x, None, None)
        x = self._through(x, *self._range(branch.middle))
        x = self._activation(branch.second, x)
        x = self._convolution(branch.tail, x, None, leave)
        x = self._through(x, -1, 1)
        self.nodes.append(helper.make_node("Mul", [x, self._constant(leave[None, :, None, None])], [result]))

    def _activation(self, node: NodeProto, x: str) -> str:
        (alpha,) = (a.f for a in node.attribute if a.name == "alpha")
        return self._through(self._node("LeakyRelu", x, alpha=alpha), *self._range(node))

    def _convolution(self, node: NodeProto, x: str, entry: Array | None, leave: Array | None) -> str:
        """One of 8 bits; entry: what inputs were divided by; leave: what outputs are to be divided by."""
        weight, bias = self._weights[node.input[1]].astype(np.float32), self._weights[node.input[2]]
        if entry is not None:
            weight = weight * entry[None, :, None, None]
        if leave is not None:
            weight, bias = weight / leave[:, None, None, None], bias / leave
        steps = np.maximum(np.abs(weight).max((1, 2, 3)) / WEIGHT_TOP, 1e-8).astype(np.float32)
        whole = np.rint(weight / steps[:, None, None, None]).astype(np.int8)
        sums = (self._step * steps).astype(np.float32)
        zeros = np.zeros(len(steps), np.int8)
        parts = (
            self._node("DequantizeLinear", *map(self._constant, (whole, steps, zeros)), axis=0),
            self._node("DequantizeLinear", *map(self._constant, (
                np.rint(bias / sums).astype(np.int32), sums, zeros.astype(np.int32)
            )), axis=0),
        )
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        return self._node("Conv", x, *parts, **attributes)

    def _through(self, x: str, low: float, high: float) -> str:
        """Values rounded to 256 steps from low to high, of which one is 0."""
        low, high = min(low, 0), max(high, 1e-6)
        self._step = np.float32((high - low) / 255)
        settings = self._constant(self._step), self._constant(np.uint8(round(-low / self._step)))
        return self._node("DequantizeLinear", self._node("QuantizeLinear", x, *settings), *settings)

    def _range(self, node: NodeProto) -> tuple[float, float]:
        low, high = self._reach[node.output[0]]
        return float(low.min()), float(high.max())

    def _constant(self, value: Any) -> str:
        name = f"{self._prefix}c{len(self._weights)}"
        self._weights[name] = np.asarray(value)
        return name

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{self._prefix}t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def _unfold(graph: onnx.GraphProto) -> dict[str, Any]:
    """All constants by name; those that are stored small and cast become float32, and the casts go."""
    weights = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "Cast" and n.input[0] in weights]:
        weights[node.output[0]] = weights[node.input[0]].astype(np.float32)
        graph.node.remove(node)
    return weights


def _branches(graph: onnx.GraphProto, weights: dict[str, Any]) -> Iterator[Branch]:
    makers = {name: node for node in graph.node for name in node.output}

    def before(node: NodeProto | None, operator: str, side: int = 0) -> NodeProto | None:
        """What makes the node's input, if it is this operator (and a convolution of this side)."""
        found = makers.get(node.input[0]) if node else None
        if found is None or found.op_type != operator:
            return None
        return found if not side or weights[found.input[1]].shape[2:] == (side, side) else None

    for tail in graph.node:
        if tail.op_type == "Conv" and weights[tail.input[1]].shape[2:] == (1, 1):
            second = before(tail, "LeakyRelu")
            middle = before(second, "Conv", 3)
            first = before(middle, "LeakyRelu")
            head = before(first, "Conv", 1)
            if second and middle and first and head:
                yield Branch(head, first, middle, second, tail)


def _reach(
    model: onnx.ModelProto, weights: dict[str, Any], branches: list[Branch], rows: Rows
) -> dict[str, tuple[Array, Array]]:
    """Smallest and largest value, or 0, of every channel of what goes through the branches.  [C] each, by name"""
    names = sorted({name for b in branches for name in (b.head.input[0], *(n.output[0] for n in b))})
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    _store(tapped.graph, list(model.graph.node), weights)
    tapped.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names)
    session = ort.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, tuple[Array, Array]] = {}
    for row in rows:
        for name, value in zip(names, session.run(names, row), strict=True):
            low, high = found.get(name, (np.float32(0), np.float32(0)))
            found[name] = np.minimum(low, value.min((0, 2, 3))), np.maximum(high, value.max((0, 2, 3)))
    return found


def _store(graph: onnx.GraphProto, nodes: list[NodeProto], weights: dict[str, Any]) -> None:
    """Give a graph these nodes, and the constants that they use; large ones in float are stored as float16."""
    used = sorted({name for node in nodes for name in node.input} & weights.keys())
    large = [name for name in used if weights[name].dtype == np.float32 and weights[name].size > 1024]
    constants = {name: weights[name] for name in used if name not in large}
    constants |= {f"{name}_half": weights[name].astype(np.float16) for name in large}
    casts = [helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT) for name in large]
    fresh = [NodeProto.FromString(node.SerializeToString()) for node in (*casts, *nodes)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(fresh)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())


def calibration(package: Package, pictures: list[codecs.Pixels]) -> dict[str, Rows]:
    """Inputs of encoder and decoder, of pictures at several qualities.  pictures: uint8 [H, W, 3]"""
    codec = codecs.Codec(str(package.about.path))
    rows: dict[str, Rows] = {"encoder": [], "decoder": []}
    for n, pixels in enumerate(pictures):
        quality = QUALITIES[n % len(QUALITIES)]
        data = codec.encode(pixels, quality)
        latent, step = codecs.decode_latents(codec._encoding, container.unpack(data))
        rows["encoder"].append({"image": codecs.pad(pixels)[None], "gain": step.gain})
        rows["decoder"].append({"latent": latent[None], "inverse_gain": step.inverse_gain})
    return rows


def add(package: Package, pictures: list[codecs.Pixels]) -> bytes:
    """A package's bytes with both members more.  Raises ValueError where it has no such branches."""
    rows = calibration(package, pictures)
    made = {f"{name}.int8.onnx": quantised(package.member(f"{name}.onnx"), rows[name], deep=name == "decoder")
            for name in rows}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    about = package.about.description
    members = {name: package.member(name) for name in package.about.members if name not in made}
    text = writing.description_text({**about, "digests": {**about["digests"], **digests}})
    return writing.pack({**members, **made, DESCRIPTION: text})


def loss_db(path: Path, pictures: list[codecs.Pixels], quality: int = 60) -> tuple[float, float]:
    """What 8 bits cost: mean dB of PSNR, and by how much files grow (0.01: 1 %), at one quality."""
    found = {}
    for precision in ("float", "int8"):
        codec = codecs.Codec(str(path), precision=precision)
        files = [codec.encode(pixels, quality) for pixels in pictures]
        psnr = [metrics.psnr_db(p, codec.decode(f)[0]) for p, f in zip(pictures, files, strict=True)]
        found[precision] = float(np.mean(psnr)), sum(map(len, files))
    (before, size), (after, grown) = found["float"], found["int8"]
    return before - after, grown / size - 1


def middles(folder: Path) -> list[codecs.Pixels]:
    """The middles of up to COUNT pictures, evenly from the folder's."""
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in images.READ_SUFFIXES)
    found = []
    for file in files[:: max(1, len(files) // COUNT)][:COUNT]:
        pixels = images.read(file).pixels
        top, left = (max(0, (size - SIDE) // 2) for size in pixels.shape[:2])
        found.append(np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))[top:, left:][:SIDE, :SIDE]))
    return found


def main() -> None:
    """The command; writes nothing where 8 bits lose more than LOSS_DB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="name of an installed model, or an .aezm file")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of photographs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="package to write: NAME.aezm")
    given = parser.parse_args()
    try:
        pictures = middles(given.pictures)
        data = add(find_codec(given.model), pictures)
        part = given.output.with_name(f"{given.output.stem}.part.aezm")
        try:
            part.write_bytes(data)
            lost, grown = loss_db(part, pictures)
            if lost > LOSS_DB:
                sys.exit(f"{given.output} not written: 8 bits lose {lost:.2f} dB; the limit is {LOSS_DB}")
            part.replace(given.output)
        finally:
            part.unlink(missing_ok=True)
    except (AezipError, OSError, ValueError) as error:
        sys.exit(f"{given.output} not written: {error}")
    print(f"{given.output}: {len(data):,} bytes; 8 bits lose {lost:.3f} dB, files grow by {100 * grown:.2f} %")


if __name__ == "__main__":
    main()
