"""Golden vectors: all whole numbers between a golden file and its latents, for ports of the decoder.

    python tests/golden/vectors.py tests/golden/tiny.aezm        writes vectors.npz; needs onnx

`vectors.npz` is a stored zip of `.npy` files, as `tables.npz` is. README.md beside it lists the names. Like the
golden files they are written once for a version of the format, and never to make a test pass: what is there stays.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aezip import coding
from aezip.coding import hyperprior, tiles
from aezip.engine.sessions import Sessions
from aezip.entropy import rans
from aezip.entropy.order import order
from aezip.format import container
from aezip.model import packages, store
from aezip.model.ladder import Rung, rung

HERE = Path(__file__).parent
FILES = (
    "one-pixel",
    "grey",
    "odd",
    "fine",
    "escapes",
    "tiles",
    "patched",
    "patched-grey",
    "whole",
    "early",
    "early-tiles",
    "early-whole",
)
LAYERED = "odd"  # the file whose prior is written layer by layer
EXACT = ("hyper_inverse", "hyper_offset", "mean_gain", "context_gain", "shift")
Vectors = dict[str, NDArray[Any]]


class Recorder(Sessions):
    """Sessions that remember what they were asked and what they said."""

    def __init__(self, package: packages.Package, **settings: Any) -> None:
        super().__init__(package, **settings)
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[Any] = []

    def run(self, name: str, inputs: dict[str, Any], shapes: Any) -> list[Any]:
        out = super().run(name, inputs, shapes)
        self.inputs.append({k: np.copy(v) for k, v in inputs.items()})
        self.outputs.append(out)
        return out


def vectors(package: packages.Package, name: str, data: bytes, **settings: Any) -> Vectors:
    """What README.md lists for one file, but for pixels and layers."""
    lat = container.unpack(data)
    step = rung(package.ladder, lat.header.quality_tenths)
    found: Vectors = {f"{name}.{field}": getattr(step, field) for field in EXACT}
    h, w = -(-lat.header.height // 16), -(-lat.header.width // 16)
    areas = tiles.split(h, w, lat.header.tile_units)
    streams = tiles.unpack_streams(lat.body, len(areas), tiles.slices_of(lat.header.flags))
    for number, ((rows, columns), stream) in enumerate(zip(areas, streams, strict=True)):
        size = rows.stop - rows.start, columns.stop - columns.start
        for key, value in _tile(package, stream, *size, step, lat.header.flags, settings).items():
            found[f"{name}.{number}.{key}"] = value
    return found


def _tile(
    package: packages.Package, stream: bytes, h: int, w: int, step: Rung, flags: int, settings: dict[str, Any]
) -> Vectors:
    sessions = Recorder(package, **settings)
    at = coding.at(sessions, step.quality, flags)
    latent = at.decode(stream, h, w)
    (prior_in, context_in), ((mean, index, *_), (more_mean, more_index)) = sessions.inputs, sessions.outputs
    found = {
        "hyper": prior_in["hyper"][0],
        "prior.mean": mean,
        "prior.index": index,
        "known": context_in["known"],
        "context.mean": more_mean,
        "context.index": more_index,
        "latent": latent,
    }
    # the same symbols as the entropy coder alone sees them
    tables = [hyperprior.hyper_index(prior_in["hyper"].shape[1:], step)]
    for where, half in zip(hyperprior.inside(h, w), (index, more_index), strict=True):
        coded = half.swapaxes(0, 1)[where] % 64
        tables.append(coded[coded.astype(int) > at.skip])
    source = rans.Decoder(stream, package.tables)
    for phase, table in enumerate(tables):
        if flags & container.PROGRESSIVE:
            table = table[order(table)]
        found[f"table.{phase}"] = table.astype(np.uint8)
        found[f"symbol.{phase}"] = source.take(table)
    source.finish()
    return found


def layers(package: packages.Package, name: str, data: bytes) -> Vectors:
    """The output of every rounding inside prior and context, in the order of their nodes."""
    import onnx

    from aezip.engine.library import onnxruntime

    lat = container.unpack(data)
    sessions = Recorder(package)
    size = -(-lat.header.height // 16), -(-lat.header.width // 16)
    coding.at(sessions, lat.header.quality_tenths, lat.header.flags).decode(lat.body, *size)
    found: Vectors = {}
    for graph, inputs in zip(("prior", "context"), sessions.inputs, strict=True):
        network = onnx.load_from_string(package.member(f"{graph}.onnx"))
        names = [node.output[0] for node in network.graph.node if node.op_type == "Clip"]
        there = {output.name for output in network.graph.output}
        network.graph.output.extend(
            onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names if n not in there
        )
        session = onnxruntime().InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
        for number, value in enumerate(session.run(names, inputs)):
            whole = value.astype(np.int16)
            assert (whole == value).all(), (graph, number)
            found[f"{name}.0.{graph}.layer.{number}"] = whole
    return found


def main(path: str) -> None:
    package = packages.Package(store.find(path))
    pixels, written = np.load(HERE / "pixels.npz"), HERE / "vectors.npz"
    found: Vectors = dict(np.load(written)) if written.exists() else {}
    for name in FILES:
        if f"{name}.pixels" in found:
            continue
        file = HERE / f"{name}.lat"
        found |= vectors(package, file.stem, file.read_bytes())
        found[f"{file.stem}.pixels"] = pixels[file.stem]
        if file.stem == LAYERED:
            found |= layers(package, file.stem, file.read_bytes())
    np.savez(written, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
