"""`aezip-train`: train a codec on a folder of pictures."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from aezip.errors import AezipError, line_of

from . import recipe as recipes
from . import runs
from .journal import duration
from .recipe import Recipe


def _alone(plan: Recipe, device: str) -> None:
    """Raises ValueError where a small family is asked onto a GPU or several processes, neither of which it uses."""
    if device not in ("auto", "cpu"):
        raise ValueError(f"--device {device}: {plan.name} is trained only on the CPU; expected cpu or auto")
    if (world := os.environ.get("WORLD_SIZE", "1")) != "1":
        raise ValueError(f"{world} processes: {plan.name} is trained by one; expected aezip-train without torchrun")


def _note_kept(folder: Path, began: dict[str, Any], plan: Recipe) -> None:
    """Say which sizes of its network a run keeps, whatever the recipe and --set say now."""
    was = {**began["network"], "channels": began["channels"]}
    for key, value in {**plan.network, "channels": plan.channels}.items():
        if was.get(key) != value:
            kept = f"{key} {was.get(key, 'as usual')}, not {value}"
            click.echo(f"note: {folder} keeps the network it began with: {kept}", err=True)


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
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of training pictures (searched with its subfolders).",
)
@click.option(
    "--val",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of validation pictures. Results go to RUN/log.jsonl; photo also draws RUN/sheet.png.  "
    "[default: none; for autoencoders and small, a part of --data]",
)
@click.option(
    "-o",
    "--run",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the run; one that exists is continued.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How long to train in this session.",
)
@click.option(
    "--max-steps", type=click.IntRange(min=1), help="Stop after this many steps of the session, if that is sooner."
)
@click.option(
    "--init",
    metavar="MODEL|RUN",
    help="Start a new run from another: its folder; photo and small from a model (a name or .aezm file).",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Device that trains photo or small; the others are trained on the CPU.",
)
@click.option(
    "--tensorboard/--no-tensorboard",
    default=None,
    help="photo, small: scalars for TensorBoard in RUN.  [default: where it is installed]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value of the recipe; may be repeated. VALUE is JSON, or plain text.",
)
def main(recipe: str, settings: tuple[str, ...], **asked: Any) -> None:
    """Train RECIPE: a built-in name, or a .toml file.

    Built in are the flagship photo; small, a faster decoder of a flagship's files; the autoencoders vanilla, conv, vae,
    sparse, denoising; and denoise, colorize, inpaint, which restore pictures. Autoencoders stop early when validation
    does not improve. photo also runs under torchrun: each process takes its part of each batch.

    \b
    Examples:
        aezip-train photo --data pictures -o run --minutes 60
        aezip-train photo --data pictures -o run --minutes 60       (continues)
        aezip-train conv --data pictures -o small
        aezip-train sparse --init small --data pictures -o sparse
        aezip-train photo --init photo --data mine -o fine --set learning_rate=1e-4 --set integer_from=0
        aezip-train small --init fine.aezm --data mine -o fast
        torchrun --nproc-per-node 4 -m aezip_train.cli photo --data pictures -o run --set batch=64
    """
    try:
        _train(recipes.read(recipe, dict(_value(s) for s in settings)), **asked)
    except (AezipError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except ModuleNotFoundError as error:
        raise click.ClickException(line_of(error)) from None
    except KeyboardInterrupt:  # outside of the training steps, which end by themselves
        click.echo("interrupted; the same command goes on", err=True)
        raise SystemExit(130) from None


def _train(
    plan: Recipe,
    *,
    data: Path,
    val: Path | None,
    folder: Path,
    init: str | None,
    device: str,
    minutes: float,
    max_steps: int | None,
    tensorboard: bool | None,
) -> None:
    """One session: a run that exists goes on, a new one starts untrained or from `--init`."""
    from .data import read_folder
    from .families import family_of
    from .loop import train
    from .processes import join

    training = family_of(plan).training
    if not training.parallel:
        _alone(plan, device)
        device, tensorboard = "cpu", False
    old = runs.load_state(folder, plan) if runs.exists(folder) else None
    weights = old and old["averaged"]
    if old:
        _note_kept(folder, old["recipe"], plan)
        kept = "network", "channels", "of", "fingerprint"
        plan = replace(plan, **{key: old["recipe"].get(key, getattr(plan, key)) for key in kept})
        if init and plan.of:
            before, (plan, _) = plan, training.start_from(init, plan)
            if plan.fingerprint != before.fingerprint:
                raise ValueError(f"{folder} learns from {before.of} ({before.fingerprint}); expected it as --init")
    elif init:
        plan, weights = training.start_from(init, plan)
    with join(device) as process:
        channels = plan.channels if training.grey else 3
        pictures = read_folder(data, channels=channels)
        others = read_folder(val, channels=channels) if val else None
        run = training(plan, pictures, val=others, process=process, weights=weights)
        if old:
            run.restore(old)
        if process.leads:
            if old:
                click.echo(f"{folder}: going on from step {run.step:,}", err=True)
            runs.write_recipe(plan, folder)
        step, seconds = run.step, run.seconds
        reason = train(run, folder, minutes=minutes, max_steps=max_steps, tensorboard=tensorboard)
    if process.leads:
        command = f"aezip-export {folder} -o {folder.name}.aezm"
        click.echo(
            f"{folder}: {reason}: {run.step - step:,} steps in {duration(run.seconds - seconds)}; "
            f"step {run.step:,} after {duration(run.seconds)} in all.{run.summary()}\n"
            f"The same command goes on; {command} makes a model of it.",
            err=True,
        )


if __name__ == "__main__":
    main()
