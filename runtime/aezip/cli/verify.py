"""`aezip verify`: are .lat files whole?"""

from __future__ import annotations

from typing import Any

import click

from .. import images
from ..bulk.jobs import Verification
from ..bulk.partners import paired
from ..storage import places
from . import options
from .messages import show
from .run import LAT, Run


@click.command()
@options.inputs("[FILE]...", or_listed=True)
@click.option("--original", metavar="IMAGE|FOLDER", type=click.Path(readable=False),
              help="The picture FILE was made from, or the folder of those: report PSNR, SSIMULACRA2 and "
                   "MS-SSIM; compare alpha.")
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
      aezip verify --recursive archive --original pictures
    """
    plan = run.plan(None, LAT)
    if original is not None:
        if len(plan.items) + len(plan.problems) > 1 and not places.is_folder(original):
            raise click.UsageError("--original is one picture; expected one FILE, or the folder of the originals")
        plan = paired(plan, original, "original", images.READ_SUFFIXES, shared=True)
    run.do(Verification(**reading), plan, print_line=show)
