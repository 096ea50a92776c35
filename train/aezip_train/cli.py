"""`aezip-train`: train a codec on a folder of pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from . import recipe as recipes


def _value(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"'{text}': expected KEY=VALUE")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipe")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder of training pictures (searched below, too).")
@click.option("--val", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of validation pictures: a rate–distortion line in log.jsonl now and then.")
@click.option("-o", "--run", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder of the run; one that exists is continued.")
@click.option("--minutes", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Length of this leg.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop this leg after so many steps.")
@click.option("--init", type=click.Path(path_type=Path), help="Start a new run from another run's averaged weights.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a value of the recipe.")
def main(
    recipe: str, data: Path, val: Path | None, folder: Path, minutes: float, max_steps: int | None,
    init: Path | None, settings: tuple[str, ...],
) -> None:
    """Train RECIPE (a built-in name such as `photo`, or a .toml file).

    \b
    Examples:
        aezip-train photo --data pictures -o run --minutes 60
        aezip-train photo --data pictures -o run --minutes 60       (goes on)
        aezip-train photo --data mine -o fine --init run --set learning_rate=1e-4
    """
    from . import loop
    from .data import Crops, read_folder

    try:
        plan = recipes.read(recipe, dict(_value(s) for s in settings))
        run = loop.Run(plan, Crops(read_folder(data), plan.crop, plan.batch))
        if (folder / "state.pt").exists():
            run.restore(loop.load_state(folder))
            click.echo(f"{folder}: going on from step {run.step}", err=True)
        elif init:
            run.set_weights(loop.load_state(init)["averaged"])
        pictures = read_folder(val) if val else None
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")
    reason = loop.train(run, folder, minutes=minutes, max_steps=max_steps, val=pictures)
    click.echo(f"{folder}: {reason} at step {run.step} after {run.seconds / 60:.0f} minutes in all", err=True)


if __name__ == "__main__":
    main()
