"""`aezip anomaly fit` and `aezip anomaly score`: what normal pictures are like, and which ones are not."""

from __future__ import annotations

import csv
import io
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from ..bulk.work import Outcome
from ..errors import about
from ..storage.files import atomic_write, check_output
from ..tasks.jobs import Scoring
from . import options, training
from .messages import Failures, as_options, say, show, show_json
from .progress import json_of, picture_bar
from .run import Reading, Run
from .stopping import undone

STEPS = 400
_PARTS = ("whole", "fine", "middle", "broad", "coarse", "cell", "texture", "colour", "trained")
_COLUMNS = ("file", "score", "p_value", "threshold", "anomalous", *(f"{p}_score" for p in _PARTS), "x", "y", "error")


@click.group()
def anomaly() -> None:
    """\b
    Examples:
      aezip anomaly fit good-parts/ -o parts.profile
      aezip anomaly score parts.profile today/ --heat maps/
    """


@anomaly.command()
@options.inputs("IMAGE...")
@options.output("PROFILE", "File to write.", click.Path(dir_okay=False), required=True)
@options.force
@click.option(
    "--train",
    is_flag=True,
    help="Also train a network that finds defects, in a minute or two, with PyTorch.",
)
@click.option("--steps", type=click.IntRange(min=1), help=f"Training steps.  [default: {STEPS}]")
@options.reading
def fit(reading: Reading, output: str, force: bool, train: bool, steps: int | None) -> None:
    """Learn from pictures what is normal.

    At least five normal pictures are needed; thirty are better. The profile holds statistics of the model's latents
    over these pictures, and their scores. Scoring needs the same model. The pictures to score should be taken in the
    same way: same scale, same light.

    With --train the profile also holds a small network that finds defects. It learns from these pictures, into which
    defects are drawn; no defective picture is needed. Scoring with it needs no PyTorch.

    \b
    Examples:
      aezip anomaly fit good-parts/ -o parts.profile
      aezip anomaly fit good-parts/ --train -o parts.profile
    """
    from ..tasks.anomaly.measures import Fit
    from ..tasks.anomaly.profile_file import pack

    if steps and not train:
        raise click.UsageError("--steps needs --train")
    check_output(output, force=force)
    if train:
        training.check()
    failures = Failures()
    with undone(), TemporaryDirectory(prefix="aezip-") if train else nullcontext() as folder:
        gathered = Fit(reading.latents(), copies=Path(folder) if folder else None)
        again = reading._replace(quiet=True).pixels  # a note is said once
        count = reading.each("fit", failures, lambda x: gathered.add(lambda: reading.pixels(x), lambda: again(x)))
        if count or not failures.count:
            trained = partial(training.graph_of, steps=steps or STEPS, threads=reading.threads, quiet=reading.quiet)
            with picture_bar(1, reading.quiet):
                profile = gathered.profile(trained if train else None)
            data = pack(profile)
            atomic_write(output, data, force=force)
            if not reading.quiet:
                rates = ", ".join(f"{100 * rate:g} %: {profile.threshold(rate):.2f}" for rate in (0.05, 0.01, 0.001))
                say(f"{output}  {profile.pictures} pictures, {len(data):,} B; scores that normal ones pass: {rates}")
    failures.exit_if_any()


@anomaly.command()
@click.argument("profile", type=options.PATH)
@options.inputs("IMAGE...")
@click.option(
    "--rate",
    type=options.Real(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of normal pictures that may be reported as anomalous.",
)
@click.option("--heat", "output", metavar="OUT", type=options.PATH, help="Heat map to write, or a folder for them.")
@options.force
@options.json_option("Print a JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table.")
@options.max_pixels
@options.intake
@options.model_option(".  [default: the profile's]")
@options.run
def score(run: Run, profile: str, rate: float, as_json: bool, as_csv: bool, **reading: Any) -> None:
    """Score pictures against a PROFILE of `fit`.

    A score of 0 is typical; 1 is one standard deviation above it. Each line has the verdict at the false-positive rate,
    the score, and the share p of normal pictures that score as high. The middle of the heat map's colours is where
    the verdict changes. The exit code is 0 for any verdict.

    \b
    Examples:
      aezip anomaly score parts.profile today/*.png
      aezip anomaly score parts.profile today/ --heat maps/ --rate 0.001 --csv > today.csv
    """
    from ..model.store import find
    from ..tasks.anomaly.profile_file import read

    if as_json + as_csv + run.json_lines > 1:
        raise click.UsageError("expected one of --json, --csv and --json-lines")
    if not run.model:
        model = read(profile).model
        with about(profile):  # which asks for it
            find(model)
        run = run._replace(model=model)
    rows: list[Outcome] = []
    each = rows.append if as_json or as_csv else None
    try:
        plan = run.plan(".png" if run.output else None)
        run.do(Scoring(profile, rate, **reading), plan, print_line=show, each=each)
    finally:
        if as_json:
            show_json([json_of(row) for row in rows])
        elif as_csv:
            show(_csv(rows))


def _csv(rows: list[Outcome]) -> str:
    file = io.StringIO()
    table = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows({"file": row.item.source, "error": as_options(row.error), **row.facts} for row in rows)
    return file.getvalue().rstrip("\n")
