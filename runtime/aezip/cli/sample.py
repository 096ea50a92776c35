"""`aezip sample`: new images from a model."""

from __future__ import annotations

import os
from itertools import islice

import click

from .. import images
from ..errors import ImageError
from ..storage.files import check_output, make_folder
from . import options
from .messages import say

_LARGEST = 2**26  # pixels of all pictures together


def _size(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    sides = value.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise click.BadParameter(f"'{value}'; expected WIDTHxHEIGHT in pixels")
    return int(sides[0]), int(sides[1])


@click.command()
@options.output(
    "OUT",
    "One image with all of them in a grid, or a folder (existing, or ending in /) for one file each.",
    required=True,
)
@click.option("-n", "--count", type=click.IntRange(min=1), default=16, show_default=True, help="How many.")
@click.option(
    "--size",
    default="256x256",
    show_default=True,
    callback=_size,
    metavar="WxH",
    help="Size of each image in pixels; with --between, the size of IMAGE.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of the random numbers. The same seed gives the same images.",
)
@click.option(
    "--spread",
    type=options.Real(0, 10),
    default=1.0,
    show_default=True,
    help="Standard deviation of the latents. Smaller values give calmer images.",
)
@click.option(
    "--between",
    nargs=2,
    metavar="IMAGE IMAGE",
    type=options.PATH,
    help="Draw the images between these two, which must have the same size, instead of new ones.",
)
@options.force
@options.model_option(".", default="vae", show_default=True)
@options.provider
@options.threads
@options.debug
def sample(
    output: str,
    count: int,
    size: tuple[int, int],
    seed: int,
    spread: float,
    between: tuple[str, str] | None,
    force: bool,
    model: str,
    provider: str,
    threads: int | None,
) -> None:
    """--between works with every model that codes images.

    \b
    Examples:
      aezip sample -o grid.png --seed 7
      aezip sample -o new/ --count 100 --size 128x128
      aezip sample -m photo --between dawn.jpg dusk.jpg --count 8 -o walk.png
    """
    from ..tasks import sampling
    from ..tasks.features.vectors import Latents

    folder = output.endswith(("/", os.sep)) or os.path.isdir(output)
    names = [os.path.join(output, f"{n:04d}.png") for n in range(count)] if folder else [output]
    format = images.format_of(names[0])
    if folder:
        make_folder(output)
    for name in names:
        check_output(name, force=force)
    latents = Latents(model, provider, threads)
    if between:
        first, last = (images.for_8_bits(images.read(name, images.ReadOptions(deep=True))).pixels for name in between)
        size = first.shape[1], first.shape[0]
        source = sampling.between(latents, first, last, count)
    else:
        source = sampling.drawn(latents, size[1], size[0], seed, spread)
    if not folder and count * size[0] * size[1] > _LARGEST:
        raise ImageError(f"{count} × {size[0]}×{size[1]} pixels in one image", f"at most {_LARGEST}, or a folder")
    pictures = islice(source, count)
    made = pictures if folder else [sampling.grid(list(pictures))]
    for name, pixels in zip(names, made, strict=True):
        images.write(name, images.Picture(pixels), format, force=force)
    say(f"{output}  {count} images of {size[0]}×{size[1]} pixels")
