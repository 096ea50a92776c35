"""Restorers: the graph of each task, its package, and the proofs before it is written.

The graph takes and gives uint8 images [1, H, W, C], sides multiples of 16; normalising, clipping and the mask's
composition are inside. Weights are stored as float16. Mirrors `aezip_train.restorer`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aezip.quality import metrics
from aezip.tasks.restore.hints import CHROMA
from aezip.tasks.restore.restorer import Restorer as Running
from aezip_train.data import centre, to_bytes
from aezip_train.restorer import HOLE, UNIT, Restorer, Spoilt, holes

from . import package
from .builder import Graph
from .graphs import array, conv, residuals
from .proofs import alike, stored_weights
from .sample import picture

Pixels = NDArray[np.uint8]
PROOF_SIGMA = 25.0


def graph(model: Restorer) -> bytes:
    """image u8 [1, H, W, C] (and sigma f32 [1], or mask u8 [1, H, W, 1]) → restored u8 [1, H, W, 3]"""
    task = model.config.task
    g = Graph(task)
    image = g.input("image", "uint8", [1, "H", "W", 1 if task == "colorize" else 3])
    x = g.node("Mul", g.cast(g.to_channels_first(image), "float32"), g.scalar(1 / UNIT))
    x = g.node("Add", x, g.scalar(-128 / UNIT))
    if task == "denoise":
        sigma = g.node("Mul", g.input("sigma", "float32", [1]), g.scalar(1 / UNIT))
        level = g.node("Mul", g.constant(array(model.level).reshape(1, -1, 1, 1)), sigma)
        x = g.node("Add", x, unet(g, model, x, level))
    elif task == "inpaint":
        mask = g.cast(g.to_channels_first(g.input("mask", "uint8", [1, "H", "W", 1])), "float32")
        mask = g.node("Clip", mask, g.scalar(0), g.scalar(1))
        made = unet(g, model, g.node("Concat", x, mask, axis=1))
        x = g.node("Add", x, g.node("Mul", made, mask))
    else:
        matrix = g.constant(CHROMA.reshape(3, 2, 1, 1))
        x = g.node("Add", x, g.conv(unet(g, model, x), matrix, g.constant(np.zeros(3, np.float32))))
    x = g.node("Add", g.node("Mul", x, g.scalar(UNIT)), g.scalar(128))
    g.output("restored", g.to_channels_last(g.cast(g.round(x, 0, 255), "uint8")), "uint8", [1, "H", "W", 3])
    return g.build()


def unet(g: Graph, model: Restorer, x: str, level: str | None = None) -> str:
    """As `Restorer.unet`."""
    x = conv(g, x, model.stem)
    if level:
        x = g.node("Add", x, level)
    kept = []
    for before, down in zip(model.before, model.down, strict=True):
        kept.append(residuals(g, x, before))
        x = conv(g, kept[-1], down)
    x = residuals(g, residuals(g, x, model.bottom), model.far)
    for up, after in zip(list(model.up)[::-1], list(model.after)[::-1], strict=True):
        x = g.node("DepthToSpace", conv(g, x, up), blocksize=2, mode="CRD")
        x = residuals(g, g.node("Add", kept.pop(), x), after)
    x = conv(g, x, model.tail)
    if model.config.task == "colorize":
        return g.node("DepthToSpace", g.node("Concat", x, x, x, x, axis=1), blocksize=2, mode="DCR")
    return g.node("DepthToSpace", x, blocksize=2, mode="CRD")


def export(model: Restorer, output: Path, *, name: str, facts: dict[str, Any], card: str) -> dict[str, Any]:
    """Write a package once every proof holds.  Returns the figures it was described with."""
    task, model = model.config.task, stored_weights(model)
    members = {f"{task}.onnx": graph(model), "CARD.md": card.encode()}
    description = package.description(
        members,
        {
            "name": name,
            "family": model.family,
            "task": task,
            "channels": 1 if task == "colorize" else 3,
            "hole": HOLE[1] // 2,
            **facts,
        },
        (f"{task}.onnx",),
    )
    return package.write_proved(output, members, description, lambda path: prove(model, path))


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
    alike("torch and onnxruntime", want, got)
    cells = running.package.margin(task) + 1  # the first cell, with its margin, in a picture much larger
    times = 1 + 16 * cells // height, 1 + 16 * cells // width
    large, wide = np.tile(shown, (*times, 1)), np.tile(mask, times)
    side = 16 * cells
    alike(
        "a window and the whole",
        ran(running, large, wide)[:16, :16],
        ran(running, large[:side, :side], wide[:side, :side])[:16, :16],
    )
    return {"measured": {"sample": {"psnr_db": round(metrics.psnr_db(clean, got), 2)}}}


def ran(running: Running, shown: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """The graph itself on a picture, in one piece."""
    inputs: dict[str, Any] = {"image": shown[None]}
    if running.task == "denoise":
        inputs["sigma"] = np.array([PROOF_SIGMA], np.float32)
    elif running.task == "inpaint":
        inputs["mask"] = mask[None, :, :, None].astype(np.uint8)
    return running.run(inputs)


def _torch(model: Restorer, shown: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    missing = torch.from_numpy(mask)[None, None].float()
    made = model(Spoilt(centre(shown[None]), torch.tensor([PROOF_SIGMA]), missing))
    return to_bytes(made)[0]
