"""`aezip decompress`: .lat files to image files."""

from __future__ import annotations

from typing import Any

import click

from .. import images
from ..bulk.jobs import Decompression
from ..bulk.plan import plan
from ..errors import UsageError
from ..storage import places
from .options import (
    batch_option,
    decoding_model_option,
    format_option,
    inputs_argument,
    max_pixels_option,
    precision_option,
    write_options,
)
from .run import format_for, run_over

Region = tuple[int, int, int, int]


def _region(_: click.Context, __: click.Parameter, value: str | None) -> Region | None:
    if value is None:
        return None
    parts = value.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"'{value}'; expected X,Y,W,H in whole pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height


@click.command()
@inputs_argument("FILE...")
# How a picture is decoded: each of these is a parameter of `decompress` and a field of `Decompression`.
@format_option
@click.option("--region", metavar="X,Y,W,H", callback=_region, help="Decode this part only, in pixels.")
@max_pixels_option
# With what, and where to.
@precision_option
@batch_option
@decoding_model_option
@write_options
def decompress(
    inputs: tuple[str, ...], output: str | None, recursive: bool, format: str | None, region: Region | None,
    max_pixels: int, append_suffix: bool, precision: str, batch: int | None, **running: Any,
) -> None:
    """Decompress .lat files to images.

    An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output is written beside the
    input, with the suffix of its format; an output folder mirrors the tree of an input folder. A file is decoded with
    the model that wrote it, if that is installed; --model names another package to look at.

    \b
    Examples:
      aezip decompress holiday.lat
      aezip decompress holiday.lat -o holiday.tiff
      aezip decompress --format jpg -o web/ *.lat
      aezip decompress --region 4000,3000,512,512 map.lat -o part.png
    """
    planned = plan(
        inputs, output, f".{format or 'png'}", taken=frozenset({".lat"}), recursive=recursive, append=append_suffix
    )
    if format and output and not planned.folder and output != places.STANDARD:
        _check_agreement(output, format)
    format = format_for(planned, format)
    job = Decompression(format, region, max_pixels=max_pixels, precision=precision, batch=batch)
    run_over(planned, job, **running)


def _check_agreement(output: str, format: str) -> None:
    """A suffix that names one format and an option that names another are a mistake."""
    try:
        named = images.format_of(output)
    except UsageError:
        return
    if named != format:
        finding = f"'{output}' has the suffix of {named}, but --format says {format}"
        raise click.UsageError(f"{finding}; expected one of them")
