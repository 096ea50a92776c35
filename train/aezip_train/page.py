"""The report of a run as one HTML file: loss curves, rate–distortion, histograms of latents, reconstructions.

In: a `Fit` that is finished. Out: HTML that holds everything it shows. Drawings need matplotlib (extra `bench`);
without it the page says so, and shows the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from aezip.errors import AezipError
from aezip.quality import html_report
from aezip.quality.metrics import psnr_db

from . import histograms, objective
from .data import Picture
from .evaluate import Curve, peer_curve

if TYPE_CHECKING:
    from .autoencoder import Autoencoder
    from .fitting import Fit

QUALITIES = (0, 100, 200, 350, 500, 650, 800, 1000)
SHOWN = (100, 400, 700)
ROWS = 4
CHANNELS = 12


def report(fit: Fit, model: Autoencoder, bits_per_error: float) -> str:
    """The page.  model: with the best weights."""
    assert fit.static is not None
    r = fit.recipe
    coded = {
        q: [histograms.decoded(model, fit.static, p, q, bits_per_error) for p in fit.check]
        for q in sorted({*QUALITIES, *SHOWN})
    }
    rows = [(q, float(np.mean([bpp for bpp, _ in found])),
             float(np.mean([psnr_db(p, made) for p, (_, made) in zip(fit.check, found, strict=True)])))
            for q, found in coded.items()]
    latents = histograms.latents_of(model, fit.check)
    drawings = [_drawn(lambda: _losses(fit)), _drawn(lambda: _curves(fit, rows)), _drawn(lambda: _latents(latents))]
    table = [("Quality", "bpp", "PSNR, dB"), *((f"{q / 10:g}", f"{bpp:.3f}", f"{db:.2f}") for q, bpp, db in rows)]
    strips = []
    for n, picture in enumerate(fit.check[:ROWS]):
        cells = [("held out", picture)]
        for q in SHOWN:
            bpp, made = coded[q][n]
            cells.append((f"quality {q / 10:g}: {bpp:.3f} bpp, {psnr_db(picture, made):.2f} dB", made))
        strips.append(html_report.row(cells))
    silent = objective.silent(_as_maps(latents))
    facts = (
        f"{r.family}, {sum(p.numel() for p in model.parameters()):,} parameters, {fit.step:,} steps in "
        f"{fit.seconds / 60:.1f} minutes; {100 * silent:.0f} % of the latent's activations are below "
        f"{objective.NEAR:g} of their channel's root mean square."
    )
    return html_report.page(
        f"aezip-train {r.name}", html_report.element("p", facts), *drawings[:2], html_report.table(table),
        html_report.element("h2", "Latent"), drawings[2], html_report.element("h2", "Reconstructions"), *strips,
    )


def _as_maps(latents: Any) -> Any:
    import torch

    return torch.from_numpy(latents.T[None, :, :, None].copy())


def _drawn(draw: Callable[[], Any]) -> str:
    """A figure as SVG."""
    try:
        return html_report.drawing(draw())
    except AezipError as error:
        return html_report.element("p", str(error))


def _losses(fit: Fit) -> Any:
    figure, axes = html_report.pyplot().subplots(figsize=(9, 3.6), layout="constrained")
    steps = [h["step"] for h in fit.history]
    axes.plot(steps, [h["train_loss"] for h in fit.history], label="training, with its noise", color="#7f7f7f")
    axes.plot(steps, [h["val_loss"] for h in fit.history], label="validation", color="#d62728", marker=".")
    best = min(fit.history, key=lambda h: h["val_loss"])
    axes.axvline(best["step"], color="#d62728", linestyle=":", label="best weights, which are kept")
    axes.set_xlabel("step")
    axes.set_title("loss")
    axes.legend()
    return figure


def _curves(fit: Fit, rows: list[tuple[int, float, float]]) -> Any:
    figure, axes = html_report.pyplot().subplots(figsize=(9, 4.2), layout="constrained")
    axes.plot([bpp for _, bpp, _ in rows], [db for *_, db in rows], label=fit.recipe.name, color="#d62728", marker=".")
    jpeg = jpeg_of(fit.check)
    axes.plot(jpeg.bpp, jpeg.psnr_db, label="JPEG, as a whole file", color="#7f7f7f", marker=".")
    axes.set_xlim(0, max(1.0, rows[-1][1]))
    axes.set_xlabel("bits per pixel of held-out crops (the latent's, by its tables)")
    axes.set_title("PSNR, dB")
    axes.legend()
    return figure


def jpeg_of(pictures: list[Picture]) -> Curve:
    """JPEG of these, grey ones as RGB."""
    curve = peer_curve("jpeg", [p if p.shape[2] == 3 else p.repeat(3, 2) for p in pictures])
    assert curve is not None  # Pillow has JPEG always
    return curve


def _latents(latents: Any) -> Any:
    size = latents.std(0)
    chosen = np.argsort(-size)[np.linspace(0, latents.shape[1] - 1, min(CHANNELS, latents.shape[1])).astype(int)]
    figure, grid = html_report.pyplot().subplots(3, 4, figsize=(9, 5), layout="constrained")
    for axes in grid.ravel():
        axes.axis("off")
    for axes, channel in zip(grid.ravel(), chosen, strict=False):
        axes.axis("on")
        spread = max(float(size[channel]), 1e-6)
        counts, *_ = axes.hist(latents[:, channel], bins=61, range=(-4 * spread, 4 * spread), color="#1f77b4", log=True)
        axes.set_title(f"channel {channel}, σ {spread:.2g}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_ylim(0.7, max(10.0, 2 * float(counts.max())))
        axes.set_yticks([1, 10, 100, 1000], minor=False)
        axes.yaxis.set_minor_formatter(lambda *_: "")
    return figure
