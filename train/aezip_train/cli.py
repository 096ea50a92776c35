"""`aezip-train`: train a codec on a folder of pictures."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezip.errors import AezipError

from . import recipe as recipes
from . import runs
from .journal import duration

if TYPE_CHECKING:
    from .flagship import Flagship
    from .recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """What the command was asked for, beside the recipe."""

    data: Path
    val: Path | None
    folder: Path
    init: str | None
    device: str
    minutes: float
    max_steps: int | None
    tensorboard: bool | None

    def old(self, plan: Recipe) -> dict[str, Any] | None:
        """The state of the run that goes on, if there is one.  Raises ValueError."""
        return _state(self.folder, plan) if runs.exists(self.folder) else None


def _state(run: Path, plan: Recipe) -> dict[str, Any]:
    state = runs.load_state(run)
    for key in ("family", "task"):
        found, wanted = state["recipe"].get(key, ""), getattr(plan, key)
        if found != wanted:
            raise ValueError(f"{run} is a run of the {key} {found}; expected one of {wanted}")
    return state


def _alone(plan: Recipe, asked: Asked) -> None:
    """Raises ValueError where a small family is asked onto a GPU or several processes, neither of which it uses."""
    if asked.device not in ("auto", "cpu"):
        raise ValueError(f"--device {asked.device}: {plan.name} is trained by the CPU alone; expected cpu or auto")
    if (world := os.environ.get("WORLD_SIZE", "1")) != "1":
        raise ValueError(f"{world} processes: {plan.name} is trained by one; expected aezip-train without torchrun")


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
              help="Folder of validation pictures: now and then figures in log.jsonl of RUN, of photo a sheet.png.  "
                   "[default: none; of the autoencoders: some of --data, held out]")
@click.option("-o", "--run", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder of the run; one that exists is continued.")
@click.option("--minutes", type=click.FloatRange(min=0), default=60.0, show_default=True,
              help="How long to train, this time.")
@click.option("--max-steps", type=click.IntRange(min=1),
              help="Stop after so many steps of this time, if that is sooner.")
@click.option("--init", metavar="MODEL|RUN",
              help="Start a new run from another: its folder; photo also from a model (a name or .aezm file).")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
              help="What computes, for photo; the others are trained by the CPU.")
@click.option("--tensorboard/--no-tensorboard", default=None,
              help="photo: scalars for TensorBoard in RUN.  [default: where it is installed]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Replace a value of the recipe; may be repeated. VALUE is JSON, or plain text.")
def main(recipe: str, settings: tuple[str, ...], **asked: Any) -> None:
    """Train RECIPE: a built-in name, or a .toml file.

    Built in are the flagship photo; the autoencoders vanilla, conv, vae, sparse, denoising; and denoise, colorize,
    inpaint, which restore pictures. Autoencoders end early when validation does not improve. Under torchrun every
    process takes its part of each batch of photo, and one writes.

    \b
    Examples:
        aezip-train photo --data pictures -o run --minutes 60
        aezip-train photo --data pictures -o run --minutes 60       (goes on)
        aezip-train conv --data pictures -o small
        aezip-train sparse --init small --data pictures -o sparse
        aezip-train photo --init photo --data mine -o fine --set learning_rate=1e-4 --set integer_from=0
        torchrun --nproc-per-node 4 -m aezip_train.cli photo --data pictures -o run --set batch=64
    """
    families = {
        "flagship": _flagship, "restorer": _restorer, "vanilla": _autoencoder, "conv": _autoencoder,
        "vae": _autoencoder,
    }
    try:
        plan = recipes.read(recipe, dict(_value(s) for s in settings))
        families[plan.family](plan, Asked(**asked))
    except (AezipError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _flagship(plan: Recipe, asked: Asked) -> None:
    """One leg of the codec with a hyperprior, on one process or as one of several."""
    from . import loop
    from .data import Crops, read_folder
    from .place import place

    old, weights = asked.old(plan), None
    if old:
        plan = replace(plan, network=old["recipe"]["network"])
    elif asked.init:
        start = _start(asked.init, plan)
        start.stretch(plan.lambda_max)
        weights, plan = start.state_dict(), replace(plan, network=asdict(start.config))
    with place(asked.device) as here:
        run = loop.Run(plan, Crops(read_folder(asked.data), plan.crop, plan.batch, drawn=plan.drawn), here)
        if old:
            run.restore(old)
        elif weights:
            run.set_weights(weights)
        val = read_folder(asked.val) if asked.val else None
        if here.leads:
            _begin(plan, asked.folder, run.step)
        before, seconds = run.step, run.seconds
        reason = loop.train(
            run, asked.folder, minutes=asked.minutes, max_steps=asked.max_steps, val=val, tensorboard=asked.tensorboard
        )
        if here.leads:
            steps, spent = f"{run.step - before:,} steps", duration(run.seconds - seconds)
            in_all = f"step {run.step:,} after {duration(run.seconds)} in all"
            _end(f"{asked.folder}: {reason}: {steps} in {spent}; {in_all}.", asked.folder)


def _restorer(plan: Recipe, asked: Asked) -> None:
    """One leg of a network that restores pictures."""
    from . import restoring
    from .data import Crops, read_folder

    _alone(plan, asked)
    if asked.init:
        raise ValueError("--init starts codecs only; expected none for a model that restores pictures")
    old = asked.old(plan)
    if old:
        plan = replace(plan, network=old["recipe"]["network"])
    fit = restoring.Fit(plan, Crops(read_folder(asked.data), plan.crop, plan.batch, plan.least_part))
    if old:
        fit.go_on(old)
    val = read_folder(asked.val) if asked.val else None
    _begin(plan, asked.folder, fit.step)
    said = restoring.train(fit, asked.folder, minutes=asked.minutes, max_steps=asked.max_steps, val=val)
    _end(said, asked.folder)


def _autoencoder(plan: Recipe, asked: Asked) -> None:
    """One leg of an autoencoder without a hyperprior."""
    from . import fitting
    from .data import read_folder

    _alone(plan, asked)
    old = asked.old(plan)
    if source := old or (_start_run(asked.init, plan) if asked.init else None):
        network = source["recipe"]["network"] if old else {**source["recipe"]["network"], **plan.network}
        plan = replace(plan, network=network, channels=source["recipe"]["channels"])
    pictures = read_folder(asked.data, channels=plan.channels)
    val = read_folder(asked.val, channels=plan.channels) if asked.val else None
    fit = fitting.Fit(plan, pictures, val, source["averaged"] if source else None)
    if old:
        fit.go_on(old)
    _begin(plan, asked.folder, fit.step)
    said = fitting.train(fit, asked.folder, minutes=asked.minutes, max_steps=asked.max_steps)
    _end(said, asked.folder)


def _begin(plan: Recipe, folder: Path, step: int) -> None:
    if runs.exists(folder):
        click.echo(f"{folder}: going on from step {step:,}", err=True)
    runs.write_recipe(plan, folder)


def _end(said: str, folder: Path) -> None:
    command = f"aezip-export {folder} -o {folder.name}.aezm"
    click.echo(f"{said}\nThe same command goes on; {command} makes a model of it.", err=True)


def _is_run(init: str) -> bool:
    return init.endswith(".pt") or runs.exists(Path(init))


def _start_run(init: str, plan: Recipe) -> dict[str, Any]:
    """The state of the run that an autoencoder starts from: its folder, or the state.pt in it.  Raises ValueError."""
    if not _is_run(init):
        raise ValueError(
            f"--init {init}: no run of aezip-train is there; expected one of the family {plan.family} "
            "(only photo starts from models and packages)"
        )
    return _state(Path(init), plan)


def _start(init: str, plan: Recipe) -> Flagship:
    """The module of a run (a folder or its state.pt) or of a package.  Raises ValueError, AezipError."""
    from . import loop

    if _is_run(init) or Path(init).is_dir():
        _state(Path(init), plan)
        return loop.load_model(Path(init))[0]
    # Only `aezip_export` knows how a package stores weights; the command is the edge where both meet.
    from aezip_export.reading import read_model

    return read_model(init)


if __name__ == "__main__":
    main()
