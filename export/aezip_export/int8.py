"""Graphs in whole numbers of 8 bits: the residual branches of encoder and decoder, for `--precision int8`.

    python -m aezip_export.int8 MODEL --pictures FOLDER -o NAME.aezm

In: a package, and photographs that show how large values become. Out: the same package with two more members,
`encoder.int8.onnx` and `decoder.int8.onnx`. Its fingerprint stays, because files are read with the same prior.

Static quantisation (Jacob et al., 2018) by onnxruntime.quantization. Trunk, strided layers, the first and the last one
stay in float, and of the decoder the branches next to the pixels, where 8 bits alone lose 0.2 dB. A trunk's channels
differ a hundredfold in size, so each is scaled to one range before a branch and back behind it (as SmoothQuant, Xiao et
al., 2023); without that, a model loses 2 dB. Weights are of 7 bits: processors without VNNI add products in pairs of 16
bits, which 8 bits would overflow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from aezip import codec as codecs
from aezip.coding import encoder, lossy, windows
from aezip.engine.library import onnxruntime
from aezip.engine.sessions import Sessions
from aezip.model import packages
from aezip.model.packages import Package
from aezip.quality import metrics
from aezip_train.data import middle_crops, read_folder

from . import package

QUALITIES = (20, 60, 90)
COUNT, SIDE = 32, 256  # of the pictures' middles that calibrate
LOSS_DB = 0.1  # at the same quality, on the pictures that calibrate
Rows = list[dict[str, Any]]  # inputs of a graph
Array = NDArray[np.float32]
Branch = list[NodeProto]  # a residual branch: 1×1, LeakyRelu, 3×3, LeakyRelu, 1×1


def quantised(data: bytes, rows: Rows, *, deep: bool = False) -> bytes:
    """A graph of a package → the same with its branches in 8 bits, as far as values reach with the inputs `rows`.

    deep: only those of the widest trunk, the one next to the latents.  Raises ValueError where there are none.
    """
    model = onnx.load_from_string(data)
    _unfold(model.graph)
    weights = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    branches = list(_branches(model.graph, weights))
    if not branches:
        raise ValueError("the graph has no residual branches of 1×1, 3×3 and 1×1")
    if deep:
        widths = [weights[head.input[1]].shape[1] for head, *_ in branches]
        branches = [branch for branch, width in zip(branches, widths, strict=True) if width == max(widths)]
    tops = _tops(model, sorted({name for head, *_, tail in branches for name in (head.input[0], *tail.output)}), rows)
    for branch in branches:
        _scale(model.graph, branch, weights, tops)
    _prune(model.graph)
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})  # nothing left to be done
    with tempfile.TemporaryDirectory() as folder:
        onnxruntime()
        from onnxruntime.quantization import QuantType, quantize_static

        quantize_static(
            model,
            f"{folder}/8.onnx",
            SimpleNamespace(get_next=partial(next, iter(rows), None)),  # a CalibrationDataReader by its method
            op_types_to_quantize=["Conv", "LeakyRelu"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=[node.name for branch in branches for node in branch],
        )
        model = onnx.load(f"{folder}/8.onnx")
    _fold(model.graph)
    del model.graph.value_info[:], model.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _unfold(graph: onnx.GraphProto) -> None:
    """Constants that are stored small and cast become float32, and the casts go."""
    stored = {c.name: c for c in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "Cast" and n.input[0] in stored]:
        value = numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        graph.node.remove(node)
    _prune(graph)


def _prune(graph: onnx.GraphProto) -> None:
    """Constants that no node uses go."""
    used = {name for node in graph.node for name in node.input}
    for constant in [c for c in graph.initializer if c.name not in used]:
        graph.initializer.remove(constant)


def _fold(graph: onnx.GraphProto) -> None:
    """Large constants in float are stored as float16 and cast."""
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    large = [n for n, value in sorted(constants.items()) if value.dtype == np.float32 and value.size > 1024]
    casts = [helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT) for name in large]
    constants |= {f"{name}_half": constants.pop(name).astype(np.float16) for name in large}
    nodes = [*casts, *(NodeProto.FromString(node.SerializeToString()) for node in graph.node)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in sorted(constants.items()))


def _branches(graph: onnx.GraphProto, weights: dict[str, Any]) -> Iterator[Branch]:
    makers = {name: node for node in graph.node for name in node.output}

    def side(node: NodeProto) -> int:
        """Of a convolution's kernel; 0 of another operator."""
        return weights[node.input[1]].shape[2] if node.op_type == "Conv" else 0

    for n, tail in enumerate(graph.node):
        branch = [tail]
        while len(branch) < 5 and branch[0].input and branch[0].input[0] in makers:
            branch.insert(0, makers[branch[0].input[0]])
        kinds = [side(node) or node.op_type for node in branch]
        if kinds == [1, "LeakyRelu", 3, "LeakyRelu", 1]:
            for m, node in enumerate(branch):
                node.name = f"branch {n} {m}"
            yield branch


