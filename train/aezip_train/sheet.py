"""A sheet of reconstructions: each row a picture, then what a few qualities make of it."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from . import evaluate
from .data import Picture
from .flagship import Flagship

QUALITIES = (100, 400, 700)
ROWS = 4
LABEL, GAP = 22, 6  # pixels
PAPER, INK = (255, 255, 255), (20, 20, 20)


def sheet(model: Flagship, pictures: list[Picture], qualities: tuple[int, ...] = QUALITIES) -> bytes:
    """Originals and decoded pictures with bpp and PSNR, as PNG.  pictures: equally sized, sides multiples of 64."""
    rows = []
    for picture in pictures[:ROWS]:
        row = [("original", picture)]
        for quality in qualities:
            d = evaluate.decoded(model, picture, quality)
            row.append((f"quality {quality / 10:g}: {d.bpp:.3f} bpp, {d.psnr_db:.2f} dB", d.pixels))
        rows.append(row)
    file = io.BytesIO()
    drawn(rows).save(file, "PNG")
    return file.getvalue()


def drawn(rows: list[list[tuple[str, Picture]]]) -> Image.Image:
    """Labelled pictures of one size in rows."""
    height, width = rows[0][0][1].shape[:2]
    across, down = width + GAP, height + LABEL + GAP
    paper = Image.new("RGB", (across * max(map(len, rows)) + GAP, down * len(rows) + GAP), PAPER)
    ink, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for i, row in enumerate(rows):
        for j, (label, picture) in enumerate(row):
            left, top = GAP + j * across, GAP + i * down
            ink.text((left, top + LABEL // 2), label, INK, font, anchor="lm")
            paper.paste(Image.fromarray(picture), (left, top + LABEL))
    return paper
