"""What the tools share: options, pictures of a folder, the command `aezip`, what is done to pictures, sheets."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from aezip import errors, images
from aezip.codec import Codec
from aezip.quality.metrics import bits_per_pixel, psnr_db

Pixels = NDArray[np.uint8]  # [H, W, C]
Mask = NDArray[np.bool_]  # [H, W]
Pane = tuple[str, Pixels]  # a caption and a picture
HOLES, HOLE = 8, 32  # of `holes`


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One line instead of a traceback, for errors that a user can fix."""
    if isinstance(error, (errors.AezipError, ModuleNotFoundError)):
        sys.stderr.write(f"error: {errors.line_of(error)}\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell


def parser(doc: str, *positional: str, **options: Any) -> argparse.ArgumentParser:
    """A tool's options.  positional: names, with a + where several may stand; options: defaults, or types without."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in positional:
        made.add_argument(name.rstrip("+"), nargs="+" if name.endswith("+") else None)
    for name, default in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(default, bool):
            made.add_argument(flag, action="store_true")
        elif isinstance(default, type):
            made.add_argument(flag, type=default)
        else:
            made.add_argument(flag, type=type(default), default=default)
    return made


def aezip(*arguments: str | Path) -> list[str]:
    """The command line of `aezip` with this Python."""
    return [sys.executable, "-m", "aezip", *map(str, arguments)]


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def pictures(folder: str | Path, limit: int | None = None, first: int = 0) -> list[Path]:
    """Image files of a folder, by name."""
    return sorted(f for f in Path(folder).iterdir() if f.suffix.lower() in images.READ_SUFFIXES)[first:][:limit]


def read(file: str | Path, *, rgb: bool = False) -> Pixels:
    """A picture's pixels.  rgb: grey ones with three channels, too"""
    found = images.read(file).pixels
    return found.repeat(3, 2) if rgb and found.shape[2] == 1 else found


def middle(pixels: Pixels, height: int | None, width: int | None = None) -> Pixels:
    """The middle of a picture, square if no width is given; all of it where it is smaller."""
    wanted = height or pixels.shape[0], width or height or pixels.shape[1]
    top, left = (max(0, have - want) // 2 for have, want in zip(pixels.shape[:2], wanted, strict=True))
    return np.ascontiguousarray(pixels[top:, left:][: wanted[0], : wanted[1]])


def rate_and_psnr(codec: Codec, pixels: Pixels, quality: float) -> tuple[float, float]:
    """Bits per pixel and dB of a file at one quality."""
    data = codec.encode(pixels, quality)
    return bits_per_pixel(len(data), pixels), psnr_db(pixels, codec.decode(data)[0])


def noisy(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """With white noise, as 8-bit samples."""
    return np.asarray(np.clip(np.rint(pixels + rng.normal(0, sigma, pixels.shape)), 0, 255), np.uint8)


def holes(height: int, width: int, rng: np.random.Generator, side: int = HOLE) -> Mask:
    """Squares that are missing."""
    mask = np.zeros((height, width), bool)
    for top, left in rng.integers(0, (height - side, width - side), (HOLES, 2)):
        mask[top : top + side, left : left + side] = True
    return mask


def scratches(height: int, width: int, thick: int, rng: np.random.Generator) -> Mask:
    """Waving lines that are missing; none at the border, where scikit-image's biharmonic inpainting fails."""
    picture = Image.new("1", (width, height))
    pen = ImageDraw.Draw(picture)
    for _ in range(HOLES):
        place, angle = rng.uniform(0, (width, height)), rng.uniform(0, 2 * np.pi)
        line = [tuple(place)]
        for _ in range(6):
            angle += rng.normal(0, 0.3)
            place = place + np.array([np.cos(angle), np.sin(angle)]) * height / 8
            line.append(tuple(place))
        pen.line(line, fill=1, width=thick, joint="curve")
    mask = np.array(picture, bool)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = False
    return mask


def dots(p: Pixels, count: int, rng: np.random.Generator) -> Pixels:
    """RGB and alpha: a picture's mean colours of random 5×5 pixels."""
    out = np.zeros((*p.shape[:2], 4), np.uint8)
    for top, left in rng.integers(0, np.array(p.shape[:2]) - 4, (count, 2)):
        part = np.s_[top : top + 5, left : left + 5]
        out[part] = *p[part].mean((0, 1)).round().astype(np.uint8), 255
    return out


def sheet(rows: Sequence[Sequence[Pane]], gap: int = 10, line: int = 26, letters: int = 17) -> Image.Image:
    """Rows of panes of one size, a caption above each."""
    height, width = rows[0][0][1].shape[:2]
    across = max(map(len, rows))
    out = Image.new("RGB", (gap + across * (width + gap), len(rows) * (line + height + gap)), "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(letters)
    for n, row in enumerate(rows):
        for m, (caption, pane) in enumerate(row):
            left, top = gap + m * (width + gap), n * (line + height + gap)
            pen.text((left, top + line // 2), caption, "black", font, anchor="lm")
            out.paste(Image.fromarray(pane), (left, top + line))
    return out


def auroc(normal: ArrayLike, anomalous: ArrayLike) -> float:
    """The share of pairs in which the anomalous score is larger; a tie is half a pair."""
    few, many = np.asarray(anomalous), np.asarray(normal)
    _, place, counts = np.unique(np.concatenate((many, few)), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = len(few)
    return float((ranks[len(many) :].sum() - n * (n + 1) / 2) / (n * len(many)))
