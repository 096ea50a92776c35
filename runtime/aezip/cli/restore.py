"""`aezip restore`: image files with a fault to image files without."""

from __future__ import annotations

from typing import Any

import click

from ..bulk.plan import plan
from ..images import READ_SUFFIXES, Intake
from ..model.packages import TASKS
from ..tasks.jobs import Restoration, masked
from .options import (
    finite,
    format_option,
    inputs_argument,
    intake_and_strip_options,
    max_pixels_option,
    write_options,
)
from .run import format_for, run_over

_DONE = {"denoise": "denoised", "colorize": "colorized", "inpaint": "inpainted"}
_OWN = {"sigma": "denoise", "grey": "colorize", "mask": "inpaint"}  # options of one task


@click.command()
@inputs_argument("IMAGE...")
@click.option("-t", "--task", type=click.Choice(TASKS), required=True, help="What is to be done.")
@click.option("--sigma", type=click.FloatRange(0, 100), metavar="LEVELS", callback=finite,
              help="denoise: the noise's standard deviation in grey levels.  [default: estimated]")
@click.option("--grey", is_flag=True, help="colorize: drop the colours of colour pictures first.")
@click.option("--mask", metavar="IMAGE|FOLDER", type=click.Path(readable=False),
              help="inpaint: white where pixels are to be made up; in a folder, the image of the same name.")
@format_option
@max_pixels_option
@intake_and_strip_options
@click.option("-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the model named as the task]")
@write_options
def restore(
    inputs: tuple[str, ...], output: str | None, recursive: bool, task: str, sigma: float | None, grey: bool,
    mask: str | None, format: str | None, max_pixels: int, intake: Intake, append_suffix: bool, model: str | None,
    **running: Any,
) -> None:
    """Remove noise from images, colorize grey ones, or fill holes in them.

    An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output is written beside the input, as
    NAME.denoised.png and so on; an output folder mirrors the tree of an input folder. Alpha and metadata are kept.
    inpaint changes no pixel where the mask is black; colorize keeps the grey values.

    \b
    Examples:
      aezip restore --task denoise night.jpg
      aezip restore --task denoise --sigma 25 night.jpg -o clean.png
      aezip restore --task colorize old/ -o coloured/ --recursive
      aezip restore --task inpaint --mask scratches.png portrait.png -o whole.png
    """
    given = {"sigma": sigma is not None, "grey": grey, "mask": mask is not None}
    for name, owner in _OWN.items():
        if given[name] and task != owner:
            raise click.UsageError(f"--{name} belongs to the task {owner}, not {task}")
    if task == "inpaint" and mask is None:
        raise click.UsageError("the task inpaint needs --mask, an image that is white where pixels are missing")
    suffix = f".{format or 'png'}" if output else f".{_DONE[task]}.{format or 'png'}"
    planned = plan(inputs, output, suffix, taken=READ_SUFFIXES, recursive=recursive, append=append_suffix)
    format = format_for(planned, format)
    planned, masks = masked(planned, mask) if mask is not None else (planned, {})
    job = Restoration(task, sigma, grey, masks, format, max_pixels, intake)
    run_over(planned, job, model=model or task, **running)
