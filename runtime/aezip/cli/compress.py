"""`aezip compress`: image files to .lat files."""

from __future__ import annotations

import math
from typing import Any

import click

from ..batch.jobs import Compression
from ..batch.plan import outputs_of
from .options import inputs_argument, max_pixels_option, run_options
from .run import run_over


def _quality(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is not in the range 0<=x<=100.")
    return value


@click.command()
@inputs_argument("IMAGE...")
# How a picture is coded: each of these is a parameter of `compress` and a field of `Compression`.
@click.option("-q", "--quality", type=click.FloatRange(0, 100), default=60, show_default=True, callback=_quality,
              help="From smallest to best, in steps of 0.1.")
@click.option("--effort", type=click.IntRange(0, 1), default=1, show_default=True,
              help="0 rounds; 1 weighs bits against errors.")
@max_pixels_option
# With what, and where to.
@click.option("-m", "--model", default="photo", show_default=True, metavar="MODEL", help="Name or .aezm file.")
@run_options
def compress(
    inputs: tuple[str, ...], output: str | None, quality: float, effort: int, max_pixels: int, **running: Any
) -> None:
    """Compress images to .lat files.

    The output stands beside the input, with the suffix .lat. ICC profile, EXIF and XMP are kept.

    \b
    Examples:
      aezip compress holiday.png
      aezip compress -q 85 holiday.png -o best.lat
      aezip compress -o archive/ *.png *.jpg
    """
    job = Compression(quality=quality, effort=effort, max_pixels=max_pixels)
    run_over(inputs, outputs_of(inputs, output, ".lat"), job, **running)
