"""`aezip sheet`: a contact sheet of .lat files."""

from __future__ import annotations

import os
from typing import Any

import click

from .. import images
from ..bulk.jobs import Decompression
from ..bulk.plan import Inputs
from ..errors import FormatError, UsageError
from ..storage import places
from ..storage.files import check_output
from . import options
from .messages import Failures, name_of, say
from .run import LAT, each_of


@click.command()
@options.inputs("FILE...")
@options.output("FILE", "Image file to write, such as sheet.jpg.", required=True)
@click.option(
    "--columns", type=click.IntRange(1, 1000), metavar="N", help="Pictures in a row.  [default: by their number]"
)
@click.option(
    "--size",
    type=click.IntRange(16, 2048),
    default=160,
    show_default=True,
    metavar="N",
    help="Pixels of a picture's longer side.",
)
@options.force
@options.recursive
@options.decoding_model
@options.threads
@options.max_pixels
@options.offline
@options.quiet
@options.debug
def sheet(
    inputs: tuple[str, ...],
    output: str,
    columns: int | None,
    size: int,
    force: bool,
    recursive: bool,
    model: str | None,
    threads: int | None,
    max_pixels: int,
    offline: bool,
    quiet: bool,
) -> None:
    """Pictures are decoded at a reduced size, turned upright and shown in sRGB, transparent ones on white.

    \b
    Examples:
      aezip sheet archive -o sheet.jpg
      aezip sheet -r archive -o sheet.png --size 240 --columns 6
    """
    format = images.format_of(output)
    images.kind_of(format)
    check_output(output, force=force)
    how: dict[str, Any] = {"max_size": size, "to_8bit": True, "tone_map": True, "strip": True}
    job = Decompression(format="png", max_pixels=max_pixels, offline=offline, **how)
    codec, shown, failures = job.open(model, "cpu", threads), list[tuple[str, images.Picture]](), Failures()

    def decode(source: str) -> None:
        codec.look_beside(source)
        made = job.run(codec, places.read(source, FormatError), "").data
        name = name_of(os.path.splitext(places.last_of(source))[0])
        shown.append((name, images.parse(made or b"")))

    each_of(Inputs(inputs, LAT, recursive), decode, failures, quiet)
    if not shown:
        raise UsageError("no picture for the sheet", "the names of .lat files, or of folders that hold some")
    page = images.sheet(shown, size, columns)
    images.write(output, page, format, force=force)
    if not quiet:
        height, width = page.pixels.shape[:2]
        say(f"{output}  {len(shown):,} picture{'s' * (len(shown) > 1)}, {width}×{height} pixels")
    failures.exit_if_any()
