"""`aezip restore`: image files with a fault to image files without."""

from __future__ import annotations

from typing import Any

import click

from .. import images
from ..bulk.plan import paired
from ..model.kinds import TASKS
from ..tasks.jobs import Restoration
from . import options
from .run import Run, format_for

_DONE = {"denoise": "denoised", "colorize": "colorized", "inpaint": "inpainted"}
# options of one task
_OWN = {"sigma": "denoise", **dict.fromkeys(("grey", "hints", "like"), "colorize"), "mask": "inpaint"}


@click.command()
@options.inputs("[IMAGE]...", or_listed=True)
@click.option("-t", "--task", type=click.Choice(TASKS), required=True, help="The task.")
@click.option(
    "--sigma",
    type=options.Real(0, 100),
    metavar="LEVELS",
    help="denoise: the noise's standard deviation in grey levels.  [default: estimated by brightness]",
)
@click.option("--grey", is_flag=True, help="colorize: first drop the colours that a picture has.")
@click.option(
    "--hints",
    metavar="IMAGE|FOLDER",
    type=options.PATH,
    help="colorize: a transparent image of the same size with dots or strokes of colour; in a folder as --mask.",
)
@click.option(
    "--like",
    metavar="IMAGE",
    type=options.PATH,
    help="colorize: take the colours of this similar picture.",
)
@click.option(
    "--mask",
    metavar="IMAGE|FOLDER",
    type=options.PATH,
    help="inpaint: white where pixels are filled in; in a folder, the image of the same path or name.",
)
@options.format
@options.max_pixels
@options.intake_and_strip
@options.model_option(".  [default: the model named as the task]")
@options.write
def restore(
    run: Run,
    task: str,
    sigma: float | None,
    grey: bool,
    hints: str | None,
    like: str | None,
    mask: str | None,
    format: str | None,
    **reading: Any,
) -> None:
    """An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output is written beside the input,
    as NAME.denoised.png and so on; an output folder mirrors the tree of an input folder. Alpha and metadata are kept.
    inpaint changes no pixel where the mask is black; colorize keeps the grey values.

    \b
    Examples:
      aezip restore --task denoise night.jpg
      aezip restore --task denoise --sigma 25 night.jpg -o clean.png
      aezip restore --task colorize old/ -o coloured/ --recursive
      aezip restore --task colorize --hints dots.png aunt.png
      aezip restore --task colorize --like today.jpg 1950.png
      aezip restore --task inpaint --mask scratches.png portrait.png -o whole.png
    """
    given = {"sigma": sigma, "grey": grey or None, "hints": hints, "like": like, "mask": mask}
    for name, owner in _OWN.items():
        if given[name] is not None and task != owner:
            raise click.UsageError(f"--{name} belongs to the task {owner}, not {task}")
    if task == "inpaint" and mask is None:
        raise click.UsageError("the task inpaint needs --mask, an image that is white where pixels are missing")
    plan = run.plan(f".{format or 'png'}" if run.output else f".{_DONE[task]}.{format or 'png'}")
    format = format_for(plan, format)
    for what, second in (("mask", mask), ("hints", hints)):
        if second is not None:
            plan = paired(plan, second, what, images.READ_SUFFIXES, shared=False)
    run._replace(model=run.model or task).do(Restoration(task, sigma, grey, like=like, format=format, **reading), plan)
