"""What a benchmark shows: tables, rate–distortion plots (PNG, SVG), a page with pictures (HTML)."""

from __future__ import annotations

import csv
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from .. import html_report
from ..arrays import Image8
from . import equal
from .curves import Curve, Measure, Point, measured
from .measure import Comparison

WIDEST = 2.2  # bits per pixel that a plot shows
EQUAL = 0.3  # bits per pixel of the crops
SHOWN = 6  # pictures
LETTERS = 42  # in a line above a crop
NOTE = (
    "BD-rates: bits more or fewer than JPEG (4:2:0, optimised, progressive) at equal quality. SSIMULACRA2 is compared "
    "over scores 30 to 85. Times are medians, of one file each."
)

Strip = list[tuple[str, Image8]]  # captions and crops of one picture


def text_table(result: Comparison) -> list[tuple[str, ...]]:
    """Rows for people, the head first: codec, BD-rates, median times, memory."""
    measures = [m for m in measured(result.curves) if result.bd_rates]
    rows: list[tuple[str, ...]] = [("Codec", *(f"BD-rate {m.title}" for m in measures), "Encode", "Decode", "Memory")]
    for c in result.curves:
        rates = result.bd_rates.get(c.codec, {})
        times = [f"{1e3 * float(np.median(t)):.0f} ms" for t in (c.encode_s, c.decode_s)]
        memory = result.memory_mb[c.codec]
        percents = (_percent(rates.get(m.key)) for m in measures)
        rows.append((c.codec, *percents, *times, "" if math.isnan(memory) else f"{memory:.0f} MB"))
    return rows


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:+.1f} %"


def save(result: Comparison, folder: Path) -> None:
    """All that was measured, as JSON and CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(result.as_json() + "\n", encoding="utf-8")
    with (folder / "points.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(p) for p in result.points)


def shown(result: Comparison) -> dict[str, Image8]:
    """The pictures of which crops are shown."""
    chosen = list(result.pictures.items())[:: max(1, len(result.pictures) // SHOWN)]
    return dict(chosen[:SHOWN])


def draw(
    result: Comparison, stored: Sequence[Curve], folder: Path, step: Callable[[int], None] = lambda _: None
) -> None:
    """Plots, crops and the page.  Raises AezipError without matplotlib.

    stored: curves to compare with; step: takes 1 for each of the pictures `shown`.
    """
    curves = [*result.curves, *stored]
    measures = measured(curves)
    for measure in measures:
        for kind in ("png", "svg"):
            file = folder / f"{measure.name.lower()}.{kind}"
            html_report.save(_plot(curves, measure, result.title), file, kind)
    strips = {}
    for name, pixels in shown(result).items():
        strips[name] = equal.strip(result.peers, pixels, EQUAL)
        step(1)
    html_report.save(_crops(list(strips.items())[:2]), folder / "crops.png", "png")
    page = html_report.page(
        f"aezip bench: {result.title}",
        *(html_report.drawing(_plot(curves, measure)) for measure in measures),
        html_report.table(text_table(result)),
        html_report.element("p", NOTE),
        html_report.table([("Name", "Codec"), *((peer.name, peer.what) for peer in result.peers)]),
        html_report.element("h2", "At equal size"),
        *(html_report.element("h3", name) + html_report.row(strip) for name, strip in strips.items()),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _plot(curves: Sequence[Curve], measure: Measure, title: str = "") -> Any:
    """A rate–distortion plot, better upwards; the first curve is drawn in front, stored ones (*) dashed."""
    figure, axes = html_report.pyplot().subplots(figsize=(9.5, 5.6), dpi=130)
    top = 0.0
    for n, c in enumerate(curves):
        rate, quality = c.along(measure)
        if not len(rate):
            continue
        stored = c.codec.endswith("*")
        axes.plot(
            rate,
            quality,
            color=html_report.COLOURS[n % len(html_report.COLOURS)],
            label=c.codec,
            zorder=20 - n,
            linewidth=2.2 if n == 0 else 1.3,
            linestyle="--" if stored else "-",
            marker=None if stored else ".",
        )
        top = max(top, *(b for b in rate if b <= WIDEST), 0.5)
    low, high = _span(axes, top)
    low = max(low, measure.lowest) if high > measure.lowest else low
    axes.set_xlim(0, top)
    axes.set_ylim(*((high, low) if measure.falls else (low, high)))
    axes.set_xlabel("bits per pixel (whole files)")
    axes.set_ylabel(measure.axis)
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    figure.tight_layout()
    return figure


def _span(axes: Any, right: float) -> tuple[float, float]:
    """The range of what is drawn left of `right`, with some room."""
    values = [y for line in axes.lines for x, y in zip(*line.get_data(), strict=True) if x <= right]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return low - 0.03 * (high - low) - 0.1, high + 0.03 * (high - low) + 0.1


def _crops(strips: Sequence[tuple[str, Strip]]) -> Any:
    """The pictures' strips, one a row, pixel for pixel where it is shown at 130 dots an inch."""
    columns = max(len(strip) for _, strip in strips)
    size = 2.2 * columns, 2.95 * len(strips)
    figure, axes = html_report.pyplot().subplots(
        len(strips), columns, figsize=size, dpi=130, squeeze=False, layout="constrained"
    )
    for places, (name, strip) in zip(axes, strips, strict=True):
        for place, (label, pixels) in zip(places, strip, strict=True):
            place.axis("off")
            place.imshow(pixels, interpolation="none")
            what, _, figures = label.partition(": ")
            lines = [*textwrap.wrap(what, LETTERS), *(figures.replace(" bpp, ", " bpp\n") or name).splitlines()]
            place.set_title("\n".join(lines), fontsize=7)
    return figure
