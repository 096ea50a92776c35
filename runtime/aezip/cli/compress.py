"""`aezip compress`: image files to .lat files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..bulk.carried import roots
from ..bulk.jobs import Compression
from . import options
from .run import Run

if TYPE_CHECKING:
    from ..quality.targets import Target


def _size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    from ..quality.targets import parse_size

    return parse_size(value)


class Quality(click.FloatRange):
    """A number of 0 to 100 in tenths."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"'{value}' is not a number; expected 0 (smallest) to 100 (best)", param, ctx)
        if not 0 <= number <= 100:
            self.fail(f"{value} is not in the range; expected 0 (smallest) to 100 (best)", param, ctx)
        if abs(10 * number - round(10 * number)) > 1e-6:
            steps = f"{math.floor(10 * number) / 10:g} or {math.ceil(10 * number) / 10:g}"
            self.fail(f"{value} is not a multiple of 0.1; expected {steps}", param, ctx)
        return number


@click.command(cls=options.Grouped)
@options.inputs("[IMAGE]...", or_listed=True)
# How a picture is coded: all but the targets are fields of `Compression`.
@click.option(
    "-q",
    "--quality",
    type=Quality(0, 100),
    default=60,
    show_default=True,
    help="From smallest to best, in steps of 0.1.",
)
@click.option(
    "--target-size", metavar="SIZE", callback=_size, help="Best quality within SIZE: 200KB (1000), 200KiB (1024)."
)
@click.option(
    "--target-bpp",
    type=options.Real(0, min_open=True),
    metavar="RATE",
    help="Best quality within RATE bits per pixel.",
)
@click.option(
    "--target-psnr",
    type=options.Real(0, min_open=True),
    metavar="DB",
    help="Lowest quality with a PSNR of DB or more.",
)
@click.option(
    "--target-ssimulacra2",
    type=options.Real(0, 100, min_open=True, max_open=True),
    metavar="SCORE",
    help="Lowest quality with this SSIMULACRA2 or more: 90 looks lossless, 70 is high, 50 medium.",
)
@click.option(
    "--lossless/--no-lossless",
    default=None,
    help="Keep every pixel; or never.  [default: if that makes a smaller file]",
)
@click.option(
    "--cell-psnr",
    type=options.Real(0),
    default=0,
    metavar="DB",
    help="Lowest PSNR of any 16 × 16 cell.  [default: what is usual for photographs]",
)
@click.option("--keep-smaller", is_flag=True, help="Do not write a .lat file that is larger than its input.")
@click.option("--verify", is_flag=True, help="Decode each file before saving it and report its PSNR and SSIMULACRA2.")
@click.option(
    "--min-psnr",
    type=options.Real(0),
    default=0,
    metavar="DB",
    help="Fail and save nothing if the PSNR of the decoded picture is lower; implies --verify.",
)
@click.option(
    "--effort",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="1 weighs each latent's bits against its error; 0 only rounds.",
)
@options.max_pixels
@options.intake_and_strip
@options.batch
@options.with_model
# With what, and where to.
@options.model
@options.write
def compress(
    run: Run,
    target_size: int | None,
    target_bpp: float | None,
    target_psnr: float | None,
    target_ssimulacra2: float | None,
    with_model: bool,
    **coding: Any,
) -> None:
    """An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output is written beside the
    input, with the suffix .lat; an output folder mirrors the tree of an input folder. Transparency is kept without
    loss; ICC profile, EXIF, XMP and resolution are kept as they are. CMYK becomes sRGB through its ICC profile.

    \b
    Examples:
      aezip compress holiday.png
      aezip compress -q 85 holiday.png -o best.lat
      aezip compress --target-size 200KB holiday.png
      aezip compress --target-ssimulacra2 75 holiday.png
      aezip compress -o archive/ *.png *.jpg
      aezip compress --frame 1 --to-8bit scan.tiff
      aezip compress --recursive pictures -o archive --jobs 4 --skip-existing
      aezip compress --recursive pictures -o archive --with-model
    """
    if coding["lossless"] and _is_chosen("quality"):
        raise click.UsageError("--lossless keeps every pixel, whatever the quality; expected no --quality")
    job = Compression(target=_target(target_size, target_bpp, target_psnr, target_ssimulacra2), **coding)
    plan = run.plan(".lat")
    if with_model:
        if coding["lossless"]:
            raise click.UsageError("files of --lossless need no model; expected no --with-model")
        run.carry(plan, roots(plan))
    run.do(job, plan)


def _target(size: int | None, bpp: float | None, psnr: float | None, score: float | None) -> Target | None:
    """The one target that was asked for, if any."""
    if size is bpp is psnr is score is None:
        return None
    from ..quality.targets import asked

    if click.get_current_context().params["lossless"]:
        raise click.UsageError("--lossless keeps every pixel, whatever a target says; expected one of them")
    if sum(value is not None for value in (size, bpp, psnr, score)) + _is_chosen("quality") > 1:
        names = "--quality, --target-size, --target-bpp, --target-psnr and --target-ssimulacra2"
        raise click.UsageError(f"expected one of {names}")
    return asked(size, bpp, psnr, score)


def _is_chosen(option: str) -> bool:
    """Whether an option was given."""
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT
