"""`aezip features`: pictures to vectors, and which pictures are alike."""

from __future__ import annotations

import click

from ..storage.files import check_output
from . import options
from .messages import Failures, name_of, say, show, show_json, table
from .run import Reading

_SUFFIX = ".npz"


@click.command()
@options.inputs("IMAGE...")
@options.output("NPZ", "File of the vectors to write.", click.Path(dir_okay=False))
@click.option("--full", is_flag=True, help="Also write the latents of every picture: 1/16 of its size, all channels.")
@click.option(
    "--nearest",
    metavar="IMAGE",
    type=options.PATH,
    help="Print which of the pictures are most like this one.",
)
@click.option("-k", "--count", type=click.IntRange(min=1), default=5, show_default=True, help="--nearest: how many.")
@options.json_option("--nearest: print them as a JSON list.")
@options.force
@options.reading
def features(
    reading: Reading, output: str | None, full: bool, nearest: str | None, count: int, as_json: bool, force: bool
) -> None:
    """The .npz holds `files` and `pooled`, with one row per file: mean and log energy of each latent channel. With
    --full it also holds `latents_0`, `latents_1`, … of the pictures, float16, rows × columns × channels. --nearest
    compares pooled vectors. Instead of pictures it also takes an .npz written before.

    \b
    Examples:
      aezip features pictures/ -o vectors.npz
      aezip features pictures/ -o latents.npz --full --recursive
      aezip features pictures/ --nearest sunset.jpg
      aezip features vectors.npz --nearest sunset.jpg -k 10
    """
    from ..tasks.features import vectors

    stored = _check(reading.inputs, output, nearest)
    if output:
        check_output(output, force=force)
    latents, failures = reading.latents(), Failures()
    query = vectors.pooled(latents.of(reading.pixels(nearest))) if nearest else None
    if stored:
        found = vectors.read(stored)
        latents.require(found.digest, found.model, stored)
    else:
        found = vectors.Vectors(latents.name, latents.digest, full)
        reading.each("features", failures, lambda name: found.add(name, latents.of(reading.pixels(name))))
        if not found.files:
            failures.exit_if_any()
    if output:
        size = vectors.write(output, found, force=force)
        if not reading.quiet:
            say(f"{output}  {len(found.files)} pictures, {found.pooled.shape[1]} numbers each, {size:,} B")
    if query is not None:
        near = vectors.nearest(query, found.pooled, count)
        if as_json:
            show_json([{"file": found.files[i], "distance": round(distance, 5)} for i, distance in near])
        else:
            rows = [(name_of(found.files[i]), f"{distance:.3f}") for i, distance in near]
            show(table([("FILE", "DISTANCE"), *rows], right=(1,)))
    failures.exit_if_any()


def _check(inputs: tuple[str, ...], output: str | None, nearest: str | None) -> str | None:
    """The input if it is a file of vectors.  Raises UsageError for options that do not go together."""
    if not output and not nearest:
        raise click.UsageError("expected --output, --nearest, or both")
    if output and not output.endswith(_SUFFIX):
        raise click.UsageError(f"--output is '{output}'; expected a name that ends in {_SUFFIX}")
    stored = [name for name in inputs if name.endswith(_SUFFIX)]
    if stored and (len(inputs) > 1 or output):
        raise click.UsageError(f"'{stored[0]}' holds vectors; expected it alone, with --nearest")
    return stored[0] if stored else None
