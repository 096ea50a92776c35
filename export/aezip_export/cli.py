"""`aezip-export`: a training run → a model package, or nothing when a proof fails."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

CARD = """# {name}

{summary}

Licence of the weights: {licence}.
Trained for {steps} steps, {hours:.1f} hours, with the recipe `{recipe}`.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="NAME.aezm",
              help="Package to write.")
@click.option("--name", help="The model's name.  [default: the output's]")
@click.option("--summary", default="An aezip model.", show_default=True, help="One line for `aezip models`.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="Licence of the weights.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing package.")
def main(run: Path, output: Path, name: str | None, summary: str, licence: str, force: bool) -> None:
    """Export RUN, a folder of aezip-train, as a model package.

    Torch and onnxruntime are compared on fixed inputs, and the exactness of the prior is proved;
    when that fails, nothing is written.

    \b
    Example:
        aezip-export run -o mine.aezm && aezip compress -m mine.aezm picture.png
    """
    from aezip.errors import AezipError
    from aezip_train.loop import load_model
    from aezip_train.runs import load_state

    from .proofs import ProofFailed

    name = name or output.stem
    if output.exists() and not force:
        raise click.ClickException(f"{output}: exists; give --force to replace it")
    if output.suffix != ".aezm":
        raise click.BadParameter(f"'{output}': expected a name ending in .aezm", param_hint="-o")
    try:
        state = load_state(run)
        facts = _facts(state, summary, licence)
        if state["recipe"]["family"] == "restorer":
            _restorer(state, output, name, facts)
            return
        if state["recipe"]["family"] in ("vanilla", "conv", "vae"):
            figures = _autoencoder(state, output, name, facts)
            _say(output, figures)
            return
        model, _ = load_model(run)
        figures = export(model, output, name=name, facts=facts)
    except (AezipError, ProofFailed, OSError, ValueError) as error:
        raise click.ClickException(f"{output} not written: {error}") from None
    _say(output, figures)


def _say(output: Path, figures: dict[str, Any]) -> None:
    for quality, m in figures["measured"].items():
        click.echo(f"quality {quality}: {m['bpp']} bpp, {m['psnr_db']} dB on the sample picture", err=True)
    click.echo(f"{output}: {output.stat().st_size:,} bytes", err=True)


def _autoencoder(state: dict[str, Any], output: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A run of an autoencoder without a hyperprior."""
    from aezip_train import fitting

    from . import families

    net, static = fitting.load_model(state)
    card = CARD.format(name=name, **facts, **facts["training"])
    return families.export(net, static, output, name=name, facts=facts, card=card)


def _restorer(state: dict[str, Any], output: Path, name: str, facts: dict[str, Any]) -> None:
    """A run of a network that restores pictures."""
    from aezip_train import restoring

    from . import restorers

    model = restoring.load_model(state)
    if state["recipe"].get("least_part"):  # larger pictures are coloured in a smaller copy
        facts = {**facts, "side": restoring.SIDES * state["recipe"]["crop"]}
    card = CARD.format(name=name, **facts, **facts["training"])
    figures = restorers.export(model, output, name=name, facts=facts, card=card)
    click.echo(f"{model.config.task}: {figures['sample']['psnr_db']} dB on the sample picture", err=True)
    click.echo(f"{output}: {output.stat().st_size:,} bytes", err=True)


def export(model: Any, output: Path, *, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Write `model` as a package once every proof holds.  Returns the figures it was described with."""
    from . import package, proofs
    from .sample import picture

    model = proofs.stored_weights(model)
    members = package.members_of(model, CARD.format(name=name, **facts, **facts["training"]))
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / output.name
        package.write(trial, members, package.describe(model, name, members, facts))
        figures = proofs.all_of(model, trial, picture())
    package.write(output, members, package.describe(model, name, members, {**facts, **figures}))
    return figures


def _facts(state: dict[str, Any], summary: str, licence: str) -> dict[str, Any]:
    training = {
        "recipe": state["recipe"]["name"], "steps": state["step"], "hours": round(state["seconds"] / 3600, 2),
    }
    return {"summary": summary, "licence": licence, "training": training}


if __name__ == "__main__":
    main()
