"""`aezip-train`: train a codec on a folder of pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezip.errors import AezipError

from . import recipe as recipes
from .journal import duration

if TYPE_CHECKING:
    from .flagship import Flagship
    from .place import Place
    from .recipe import Recipe


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
              help="Folder of validation pictures: a line in log.jsonl and a sheet.png of RUN now and then.")
@click.option("-o", "--run", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder of the run; one that exists is continued.")
@click.option("--minutes", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Length of this leg.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop this leg after so many steps.")
@click.option("--init", metavar="MODEL|RUN", help="Start a new run from a model (a name or .aezm file) or another run.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
              help="What computes.")
@click.option("--tensorboard/--no-tensorboard", default=None,
              help="Scalars for TensorBoard in RUN.  [default: where it is installed]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a value of the recipe.")
def main(
    recipe: str, data: Path, val: Path | None, folder: Path, init: str | None, device: str,
    settings: tuple[str, ...], **leg: Any,
) -> None:
    """Train RECIPE (a built-in name such as `photo` or `conv`, or a .toml file).

    Under torchrun every process takes its part of each batch; one writes.

    \b
    Examples:
        aezip-train photo --data pictures -o run --minutes 60
        aezip-train photo --data pictures -o run --minutes 60       (goes on)
        aezip-train conv --data pictures -o run                     (vanilla, vae, sparse, denoising)
        aezip-train photo --init photo --data mine -o fine --set learning_rate=1e-4 --set integer_from=0
        torchrun --nproc-per-node 4 -m aezip_train.cli photo --data pictures -o run --set batch=64
    """
    from . import loop
    from .data import Crops, read_folder
    from .place import place

    try:
        plan = recipes.read(recipe, dict(_value(s) for s in settings))
        if plan.family == "restorer":
            _restorer(plan, data, val, folder, init, leg["minutes"], leg["max_steps"])
            return
        if plan.family in ("vanilla", "conv", "vae"):
            _autoencoder(plan, data, val, folder, init, leg["minutes"], leg["max_steps"])
            return
        weights = None
        if init and not (folder / "state.pt").exists():
            start = _start(init)
            weights, plan = start.state_dict(), replace(plan, network=asdict(start.config))
        elif (folder / "state.pt").exists():
            plan = replace(plan, network=loop.load_state(folder)["recipe"]["network"])
        with place(device) as here:
            run = loop.Run(plan, Crops(read_folder(data), plan.crop, plan.batch), here)
            if (folder / "state.pt").exists():
                run.restore(loop.load_state(folder))
                _say(here, f"{folder}: going on from step {run.step:,}")
            elif weights:
                run.set_weights(weights)
            pictures = read_folder(val) if val else None
            if here.leads:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "recipe.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")
            before, seconds = run.step, run.seconds
            reason = loop.train(run, folder, val=pictures, **leg)
            _say(here, _farewell(folder, reason, run.step, run.step - before, run.seconds, run.seconds - seconds))
    except (AezipError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _restorer(
    plan: Recipe, data: Path, val: Path | None, folder: Path, init: str | None, minutes: float, max_steps: int | None
) -> None:
    """One leg of a network that restores pictures."""
    from . import loop, restoring
    from .data import Crops, read_folder

    if init:
        raise ValueError("--init starts codecs only; expected none for a model that restores pictures")
    pictures = read_folder(data)
    old = loop.load_state(folder) if (folder / "state.pt").exists() else None
    if old:
        plan = replace(plan, network=old["recipe"]["network"])
    leg = restoring.Leg(plan, Crops(pictures, plan.crop, plan.batch, plan.least_part))
    if old:
        leg.restore(old)
        click.echo(f"{folder}: going on from step {leg.step:,}", err=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")
    check = read_folder(val) if val else None
    click.echo(restoring.train(leg, folder, minutes=minutes, max_steps=max_steps, val=check), err=True)
    click.echo(f"aezip-export {folder} -o {folder.name}.aezm makes a model of it.", err=True)


def _autoencoder(
    plan: Recipe, data: Path, val: Path | None, folder: Path, init: str | None, minutes: float, max_steps: int | None
) -> None:
    """One leg of an autoencoder without a hyperprior."""
    from . import fitting, loop
    from .data import read_folder

    old = loop.load_state(folder) if (folder / "state.pt").exists() else None
    if source := old or (loop.load_state(Path(init)) if init else None):
        if source["recipe"]["family"] != plan.family:
            finding = f"{folder if old else init} is a run of the family {source['recipe']['family']}"
            raise ValueError(f"{finding}; expected one of {plan.family}")
        network = source["recipe"]["network"] if old else {**source["recipe"]["network"], **plan.network}
        plan = replace(plan, network=network, channels=source["recipe"]["channels"])
    pictures = read_folder(data, channels=plan.channels)
    check = read_folder(val, channels=plan.channels) if val else None
    fit = fitting.Fit(plan, pictures, check, source["averaged"] if source else None)
    if old:
        fit.go_on(old)
        click.echo(f"{folder}: going on from step {fit.step:,}", err=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")
    click.echo(fitting.train(fit, folder, minutes=minutes, max_steps=max_steps), err=True)
    click.echo(f"aezip-export {folder} -o {folder.name}.aezm makes a model of it.", err=True)


def _start(init: str) -> Flagship:
    """The module of a run (a folder or its state.pt) or of a package."""
    from . import loop

    if Path(init).is_dir() or init.endswith(".pt"):
        return loop.load_model(Path(init))[0]
    # Only `aezip_export` knows how a package stores weights; the command is the edge where both meet.
    from aezip_export.reading import read_model

    return read_model(init)


def _say(here: Place, text: str) -> None:
    if here.leads:
        click.echo(text, err=True)


def _farewell(folder: Path, reason: str, step: int, steps: int, all_s: float, leg_s: float) -> str:
    return (
        f"{folder}: {reason}: {steps:,} steps in {duration(leg_s)}; step {step:,} after {duration(all_s)} in all.\n"
        f"The same command goes on; aezip-export {folder} -o {folder.name}.aezm makes a model of it."
    )


if __name__ == "__main__":
    main()
