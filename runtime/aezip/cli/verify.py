"""`aezip verify`: are .lat files whole?"""

from __future__ import annotations

from typing import Any

import click

from ..bulk.jobs import Verification
from . import options
from .run import LAT, Run


@click.command()
@options.inputs("FILE...")
@click.option("--original", metavar="IMAGE", type=click.Path(readable=False),
              help="The picture FILE was made from: report PSNR and MS-SSIM, compare alpha.")
@options.intake
@options.max_pixels
@options.decoding_model
@options.run
def verify(run: Run, original: str | None, **reading: Any) -> None:
    """Check .lat files: checksums, structure, and every symbol of the streams.

    Nothing is written. Exit code 1 if a file is damaged. The original is read as `compress` read it: with --frame,
    --to-8bit and --upright where those were used (--upright for --strip, too).

    \b
    Examples:
      aezip verify archive/*.lat
      aezip verify --recursive archive --jobs 4 --quiet
      aezip verify holiday.lat --original holiday.png
    """
    if original is not None and len(run.inputs) > 1:
        raise click.UsageError("--original is one picture; expected one FILE")
    run.do(Verification(original, **reading), run.plan(None, LAT))
