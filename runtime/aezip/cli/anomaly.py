"""`aezip anomaly fit` and `aezip anomaly score`: what normal pictures are like, and which ones are not."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import click

from .. import images
from ..bulk.plan import plan
from ..bulk.work import FAILED, Outcome
from ..images import READ_SUFFIXES, Intake
from ..storage.files import atomic_write, check_output
from ..tasks.jobs import Scoring
from .messages import Failures, as_options, say, show
from .options import (
    finite,
    force_option,
    inputs_argument,
    intake_options,
    latents_options,
    max_pixels_option,
    run_options,
)
from .progress import for_each, json_of
from .run import run_over

_COLUMNS = (
    "file", "score", "p_value", "threshold", "anomalous", "cell_score", "texture_score", "colour_score", "whole_score",
    "x", "y", "error",
)


@click.group()
def anomaly() -> None:
    """Find pictures that differ from normal ones, and show where.

    \b
    Examples:
      aezip anomaly fit good-parts/ -o parts.profile
      aezip anomaly score parts.profile today/ --heat maps/
    """


@anomaly.command()
@inputs_argument("IMAGE...")
@click.option("-o", "--output", required=True, metavar="PROFILE", type=click.Path(dir_okay=False),
              help="File to write.")
@force_option
@latents_options
def fit(
    inputs: tuple[str, ...], output: str, force: bool, max_pixels: int, intake: Intake, model: str, recursive: bool,
    provider: str, threads: int | None, quiet: bool,
) -> None:
    """Learn from pictures what is normal.

    At least five normal pictures are needed; thirty are better. The profile holds the statistics of the model's latents
    over these pictures and their scores; scoring needs the same model. Pictures to be scored should be taken as these
    were: same scale, same light.

    \b
    Examples:
      aezip anomaly fit good-parts/ -o parts.profile
    """
    from ..tasks.anomaly.measures import Fit
    from ..tasks.anomaly.profile_file import pack
    from ..tasks.features.vectors import Latents

    check_output(output, force=force)
    failures, gathered = Failures(), Fit(Latents(model, provider, threads))

    def add(name: str) -> None:
        gathered.add(lambda: images.read(name, intake, max_pixels).pixels)

    if for_each(inputs, recursive, "fit", failures, add, quiet=quiet) or not failures.count:
        profile = gathered.profile()
        data = pack(profile)
        atomic_write(output, data, force=force)
        if not quiet:
            rates = ", ".join(f"{100 * rate:g} %: {profile.threshold(rate):.2f}" for rate in (0.05, 0.01, 0.001))
            say(f"{output}  {profile.pictures} pictures, {len(data):,} B; scores that normal ones pass: {rates}")
    failures.exit_if_any()


@anomaly.command()
@click.argument("profile", type=click.Path(readable=False))
@inputs_argument("IMAGE...")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
              callback=finite, help="Share of normal pictures that may be called anomalous.")
@click.option("--heat", "output", metavar="OUT", type=click.Path(readable=False),
              help="Heat map to write, or a folder for them.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table.")
@max_pixels_option
@intake_options
@click.option("-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the profile's]")
@run_options
def score(
    profile: str, inputs: tuple[str, ...], rate: float, output: str | None, recursive: bool, as_json: bool,
    as_csv: bool, max_pixels: int, intake: Intake, model: str | None, json_lines: bool, **running: Any,
) -> None:
    """Score pictures against a PROFILE of `fit`.

    A score of 0 is typical; 1 is one standard spread above it. Each line has the verdict at the false-positive rate,
    the score, and the share p of normal pictures that score as high. The heat map's colours are half-way where the
    verdict turns. Exit code 0 whatever the verdicts.

    \b
    Examples:
      aezip anomaly score parts.profile today/*.png
      aezip anomaly score parts.profile today/ --heat maps/ --rate 0.001 --csv > today.csv
    """
    from ..tasks.anomaly.profile_file import read

    if as_json + as_csv + json_lines > 1:
        raise click.UsageError("expected one of --json, --csv and --json-lines")
    model = model or read(profile).model
    planned = plan(inputs, output, ".png" if output else None, taken=READ_SUFFIXES, recursive=recursive)
    job = Scoring(profile, rate, max_pixels, intake)
    rows: list[Outcome] = []
    each = rows.append if as_json or as_csv else None
    try:
        run_over(planned, job, model=model, json_lines=json_lines, print_line=show, each=each, **running)
    finally:
        if each:
            show(_json(rows) if as_json else _csv(rows))


def _json(rows: list[Outcome]) -> str:
    return json.dumps([json_of(row) for row in rows], indent=2)


def _csv(rows: list[Outcome]) -> str:
    file = io.StringIO()
    table = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in rows:
        error = as_options(row.error) if row.status == FAILED else ""
        table.writerow({"file": row.item.source, "error": error, **row.facts})
    return file.getvalue().rstrip("\n")
