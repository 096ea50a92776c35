"""`aezip decompress`: .lat files to image files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import images
from ..bulk.jobs import Decompression
from ..errors import UsageError
from ..format.scales import SCALES
from ..storage import places
from . import options
from .run import LAT, Run, format_for

if TYPE_CHECKING:
    from ..arrays import Region


def _region(_: click.Context, __: click.Parameter, value: str | None) -> Region | None:
    if value is None:
        return None
    parts = value.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"'{value}'; expected X,Y,W,H in whole pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height


def _scale(_: click.Context, __: click.Parameter, value: str) -> int:
    return int(value.removeprefix("1/"))


@click.command(cls=options.Grouped)
@options.inputs("[FILE]...", or_listed=True)
# How a picture is decoded: fields of `Decompression`.
@options.format
@click.option(
    "--output-quality",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Quality of JPEG [95], AVIF [90], WebP and JPEG XL files [both lossless].",
)
@click.option("--subsampling", type=click.Choice(images.SUBSAMPLINGS), help="Of the colours of JPEG and AVIF.  [4:4:4]")
@click.option("--region", metavar="X,Y,W,H", callback=_region, help="Decode this part only, in pixels.")
@click.option(
    "--scale",
    type=click.Choice([f"1/{n}" for n in SCALES]),
    default="1/1",
    callback=_scale,
    metavar="1/N",
    help="Decode a smaller picture: 1/2, 1/4, 1/8 or 1/16 of the sides. 1/4 and below are faster.",
)
@options.number("--max-size", help="Make pictures whose longer side has at most N pixels.")
@click.option("--tone-map", is_flag=True, help="Make pictures of high dynamic range (PQ, HLG) or wide gamut sRGB.")
@click.option("--to-8bit", is_flag=True, help="Make samples of more than 8 bits 8-bit.")
@options.strip
@click.option("--partial", is_flag=True, help="Also decode files whose end is missing, as far as possible.")
@options.max_pixels
@options.decoder
@options.batch
@options.offline
# With what, and where to.
@options.decoding_model
@options.write
@click.option("--replace-original", is_flag=True, help="With --force: also replace files that are older than the .lat.")
def decompress(run: Run, format: str | None, replace_original: bool, **decoding: Any) -> None:
    """An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output is written beside the
    input, with the suffix of its format; an output folder mirrors the tree of an input folder. A file is decoded with
    the model that wrote it: one that is installed, that the archive carries (.aezip), or that is fetched from a place
    you added with `aezip models add`. --model names another package.

    --force replaces a file only if it is newer than its .lat file: an older one may be the original. To replace that,
    add --replace-original, or name the file with --output.

    \b
    Examples:
      aezip decompress holiday.lat
      aezip decompress holiday.lat -o holiday.tiff
      aezip decompress --format jpg -o web/ *.lat
      aezip decompress --region 4000,3000,512,512 map.lat -o part.png
      aezip decompress --recursive --max-size 256 --format jpg archive -o thumbnails --jobs 4
    """
    if decoding["max_size"] and decoding["scale"] > 1:
        raise click.UsageError("--max-size chooses the scale; expected no --scale")
    plan = run.plan(f".{format or 'png'}", LAT)
    file = run.output if not plan.folder else None
    by_suffix = _format_of(run.output or "")
    if format and file and file != places.STANDARD and by_suffix not in (None, format):
        finding = f"'{file}' has the suffix of {by_suffix}, but --format says {format}"
        raise click.UsageError(f"{finding}; expected one of them")
    images.kind_of(format or by_suffix or "png", decoding["output_quality"], decoding["subsampling"])
    spare = not (file or replace_original)
    run.do(Decompression(format_for(plan, format), **decoding), plan, spare_older=spare)


def _format_of(output: str) -> str | None:
    """What an output's suffix names; None for that of a folder, or of stdout."""
    try:
        return images.format_of(output)
    except UsageError:
        return None
