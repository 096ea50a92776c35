"""`aezip decompress`: .lat files to image files."""

from __future__ import annotations

from typing import Any

import click

from .. import images
from ..bulk.jobs import Decompression
from ..bulk.plan import plan
from ..errors import UsageError
from ..storage import places
from .options import batch_option, inputs_argument, max_pixels_option, precision_option, write_options
from .run import run_over

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
@click.option("--format", "kind", type=click.Choice(list(images.FORMATS), case_sensitive=False),
              help="Kind of image file.  [default: by the suffix of --output, else png]")
@click.option("--region", metavar="X,Y,W,H", callback=_region, help="Decode this part only, in pixels.")
@max_pixels_option
# With what, and where to.
@precision_option
@batch_option
@click.option("-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the installed one that fits]")
@write_options
def decompress(
    inputs: tuple[str, ...], output: str | None, recursive: bool, kind: str | None, region: Region | None,
    max_pixels: int, append_suffix: bool, precision: str,
    batch: int | None, **running: Any,
) -> None:
    """Decompress .lat files to images.

    An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output stands beside the input, with
    the suffix of its format; an output folder mirrors the tree of an input folder. A file is decoded with the model
    that wrote it, if that is installed; --model names another package to look at.

    \b
    Examples:
      aezip decompress holiday.lat
      aezip decompress holiday.lat -o holiday.tiff
      aezip decompress --format jpg -o web/ *.lat
      aezip decompress --region 4000,3000,512,512 map.lat -o part.png
    """
    planned = plan(
        inputs, output, f".{kind or 'png'}", taken=frozenset({".lat"}), recursive=recursive, append=append_suffix
    )
    if any(task.target == places.STANDARD for task in planned.tasks):
        kind = kind or "png"
    for task in planned.tasks:
        images.format_of(task.target, kind)
    if kind and output and not planned.folder and output != places.STANDARD:
        _check_agreement(output, kind)
    job = Decompression(format=kind, region=region, max_pixels=max_pixels, precision=precision, batch=batch)
    run_over(planned, job, **running)


def _check_agreement(output: str, kind: str) -> None:
    """A suffix that names one format and an option that names another are a mistake."""
    try:
        named = images.format_of(output)
    except UsageError:
        return
    if named != kind:
        raise click.UsageError(f"'{output}' has the suffix of {named}, but --format says {kind}; expected one of them")