def _tops(model: onnx.ModelProto, names: list[str], rows: Rows) -> dict[str, Array]:
    """The largest magnitude of every channel of what goes into and out of the branches.  [C] each, by name"""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    tapped.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names)
    session = onnxruntime().InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, Array] = {name: np.full(1, 1e-6, np.float32) for name in names}
    for row in rows:
        for name, value in zip(names, session.run(names, row), strict=True):
            found[name] = np.maximum(found[name], np.abs(value).max((0, 2, 3)))
    return found


def _scale(graph: onnx.GraphProto, branch: Branch, weights: dict[str, Any], tops: dict[str, Array]) -> None:
    """Put a branch between two factors a channel, so that what enters and leaves it is within ±1."""
    head, *_, tail = branch
    source, result = head.input[0], tail.output[0]
    entry, leave = tops[source], tops[result]

    def constant(name: str, value: NDArray[Any]) -> str:
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), f"{result}_{name}"))
        return f"{result}_{name}"

    head.input[0], head.input[1] = f"{result}_in", constant("head", weights[head.input[1]] * entry[:, None, None])
    tail.input[1] = constant("tail", weights[tail.input[1]] / leave[:, None, None, None])
    tail.input[2], tail.output[0] = constant("bias", weights[tail.input[2]] / leave), f"{result}_out"
    for near, after, given, made, factor in (
        (head, 0, source, f"{result}_in", 1 / entry),
        (tail, 1, f"{result}_out", result, leave),
    ):
        mul = helper.make_node("Mul", [given, constant(f"{made}_factor", factor[None, :, None, None])], [made])
        graph.node.insert(list(graph.node).index(near) + after, mul)


def calibration(found: Package, pictures: list[codecs.Pixels]) -> dict[str, Rows]:
    """Inputs of encoder and decoder, of pictures at several qualities.  pictures: uint8 [H, W, 3]"""
    sessions = Sessions(found)
    rows: dict[str, Rows] = {"encoder": [], "decoder": []}
    for n, pixels in enumerate(pictures):
        quality = QUALITIES[n % len(QUALITIES)]
        latent, step = lossy.decode_latents(sessions, encoder.Encoder(sessions, 10 * quality).encode(pixels))
        rows["encoder"].append({"image": windows.pad(pixels)[None], "gain": step.gain})
        rows["decoder"].append({"latent": latent[None], "inverse_gain": step.inverse_gain})
    return rows


def add(found: Package, pictures: list[codecs.Pixels]) -> dict[str, bytes]:
    """A package's graphs in 8 bits, by their members' names; of a decoder of exact pixels none.

    Raises ValueError where a graph has no such branches.
    """
    rows = calibration(found, pictures)
    if found.exact_pixels:
        del rows["decoder"]
    return {
        f"{name}.int8.onnx": quantised(found.member(f"{name}.onnx"), given, deep=name == "decoder")
        for name, given in rows.items()
    }


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


def add_to(path: Path, folder: Path, output: Path | None = None) -> int:
    """Write a package with graphs in 8 bits, in its own place or another.  Returns how many pictures calibrated them.

    Raises ValueError where 8 bits lose more than LOSS_DB.
    """
    pictures = middle_crops(read_folder(folder, smallest=SIDE), SIDE, COUNT)
    made = add(Package(packages.describe(path)), pictures)
    with tempfile.TemporaryDirectory() as place:
        trial = Path(place) / "trial.aezm"
        package.amend(path, trial, made, measure=False)
        lost, grown = loss_db(trial, pictures)
    if lost > LOSS_DB:
        raise ValueError(f"8 bits lose {lost:.2f} dB; the limit is {LOSS_DB}")
    package.amend(path, output or path, made)
    print(f"8 bits lose {lost:.3f} dB, files grow by {100 * grown:.2f} %")
    return len(pictures)


if __name__ == "__main__":
    package.on_pictures(str(__doc__), add_to, "graphs in 8 bits, calibrated with")
