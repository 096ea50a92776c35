"""`aezip recompress`: .lat files to .lat files of another model or quality."""

from __future__ import annotations

from typing import Any

import click

from ..bulk.carried import carrying, roots
from ..bulk.jobs import Recompression
from ..storage import places
from . import options
from .compress import Quality
from .messages import note
from .run import LAT, Run

LOSS = (
    "decoded pictures are encoded again, which loses about 0.6 dB of photographs each time (docs/longevity.md); "
    "keep the old files until you have looked"
)


@click.command()
@options.inputs("[FILE]...", or_listed=True)
@click.option("-q", "--quality", type=Quality(0, 100), help="From smallest to best.  [default: each file's own]")
@options.with_model
@options.max_pixels
@options.batch
@options.offline
@options.model
@options.rewrite
def recompress(run: Run, with_model: bool, **coding: Any) -> None:
    """Each file is decoded with the model that wrote it, and encoded with --model. Names, metadata, alpha and
    modification times are kept. Lossless files and files that have this model and quality already are not changed, so
    an interrupted run can be repeated. A file is replaced in full or not at all. An archive that carries its decoder
    (.aezip) gets the new one.

    Files are replaced only with --force; --output writes new files.

    \b
    Examples:
      aezip recompress --recursive archive --model photo -o archive-new
      aezip recompress --recursive archive --model photo --quality 60 --force
    """
    in_place = run.output is None and places.STANDARD not in run.inputs
    if in_place and not run.force:
        raise click.UsageError("the files would be replaced; expected --force to do that, or --output FOLDER")
    if in_place and run.skip_existing:
        raise click.UsageError("--skip-existing would skip every file; files that are done are left as they are anyway")
    plan = run.plan(None if in_place else ".lat", LAT)
    old = plan._replace(items=[item._replace(target=item.source) for item in plan.items], folder=None)
    plan = old if in_place else plan
    if with_model or carrying(old):
        run.carry(plan, roots(plan))
    if plan.items and not run.quiet:
        note(LOSS)
    local = not any(places.is_url(item.target) or item.target == places.STANDARD for item in plan.items)
    run._replace(keep_times=local).do(Recompression(in_place=in_place, **coding), plan, in_place=in_place)
