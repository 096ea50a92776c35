"""The report of a run as one HTML file: loss curves, rate–distortion, histograms of latents, reconstructions.

Drawings need matplotlib (extra `bench`); without it the page says so, and shows the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aezip import html_report
from aezip.errors import AezipError
from aezip.quality.metrics import psnr_db

from . import histograms, objective
from .data import Picture
from .evaluate import RateDistortion, peer_curve

QUALITIES = (0, 100, 200, 350, 500, 650, 800, 1000)
SHOWN = (100, 400, 700)
ROWS = 4
CHANNELS = 12
OURS, OTHER = "#d62728", "#7f7f7f"  # colours


def report(
    coder: histograms.Coder, pictures: list[Picture], history: list[dict[str, float]], *, name: str, facts: str
) -> str:
    """The page.  pictures: held out; history: lines of all validations; name: the recipe's; facts: a phrase."""
    coded = {q: [coder.decoded(p, q) for p in pictures] for q in sorted({*QUALITIES, *SHOWN})}
    rows = [
        (
            q,
            float(np.mean([bpp for bpp, _ in found])),
            float(np.mean([psnr_db(p, made) for p, (_, made) in zip(pictures, found, strict=True)])),
        )
        for q, found in coded.items()
    ]
    table = [("Quality", "bpp", "PSNR, dB"), *((f"{q / 10:g}", f"{bpp:.3f}", f"{db:.2f}") for q, bpp, db in rows)]
    strips = []
    for n, picture in enumerate(pictures[:ROWS]):
        strip = [("held out", picture)]
        for q in SHOWN:
            bpp, made = coded[q][n]
            strip.append((f"quality {q / 10:g}: {bpp:.3f} bpp, {psnr_db(picture, made):.2f} dB", made))
        strips.append(html_report.row(strip))
    latents = histograms.latents_of(coder.model, pictures)
    silent = objective.silent(torch.from_numpy(latents.T[None, :, :, None].copy()))
    near = f"{100 * silent:.0f} % of the latent's activations are below {objective.NEAR:g} of their channel's"
    return html_report.page(
        f"aezip-train {name}",
        html_report.element("p", f"{facts}; {near} root mean square."),
        _drawing(lambda: _losses(history)),
        _drawing(lambda: _curves(rows, jpeg_of(pictures), name)),
        html_report.table(table),
        html_report.element("h2", "Latent"),
        _drawing(lambda: _latents(latents)),
        html_report.element("h2", "Reconstructions"),
        *strips,
    )


def jpeg_of(pictures: list[Picture]) -> RateDistortion:
    """JPEG of these, grey ones as RGB."""
    jpeg = peer_curve("jpeg", [p if p.shape[2] == 3 else p.repeat(3, 2) for p in pictures])
    assert jpeg is not None  # Pillow has JPEG always
    return jpeg


def _drawing(draw: Callable[[], Any]) -> str:
    """A figure as SVG."""
    try:
        return html_report.drawing(draw())
    except AezipError as error:
        return html_report.element("p", str(error))


def _losses(history: list[dict[str, float]]) -> Any:
    figure, axes = html_report.pyplot().subplots(figsize=(9, 3.6), layout="constrained")
    steps, best = [h["step"] for h in history], min(history, key=lambda h: h["val_loss"])
    axes.plot(steps, [h["train_loss"] for h in history], label="training, with its noise", color=OTHER)
    axes.plot(steps, [h["val_loss"] for h in history], label="validation", color=OURS, marker=".")
    axes.axvline(best["step"], color=OURS, linestyle=":", label="best weights, which are kept")
    axes.set_xlabel("step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title("loss")
    axes.legend()
    return figure


def _curves(rows: list[tuple[int, float, float]], jpeg: RateDistortion, name: str) -> Any:
    figure, axes = html_report.pyplot().subplots(figsize=(9, 4.2), layout="constrained")
    axes.plot([bpp for _, bpp, _ in rows], [db for *_, db in rows], label=name, color=OURS, marker=".")
    axes.plot(jpeg.bpp, jpeg.psnr_db, label="JPEG, as a whole file", color=OTHER, marker=".")
    axes.set_xlim(0, max(1.0, rows[-1][1]))
    axes.set_xlabel("bits per pixel of held-out crops (the latent's, by its tables)")
    axes.set_title("PSNR, dB")
    axes.legend()
    return figure


def _latents(latents: NDArray[np.float32]) -> Any:
    """Histograms of some channels, from the largest to the smallest.  latents: [cells, channels]"""
    size = latents.std(0)
    chosen = np.argsort(-size)[np.linspace(0, latents.shape[1] - 1, min(CHANNELS, latents.shape[1])).astype(int)]
    figure, grid = html_report.pyplot().subplots(3, 4, figsize=(9, 5), layout="constrained")
    for axes in grid.ravel()[len(chosen) :]:
        axes.axis("off")
    for axes, channel in zip(grid.ravel(), chosen, strict=False):
        spread = max(float(size[channel]), 1e-6)
        counts, *_ = axes.hist(latents[:, channel], bins=61, range=(-4 * spread, 4 * spread), log=True)
        axes.set_title(f"channel {channel}, σ {spread:.2g}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.locator_params(axis="x", nbins=4)
        axes.set_yticks([1, 10, 100, 1000], minor=False)
        axes.set_ylim(0.7, max(10.0, 2 * float(counts.max())))
        axes.yaxis.set_minor_formatter(lambda *_: "")
    figure.supxlabel("value of the latent", fontsize=9)
    figure.supylabel("positions", fontsize=9)
    return figure
