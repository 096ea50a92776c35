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


def contact_sheet(model: Flagship, pictures: list[Picture]) -> bytes:
    """Originals and decoded pictures with bpp and PSNR, as PNG.  pictures: equally sized, sides multiples of 64."""
    height, width = pictures[0].shape[:2]
    across, down, rows = width + GAP, height + LABEL + GAP, pictures[:ROWS]
    paper = Image.new("RGB", (across * (1 + len(QUALITIES)) + GAP, down * len(rows) + GAP), PAPER)
    ink, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for i, picture in enumerate(rows):
        row = [("original", picture)]
        for quality in QUALITIES:
            d = evaluate.decoded(model, picture, quality)
            row.append((f"quality {quality / 10:g}: {d.bpp:.3f} bpp, {d.psnr_db:.2f} dB", d.pixels))
        for j, (label, pixels) in enumerate(row):
            left, top = GAP + j * across, GAP + i * down
            ink.text((left, top + LABEL // 2), label, INK, font, anchor="lm")
            paper.paste(Image.fromarray(pixels), (left, top + LABEL))
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()
