"""`aezip restore`: image files with a fault to image files without."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

import click

from .. import images
from ..bulk.plan import Plan, plan
from ..errors import ImageError
from ..images import READ_SUFFIXES, Intake
from ..model.packages import TASKS
from ..storage import places
from ..tasks.jobs import Restoration
from .options import finite, inputs_argument, intake_options, max_pixels_option, write_options
from .run import run_over

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
@click.option("--format", "kind", type=click.Choice(list(images.FORMATS), case_sensitive=False),
              help="Kind of image file.  [default: by the suffix of --output, else png]")
@max_pixels_option
@intake_options
@click.option("--strip", is_flag=True, help="Drop ICC profile, EXIF, XMP and resolution; implies --upright.")
@click.option("-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the model named as the task]")
@write_options
def restore(
    inputs: tuple[str, ...], output: str | None, recursive: bool, task: str, sigma: float | None, grey: bool,
    mask: str | None, kind: str | None, max_pixels: int, frame: int | None, to_8bit: bool, upright: bool, strip: bool,
    append_suffix: bool, **running: Any,
) -> None:
    """Take noise out of images, give grey ones colours, or fill holes in them.

    An input is a file, a folder, a pattern, a URL (s3://…), or - for stdin. The output stands beside the input, as
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
    for name, belongs in _OWN.items():
        if given[name] and task != belongs:
            raise click.UsageError(f"--{name} belongs to the task {belongs}, not {task}")
    if task == "inpaint" and mask is None:
        raise click.UsageError("the task inpaint needs --mask, an image that is white where pixels are missing")
    suffix = f".{kind or 'png'}" if output else f".{_DONE[task]}.{kind or 'png'}"
    planned = plan(inputs, output, suffix, taken=READ_SUFFIXES, recursive=recursive, append=append_suffix)
    if any(t.target == places.STANDARD for t in planned.tasks):
        kind = kind or "png"
    for each in planned.tasks:
        images.format_of(each.target, kind)
    masks: dict[str, str] = {}
    if mask is not None:
        planned, masks = _masked(planned, mask)
    job = Restoration(task, sigma, grey, masks, kind, max_pixels, Intake(frame, to_8bit, upright, strip))
    run_over(planned, job, **{**running, "model": running["model"] or task})


def _masked(planned: Plan, mask: str) -> tuple[Plan, dict[str, str]]:
    """The tasks that have a mask, and each target's."""
    if not os.path.isdir(mask):
        return planned, {task.target: mask for task in planned.tasks}
    found = {PurePath(name).stem: name for name in sorted(os.listdir(mask), reverse=True)
             if PurePath(name).suffix.lower() in READ_SUFFIXES}
    tasks, problems, masks = [], list(planned.problems), {}
    for task in planned.tasks:
        name = found.get(PurePath(task.source).stem)
        if name is None:
            expected = f"an image in '{mask}' of the same name"
            problems.append(ImageError("there is no mask for this picture", expected, file=task.source))
        else:
            tasks.append(task)
            masks[task.target] = os.path.join(mask, name)
    return Plan(tasks, problems, planned.folder), masks
