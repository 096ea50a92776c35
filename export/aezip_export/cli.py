"""`aezip-export`: a training run → a model package, or nothing when a proof fails."""

from __future__ import annotations

import tempfile
from importlib import import_module
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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="NAME.aezm",
    help="Package to write.",
)
@click.option("--name", help="The model's name.  [default: the output's]")
@click.option("--summary", default="An aezip model.", show_default=True, help="One line for `aezip models`.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="Licence of the weights.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Photographs, to count the frequency tables (1 to 2 % smaller files), to measure how far a decoded cell may "
    "be from its original (worse cells are patched), and to fit the decoders of small pictures.  [default: tables and "
    "bounds that suit most models; small pictures are made from whole ones]",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing package.")
def main(
    run: Path, output: Path, name: str | None, summary: str, licence: str, pictures: Path | None, force: bool
) -> None:
    """Export RUN, a folder of aezip-train, as a model package.

    Torch and onnxruntime are compared on fixed inputs, and the exactness of the prior is proved;
    when that fails, nothing is written. Nor is it when pictures cannot be read.

    \b
    Example:
        aezip-export run -o mine.aezm && aezip compress -m mine.aezm picture.png
    """
    from aezip.errors import AezipError, ModelNotFound, line_of
    from aezip.model import packages
    from aezip.storage import files

    try:
        from .proofs import ProofFailed
    except ModuleNotFoundError as error:
        raise click.ClickException(line_of(error)) from None
    if output.exists() and not force:
        raise click.ClickException(f"{output}: exists; give --force to replace it")
    if output.suffix != ".aezm":
        raise click.BadParameter(f"'{output}': expected a name ending in .aezm", param_hint="-o")
    try:
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder) / output.name
            figures = _export(run, trial, name or output.stem, {"summary": summary, "licence": licence})
            if pictures and figures:
                _measure(trial, pictures)
            elif not figures:
                unused = "; --pictures is not used" if pictures else ""
                click.echo(f"all else stays as it is in the model, its name and summary, too{unused}", err=True)
            measured = packages.describe(trial).description.get("measured", {})
            files.atomic_write(output, files.read_bytes(trial, ModelNotFound), force=force)
    except (AezipError, ProofFailed, OSError, ValueError) as error:
        raise click.ClickException(f"{output} not written: {error}") from None
    for what in figures.get("measured", ()):
        found = measured[what]
        quality = f"quality {what}: {found['bpp']} bpp, " if "bpp" in found else ""
        click.echo(f"{quality}{found['psnr_db']} dB on the sample picture", err=True)
    click.echo(f"{output}: {output.stat().st_size:,} bytes", err=True)


def _measure(trial: Path, pictures: Path) -> None:
    """Add to a package what its kind has measured on photographs."""
    from aezip.model import kinds, packages
    from aezip_train.data import read_folder

    from . import cells, heads, package, tables

    about = packages.describe(trial)
    if not about.kind.codes:
        what = f"nothing of a model for {about.kind.name} is measured on pictures"
        click.echo(f"--pictures is not used: {what}", err=True)
        return
    found = read_folder(pictures, channels=about.channels)
    if about.kind is kinds.HYPERPRIOR:
        tables.add(trial, found, trial, measure=False)
        click.echo(f"frequency tables counted in {len(found)} pictures", err=True)
    coded = packages.Package(packages.describe(trial))
    bounds = cells.measure(coded, found)
    click.echo(f"bounds of cells measured on {len(found)} pictures", err=True)
    package.amend(trial, trial, heads.add(coded, found), cell_errors=bounds)
    click.echo(f"decoders of small pictures fitted to {len(found)} pictures", err=True)


def _export(run: Path, output: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Write the package of a run, as its family does.  Returns the figures it was described with."""
    from aezip_train.families import family_of
    from aezip_train.recipe import build
    from aezip_train.runs import load_state

    state = load_state(run)
    recipe = build(state["recipe"])
    family = family_of(recipe)
    training = {"recipe": recipe.name, "steps": state["step"], "hours": round(state["seconds"] / 3600, 2)}
    card = CARD.format(name=name, **facts, **training)
    facts = {**facts, "training": training, **family.training.facts(recipe)}
    exporter = import_module(f"{__package__}.{family.exporter}")
    figures: dict[str, Any] = exporter.export(*family.training.load(state), output, name=name, facts=facts, card=card)
    return figures


if __name__ == "__main__":
    main()
