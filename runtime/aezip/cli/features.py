"""`aezip features`: pictures to vectors, and which pictures are alike."""

from __future__ import annotations

import json
from typing import Any

import click

from ..bulk.plan import plan
from ..errors import ImageError
from ..images import READ_SUFFIXES, Intake
from ..storage import places
from ..storage.files import check_output
from .messages import Failures, complain, say, show, table
from .options import inputs_argument, latents_options
from .progress import bar_over


@click.command()
@inputs_argument("IMAGE...")
@click.option("-o", "--output", metavar="NPZ", type=click.Path(dir_okay=False), help="File of the vectors to write.")
@click.option("--full", is_flag=True, help="Write every picture's latents, too: 1/16 of its size, all channels.")
@click.option("--nearest", metavar="IMAGE", type=click.Path(readable=False),
              help="Print which of the pictures are most like this one.")
@click.option("-k", "--count", type=click.IntRange(min=1), default=5, show_default=True, help="--nearest: how many.")
@click.option("--json", "as_json", is_flag=True, help="--nearest: print them as a JSON list.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@latents_options
def features(
    inputs: tuple[str, ...], output: str | None, full: bool, nearest: str | None, count: int, as_json: bool,
    force: bool, max_pixels: int, model: str, recursive: bool, provider: str, threads: int | None, quiet: bool,
    **intake: Any,
) -> None:
    """Make vectors of pictures from a model's latents, or find the nearest.

    The .npz holds `files` and, a row for each, `pooled`: mean and log energy of each latent channel. With --full also
    `latents_0`, `latents_1`, … of the pictures, float16, rows × columns × channels.
    --nearest compares pooled vectors; an .npz that was written before may stand in place of pictures.

    \b
    Examples:
      aezip features pictures/ -o vectors.npz
      aezip features pictures/ -o latents.npz --full --recursive
      aezip features pictures/ --nearest sunset.jpg
      aezip features vectors.npz --nearest sunset.jpg -k 10
    """
    from ..tasks.features import vector_file
    from ..tasks.features.vectors import Latents, pooled
    from ..tasks.features.vectors import nearest as found_nearest

    if not output and not nearest:
        raise click.UsageError("expected --output, --nearest, or both")
    if output and not output.endswith(vector_file.SUFFIX):
        raise click.UsageError(f"--output is '{output}'; expected a name that ends in {vector_file.SUFFIX}")
    stored = [name for name in inputs if name.endswith(vector_file.SUFFIX)]
    if stored and (len(inputs) > 1 or output):
        raise click.UsageError(f"'{stored[0]}' stands beside others or --output; expected it alone, with --nearest")
    if output:
        check_output(output, force=force)
    from .. import images

    latents, chosen = Latents(model, provider, threads), Intake(**intake)

    def read(name: str) -> Any:
        return latents.of(images.parse(places.read(name, ImageError), max_pixels, chosen).pixels)

    failures = Failures()
    query = None
    if nearest:
        with failures.caught(nearest):
            query = pooled(read(nearest))
        if query is None:
            failures.leave()
    if stored:
        vectors = vector_file.read(stored[0])
        vector_file.check_model(vectors, latents, stored[0])
    else:
        planned = plan(inputs, None, None, taken=READ_SUFFIXES, recursive=recursive)
        for problem in planned.problems:
            failures.count += 1
            complain(problem)
        making = vector_file.Making(latents, full=full)
        for task in bar_over(planned.tasks, "features", quiet=quiet):
            with failures.caught(task.source):
                making.add(task.source, read(task.source))
        if not making.files:
            failures.leave()
        vectors = making.vectors()
        if output:
            size = vector_file.write(output, vectors, force=force)
            if not quiet:
                say(f"{output}  {len(vectors.files)} pictures, {vectors.pooled.shape[1]} numbers each, {size:,} B")
    if query is not None:
        near = [(vectors.files[i], distance) for i, distance in found_nearest(query, vectors.pooled, count)]
        if as_json:
            show(json.dumps([{"file": file, "distance": round(distance, 5)} for file, distance in near], indent=2))
        else:
            rows = [(click.format_filename(file), f"{distance:.3f}") for file, distance in near]
            show("\n".join(table([("FILE", "DISTANCE"), *rows], right=frozenset({1}))))
    failures.leave()
