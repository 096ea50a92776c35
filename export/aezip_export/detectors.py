"""A detector of defects → its graph, batch normalisation folded into the weights, which are stored as float16.

    python -m aezip_export.detectors PICTURES GRAPH --steps N [--threads N] [--quiet]

trains one on the .npy files of a folder: that is what `aezip anomaly fit --train` starts (`started`).
"""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser
from concurrent.futures import BrokenExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from aezip.errors import AezipError, line_of
from aezip.storage.files import atomic_write
from aezip.tasks.anomaly import detector
from aezip.tasks.anomaly.detector import PLANES, Standard
from aezip_train.detector import Conv, Detector, Normal, Residual, read_start, trained

from .builder import Graph
from .graphs import array, conv
from .proofs import ProofFailed

TOLERANCE = 0.02  # of a logit, by weights in float16
MOST = 200  # pictures that it is trained on
SHOWN = 64  # pixels a side of the proof


def graph(model: Detector) -> bytes:
    """seen f32 [1, PLANES, H, W] → logit f32 [1, 1, H / STRIDE, W / STRIDE]; mirrors `aezip_train.detector`"""
    g = Graph("detector")
    x = g.input("seen", "float32", [1, PLANES, "H", "W"])
    half = _run(g, x, model.to_half)
    quarter = _run(g, half, model.to_quarter)
    eighth = _run(g, quarter, model.to_eighth)
    deep = conv(g, _run(g, eighth, model.to_sixteenth), model.up_to_eighth)
    deep = _run(g, g.node("Add", eighth, _doubled(g, deep)), [model.at_eighth])
    fine = g.node("Add", quarter, conv(g, half, model.down_to_quarter))
    fine = g.node("Add", fine, _doubled(g, conv(g, deep, model.up_to_quarter)))
    logit = conv(g, _run(g, fine, model.at_quarter), model.logit)
    g.output("logit", logit, "float32", [1, 1, "h", "w"])
    return g.build()


def _run(g: Graph, x: str, layers: Any) -> str:
    for layer in layers:
        if isinstance(layer, Residual):
            x = _relu(g, g.node("Add", x, _conv(g, _relu(g, _conv(g, x, layer.first)), layer.second)))
        else:
            x = _relu(g, _conv(g, x, layer))
    return x


def _relu(g: Graph, x: str) -> str:
    return g.node("Clip", x, g.scalar(0))


def _conv(g: Graph, x: str, layer: Conv) -> str:
    """With its normalisation, by the means of training."""
    norm = layer.norm
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    gain = norm.weight / torch.sqrt(variance + norm.eps)
    weight = layer.conv.weight * gain[:, None, None, None]
    stride, pad = layer.conv.stride[0], int(layer.conv.padding[0])
    return g.conv(x, g.stored(array(weight)), g.constant(array(norm.bias - gain * mean)), stride=stride, pad=pad)


def _doubled(g: Graph, x: str) -> str:
    """Each value four times."""
    return g.node("DepthToSpace", g.node("Concat", x, x, x, x, axis=1), blocksize=2, mode="DCR")


@torch.no_grad()
def prove(model: Detector, data: bytes, normal: Normal) -> None:
    """Torch and onnxruntime give the same logits.  Raises ProofFailed."""
    pixels = normal.pictures[0][:SHOWN, :SHOWN]
    got = detector.logits(data, normal.standard, pixels, "cpu", 1)
    seen = torch.from_numpy(normal.standard.seen(pixels))
    want = model(seen[None])[0, 0].numpy()[: got.shape[0], : got.shape[1]]
    error = float(np.abs(got - want).max()) / max(1.0, float(np.abs(want).max()))
    if not error <= TOLERANCE:
        raise ProofFailed(f"torch and onnxruntime: logits differ by {error:.3f}, allowed {TOLERANCE}")


def main() -> None:
    """Train a detector on PICTURES/*.npy, each u8 [H, W, C], and what is usual of them, and write its GRAPH."""
    parser = ArgumentParser(prog="aezip_export.detectors", description=main.__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("graph")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    files = sorted(given.pictures.glob("*.npy"))
    pictures = [np.load(file) for file in files[:: -(-len(files) // MOST)]]
    normal = Normal.of(pictures, Standard.load(given.pictures))
    steps = trained(normal.sample, given.steps, given.threads, start=read_start())
    *_, model = tqdm(steps, "train", given.steps, disable=given.quiet, leave=False)
    data = graph(model)
    prove(model, data, normal)
    atomic_write(given.graph, data, force=True)


def started() -> None:
    """As `main`, for who started this by a pipe: it ends when that does, and errors are one line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Thread(target=_end_with_pipe, daemon=True).start()
    try:
        main()
    except (AezipError, BrokenExecutor, MemoryError, OSError) as error:
        sys.exit(f"training: {line_of(error)}")


def _end_with_pipe() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
