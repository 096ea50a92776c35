"""Cuts the sample picture into the pictures that the guide's commands use, so that they run as typed.

python examples/pictures.py try && cd try
"""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = 288, 256  # training takes crops of 256²
COLOURS = """
    photo.png dawn.png dusk.png night.jpg portrait.png sunset.jpg pictures/a.png pictures/b.jpg pictures/sub/c.png
    today/a.png today/b.png good-parts/1.png good-parts/2.png good-parts/3.png good-parts/4.png good-parts/5.png
"""
MAP = 1200, 900
DOTS = (20, 12), (110, 20), (30, 80), (100, 100)
NOISE = 20  # σ in grey levels, of night.jpg
SCRATCH = (40, 60), (150, 70)


def main() -> None:
    """Write the pictures into a folder, which is made if it is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with as_file(files("aezip") / "samples/sample.png") as path:
        sample = Image.open(path).convert("RGB")
    for place, name in enumerate(COLOURS.split()):
        save(sample.crop((16 * place, 96, 16 * place + SIZE[0], 96 + SIZE[1])), folder / name)
    night = np.asarray(Image.open(folder / "night.jpg"))
    noisy = night + np.random.default_rng(1).normal(0, NOISE, night.shape)
    save(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), folder / "night.jpg")
    street = sample.crop((0, 96, 144, 224))
    save(street.convert("L"), folder / "old/street.png")
    street.putalpha(0)
    for x, y in DOTS:
        street.paste(street.convert("RGB").getpixel((x, y)), (x, y, x + 4, y + 4))
    save(street, folder / "dots.png")
    save(sample.resize(MAP), folder / "map.png")
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).line(SCRATCH, 255, 5)
    save(mask, folder / "scratches.png")
    drawing = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(drawing).polygon(((20, 140), (96, 20), (170, 140)), "navy")
    save(drawing, folder / "drawing.png")


def save(image: Image.Image, path: Path) -> None:
    """Write an image and the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


if __name__ == "__main__":
    main()
