"""A report as one HTML file that holds all it shows: text, tables, drawings and pictures.

Each part is a string of HTML, and `page` puts them together. Drawings are matplotlib's (extra `bench`), which is loaded
when it is needed.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import require

COLOURS = ("#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#17becf", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#ff7f0e")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .8em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,td:nth-child(2):last-child,th:nth-child(2):last-child{text-align:left}
img,svg{max-width:100%;height:auto}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:12px}
figure{margin:0}figcaption{font-size:13px;color:#555}.row img{width:100%;image-rendering:pixelated}
"""


def page(title: str, *parts: str) -> str:
    """The whole file."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8>{element('title', title)}<style>{_STYLE}</style>"
        f"{element('h1', title)}{''.join(parts)}</html>\n"
    )


def element(tag: str, text: str) -> str:
    """Plain text in a tag: h2, p, …"""
    return f"<{tag}>{html.escape(text)}</{tag}>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells; the first one is the head."""
    lines = ("".join(element("td" if n else "th", cell) for cell in row) for n, row in enumerate(rows))
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def row(pictures: Sequence[tuple[str, NDArray[np.uint8]]]) -> str:
    """Captions and pictures [H, W, C], C 1 or 3, side by side."""
    figures = (
        f"<figure><img src='{_data_url(pixels)}'>{element('figcaption', caption)}</figure>"
        for caption, pixels in pictures
    )
    return f"<div class=row>{''.join(figures)}</div>"


def drawing(figure: Any) -> str:
    """A figure of matplotlib as SVG; it is closed."""
    file = io.StringIO()
    save(figure, file, "svg")
    return file.getvalue()[file.getvalue().index("<svg") :]


def save(figure: Any, path: Path | io.StringIO, kind: str) -> None:
    """Write a figure of matplotlib as `kind`, png or svg (without the date, so that it repeats), and close it."""
    figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else None)
    pyplot().close(figure)


def pyplot() -> Any:
    """The module matplotlib.pyplot, without a display.  Raises DependencyMissing."""
    require("matplotlib").use("Agg")
    return require("matplotlib.pyplot")


def _data_url(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
