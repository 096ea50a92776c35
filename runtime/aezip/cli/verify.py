"""`aezip verify`: are .lat files whole?"""

from __future__ import annotations

from typing import Any

import click

from ..bulk.jobs import Verification
from ..bulk.plan import plan
from ..images import Intake
from .options import decoding_model_option, inputs_argument, intake_options, max_pixels_option, run_options
from .run import run_over


@click.command()
@inputs_argument("FILE...")
@click.option("--original", metavar="IMAGE", type=click.Path(readable=False),
              help="The picture FILE was made from: report PSNR and MS-SSIM, compare alpha.")
@intake_options
@max_pixels_option
@decoding_model_option
@run_options
def verify(
    inputs: tuple[str, ...], recursive: bool, original: str | None, intake: Intake, max_pixels: int, **running: Any
) -> None:
    """Check .lat files: checksums, structure, and every symbol of the streams.

    Nothing is written. Exit code 1 if a file is damaged. The original is read as `compress` read it: with --frame,
    --to-8bit and --upright where those were used (--upright for --strip, too).

    \b
    Examples:
      aezip verify archive/*.lat
      aezip verify --recursive archive --jobs 4 --quiet
      aezip verify holiday.lat --original holiday.png
    """
    if original is not None and len(inputs) > 1:
        raise click.UsageError("--original is one picture; expected one FILE")
    planned = plan(inputs, None, None, taken=frozenset({".lat"}), recursive=recursive)
    run_over(planned, Verification(original, intake, max_pixels=max_pixels), **running)
