"""What a benchmark shows: tables, rate–distortion plots, a page with pictures.

In: curves and points. Out: text, PNG/SVG files (matplotlib, extra `bench`), one HTML
file that holds everything it shows.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AezipError
from .measure import Curve, Point
from .peers import Pixels

COLOURS = ("#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#17becf", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#ff7f0e")
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .8em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}img,svg{max-width:100%;height:auto}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:12px}
figure{margin:0}figcaption{font-size:13px;color:#555}.row img{width:100%;image-rendering:pixelated}
"""


def text_table(
    found: Sequence[Curve], bd: dict[str, dict[str, float]], memory: dict[str, float]
) -> list[tuple[str, ...]]:
    """Rows for people: codec, BD-rates, median times, memory."""
    rows: list[tuple[str, ...]] = [("CODEC", "BD-RATE PSNR", "BD-RATE MS-SSIM", "ENCODE", "DECODE", "MEMORY")]
    for c in found:
        rates = bd.get(c.codec, {})
        times = [f"{1e3 * float(np.median(t)):.0f} ms" for t in (c.encode_s, c.decode_s)]
        rows.append((
            c.codec, *(_percent(rates.get(key)) for key in ("psnr", "ms_ssim")), *times,
            f"{memory[c.codec]:.0f} MB" if c.codec in memory else "",
        ))
    return rows


def _percent(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:+.1f} %"


def write_csv(path: Path, points: Sequence[Point]) -> None:
    """One line a file that was coded."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(p) for p in points)


def plot(
    found: Sequence[Curve], path: Path | io.BytesIO, kind: str, *, similarity: bool = False, title: str = ""
) -> None:
    """A rate–distortion plot, as `kind` png or svg; the first curve is drawn in front, stored ones (*) dashed."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(9.5, 5.6), dpi=130)
    top = 0.0
    for n, c in enumerate(found):
        quality = c.ms_ssim_db if similarity else c.psnr_db
        if not np.isfinite(quality).all():
            continue
        stored = c.codec.endswith("*")
        axes.plot(
            c.bpp, quality, color=COLOURS[n % len(COLOURS)], label=c.codec, zorder=20 - n,
            linewidth=2.2 if n == 0 else 1.3, linestyle="--" if stored else "-", marker=None if stored else ".",
        )
        top = max(top, *(b for b in c.bpp if b <= 2.2), 0.5) if c.bpp else top
    axes.set_xlim(0, min(top, 2.2))
    axes.set_ylim(*_span(axes, min(top, 2.2)))
    axes.set_xlabel("bits per pixel (whole files)")
    axes.set_ylabel("MS-SSIM, dB" if similarity else "PSNR (RGB), dB")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)


def crops(strips: Sequence[tuple[str, list[tuple[str, Pixels]]]], path: Path) -> None:
    """A PNG of the pictures' strips, one a row, pixel for pixel where it is shown at 130 dots an inch."""
    pyplot = _pyplot()
    columns = max(len(strip) for _, strip in strips)
    figure, axes = pyplot.subplots(len(strips), columns, figsize=(2.2 * columns, 2.75 * len(strips)), dpi=130)
    for row, (name, strip) in zip(np.reshape(axes, (len(strips), columns)), strips, strict=True):
        for n, place in enumerate(row):
            place.axis("off")
            if n < len(strip):
                label, pixels = strip[n]
                place.imshow(pixels, interpolation="none")
                what, _, figures = label.partition(": ")
                place.set_title(f"{what}\n{figures.replace(' bpp, ', ' bpp' + chr(10)) or name}", fontsize=7)
    figure.tight_layout(pad=0.4)
    figure.savefig(path, format="png")
    pyplot.close(figure)


def _span(axes: Any, right: float) -> tuple[float, float]:
    """The range of what is drawn left of `right`, with some room."""
    values = [y for line in axes.lines for x, y in zip(*line.get_data(), strict=True) if x <= right]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return low - 0.03 * (high - low) - 0.1, high + 0.03 * (high - low) + 0.1


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise AezipError("matplotlib is not installed", "it: pip install 'aezip[bench]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def page(
    found: Sequence[Curve], table: Sequence[tuple[str, ...]], strips: Sequence[tuple[str, list[tuple[str, Pixels]]]],
    title: str,
) -> str:
    """One HTML file: plots, table, and for each picture the codecs' crops side by side at about equal size."""
    plots = []
    measured = any(np.isfinite(c.ms_ssim).all() for c in found)
    for similarity in (False, True) if measured else (False,):
        file = io.BytesIO()
        plot(found, file, "svg", similarity=similarity)
        svg = file.getvalue().decode()
        plots.append(svg[svg.index("<svg") :])
    head, *body = table
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(v)}</td>' for v in row)}</tr>" for row in body)
    pictures = "".join(
        f"<h3>{html.escape(name)}</h3><div class=row>"
        + "".join(_figure(label, pixels) for label, pixels in strip)
        + "</div>"
        for name, strip in strips
    )
    header = "".join(f"<th>{html.escape(v.capitalize())}</th>" for v in head)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{''.join(plots)}<table><tr>{header}</tr>{rows}</table>"
        f"<h2>At equal size</h2>{pictures}</html>\n"
    )


def _figure(label: str, pixels: Pixels) -> str:
    return f"<figure><img src='{_data_url(pixels)}'><figcaption>{html.escape(label)}</figcaption></figure>"


def _data_url(pixels: Pixels) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
