"""Restorers: the graph of each task, its package, and the proofs before it is written.

The graph takes and gives uint8 images [1, H, W, C], sides multiples of 16; normalising, clipping and the mask's
composition are inside. Weights are stored as float16. Mirrors `aezip_train.restorer`.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from aezip.model.onnx_check import OPSET
from aezip.model.packages import PACKAGE_VERSION, fingerprint_of
from aezip.quality import metrics
from aezip.tasks.restore.restorer import Restorer as Running
from aezip_train.data import centre
from aezip_train.restorer import CHROMA, HOLE, INPUTS, SLOPE, STRIDE, UNIT, Block, Far, Restorer, Spoilt, holes

from . import package, reach
from .builder import Graph
from .graphs import array
from .proofs import ProofFailed
from .sample import picture

Pixels = NDArray[np.uint8]
PROOF_SIGMA = 25.0


def graph(model: Restorer, storage: str = "float16") -> bytes:
    """image u8 [1, H, W, C] (and sigma f32 [1], or mask u8 [1, H, W, 1]) → restored u8 [1, H, W, 3]"""
    task = model.config.task
    g = Graph(task)
    image = g.input("image", "uint8", [1, "H", "W", 1 if task == "colorize" else 3])
    x = g.node("Mul", g.cast(g.to_channels_first(image), "float32"), g.scalar(1 / UNIT))
    x = g.node("Add", x, g.scalar(-128 / UNIT))
    if task == "denoise":
        sigma = g.node("Mul", g.input("sigma", "float32", [1]), g.scalar(1 / UNIT))
        level = g.node("Mul", g.constant(array(model.level).reshape(1, -1, 1, 1)), sigma)
        x = g.node("Add", x, unet(g, model, x, storage, level))
    elif task == "inpaint":
        mask = g.cast(g.to_channels_first(g.input("mask", "uint8", [1, "H", "W", 1])), "float32")
        mask = g.node("Clip", mask, g.scalar(0), g.scalar(1))
        x = g.node("Mul", x, g.node("Add", g.node("Mul", mask, g.scalar(-1)), g.scalar(1)))
        made = unet(g, model, g.node("Concat", x, mask, axis=1), storage)
        x = g.node("Add", x, g.node("Mul", made, mask))
    else:
        matrix = g.constant(np.array(CHROMA, np.float32).reshape(3, 2, 1, 1))
        x = g.node("Add", x, g.conv(unet(g, model, x, storage), matrix, g.constant(np.zeros(3, np.float32))))
    x = g.node("Add", g.node("Mul", x, g.scalar(UNIT)), g.scalar(128))
    g.output("restored", g.to_channels_last(g.cast(g.round(x, 0, 255), "uint8")), "uint8", [1, "H", "W", 3])
    return g.build()


def unet(g: Graph, model: Restorer, x: str, storage: str, level: str | None = None) -> str:
    """As `Restorer.unet`."""

    def conv(x: str, layer: nn.Module, stride: int = 1, pad: int = 0, dilation: int = 1) -> str:
        assert isinstance(layer, nn.Conv2d)
        weight, bias = g.stored(array(layer.weight), storage), g.constant(array(layer.bias))
        return g.conv(x, weight, bias, stride=stride, pad=pad, dilation=dilation)

    def run(x: str, blocks: nn.Module) -> str:
        assert isinstance(blocks, nn.Sequential)
        for block in blocks:
            assert isinstance(block, Block)
            inner = g.node("LeakyRelu", conv(x, block.first, pad=1), alpha=SLOPE)
            x = g.node("Add", x, conv(inner, block.second, pad=1))
        return x

    x = conv(x, model.stem, 2, 1)
    if level:
        x = g.node("Add", x, level)
    kept = []
    for before, down in zip(model.before, model.down, strict=True):
        kept.append(run(x, before))
        x = conv(kept[-1], down, 2)
    x = run(x, model.bottom)
    for block in model.far:
        assert isinstance(block, Far)
        apart = block.spatial.dilation[0]
        inner = g.node("LeakyRelu", conv(x, block.reduce), alpha=SLOPE)
        inner = g.node("LeakyRelu", conv(inner, block.spatial, pad=apart, dilation=apart), alpha=SLOPE)
        x = g.node("Add", x, conv(inner, block.expand))
    for up, after in zip(list(model.up)[::-1], list(model.after)[::-1], strict=True):
        x = g.node("DepthToSpace", conv(x, up), blocksize=2, mode="CRD")
        x = run(g.node("Add", kept.pop(), x), after)
    return g.node("DepthToSpace", conv(x, model.tail, pad=1), blocksize=2, mode="CRD")


def margin(data: bytes) -> int:
    """Cells of 16 pixels that a part needs around it to come out as in the whole picture."""
    first, last = reach.needed(onnx.load_from_string(data), (0, STRIDE - 1))
    return math.ceil(max(0, -first, last - (STRIDE - 1)) / STRIDE)


def export(model: Restorer, output: Path, *, name: str, facts: dict[str, Any], card: str) -> dict[str, Any]:
    """Write a package once every proof holds.  Returns the figures it was described with."""
    task = model.config.task
    with torch.no_grad():  # as stored
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(layer.weight.half().float())
    data = graph(model)
    members = {f"{task}.onnx": data, "CARD.md": card.encode()}
    digests = {member: hashlib.sha256(value).hexdigest() for member, value in members.items()}
    description = {
        "name": name, "family": model.family, "task": task, "version": PACKAGE_VERSION, "opset": OPSET,
        "fingerprint": fingerprint_of(digests, (f"{task}.onnx",)).hex(), "channels": INPUTS[task] if task != "inpaint"
        else 3, "stride": STRIDE, "margins": {task: margin(data)}, "hole": HOLE[1] // 2, "digests": digests, **facts,
    }
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / output.name
        package.write(trial, members, description)
        figures = prove(model, trial)
    package.write(output, members, {**description, "measured": figures})
    return figures


@torch.no_grad()
def prove(model: Restorer, path: Path) -> dict[str, Any]:
    """Torch and onnxruntime at most one level apart; so are a window and the whole.  Raises ProofFailed."""
    task = model.config.task
    running = Running(task, str(path))
    rng = np.random.default_rng(1)
    clean = picture(192, 256)
    height, width = clean.shape[:2]
    shown: Pixels = clean
    mask: NDArray[np.bool_] = np.zeros((height, width), bool)
    if task == "denoise":
        shown = (clean + rng.normal(0, PROOF_SIGMA, clean.shape)).round().clip(0, 255).astype(np.uint8)
    elif task == "colorize":
        shown = clean[:, :, 1:2]
    else:
        mask = holes(height, width, rng)
    want = _torch(model, shown, mask)
    got = ran(running, shown, mask)
    _close("torch and onnxruntime", want, got)
    cells = running.package.margin(task) + 1  # the first cell, with its margin, in a picture much larger
    times = 1 + 16 * cells // height, 1 + 16 * cells // width
    large, wide = np.tile(shown, (*times, 1)), np.tile(mask, times)
    side = 16 * cells
    _close("a window and the whole", ran(running, large, wide)[:16, :16],
           ran(running, large[:side, :side], wide[:side, :side])[:16, :16])
    return {"sample": {"psnr_db": round(metrics.psnr_db(clean, got), 2)}}


def ran(running: Running, shown: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """The graph itself on a picture, in one piece."""
    inputs: dict[str, Any] = {"image": shown[None]}
    if running.task == "denoise":
        inputs["sigma"] = np.array([PROOF_SIGMA], np.float32)
    elif running.task == "inpaint":
        inputs["mask"] = np.where(mask, np.uint8(255), np.uint8(0))[None, :, :, None]
    return running.run(inputs)


def _torch(model: Restorer, shown: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    missing = torch.from_numpy(mask)[None, None].float()
    made = model(Spoilt(centre(shown[None]), torch.tensor([PROOF_SIGMA]), missing))
    found: Pixels = (made * UNIT + 128.5).floor().clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()
    return found


def _close(what: str, one: Pixels, other: Pixels) -> None:
    worst = int(np.abs(one.astype(int) - other.astype(int)).max())
    if worst > 1:
        raise ProofFailed(f"{what} are {worst} levels apart; the limit is 1")
