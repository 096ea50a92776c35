"""`aezip bench`: measure on a folder of pictures, print the table, write the files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..bulk.process import spare_cores
from . import options
from .messages import Failures, note, say, show, table
from .progress import above, bar

if TYPE_CHECKING:
    from ..bench.curves import Curve
    from ..bench.measure import Plan


def _numbers(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(dict.fromkeys(float(v) for v in value.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 <= v <= 100 for v in numbers):
        raise click.BadParameter(f"'{value}'; expected numbers of 0 to 100 with commas between")
    return numbers


def _names(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    return list(dict.fromkeys(filter(None, map(str.strip, value.split(",")))))


@click.command()
@click.argument("inputs", metavar="FOLDER", nargs=-1, type=click.Path(path_type=Path, exists=True))
@options.output(
    "OUT",
    "Folder for bench.json, points.csv, plots, crops and report.html.",
    click.Path(path_type=Path, file_okay=False),
)
@options.model_option("; may be repeated.", "models", multiple=True, default=("photo",), show_default=True)
@click.option(
    "-q",
    "--qualities",
    default="0,5,10,15,20,25,30,35,40,45,50,55,60,65,70,75,80,85,90,95,100",
    callback=_numbers,
    metavar="Q,Q,…",
    help="Qualities of the models.  [default: 0 to 100 in fives]",
)
@click.option(
    "-c",
    "--codecs",
    default="jpeg,webp,avif420,avif444,jxl",
    show_default=True,
    callback=_names,
    metavar="NAME,…",
    help="Classic codecs; avifpsnr is AVIF tuned for PSNR. Codecs that are not installed are skipped.",
)
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help='Also compare with stored curves: JSON files of {NAME: {"bpp": […], "psnr": […]}}; also '
    "ms_ssim, ssimulacra2, butteraugli.",
)
@options.number("--limit", help="Use only the first N pictures.")
@click.option("--no-similarity", is_flag=True, help="Skip MS-SSIM and SSIMULACRA2, which take most of the time.")
@click.option(
    "--butteraugli", is_flag=True, help="Also measure the 3-norm of Butteraugli with libjxl's butteraugli_main; slow."
)
@options.number("--threads", help="Threads of the model.  [default of --speed: 1, 2 and 4, up to the number of cores]")
@click.option("--speed", is_flag=True, help="Measure time instead, of each stage and of the classic codecs; see above.")
@click.option(
    "--seconds",
    type=options.Real(min=0),
    default=60,
    show_default=True,
    metavar="S",
    help="--speed: approximate time for each picture, in seconds.",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="--speed: exit with 1 if a ratio is worse than in the JSON of an earlier run.",
)
@click.option(
    "--tolerance",
    type=options.Real(min=0),
    default=15,
    show_default=True,
    metavar="PERCENT",
    help="--compare: how much worse a ratio may be.",
)
@options.json_option("Print everything as JSON.")
def bench(
    inputs: tuple[Path, ...],
    output: Path | None,
    models: tuple[str, ...],
    qualities: tuple[float, ...],
    codecs: list[str],
    anchors: Path | None,
    limit: int | None,
    no_similarity: bool,
    butteraugli: bool,
    threads: int | None,
    as_json: bool,
    speed: bool,
    seconds: float,
    compare: Path | None,
    tolerance: float,
) -> None:
    """FOLDER holds lossless pictures (png, ppm, bmp, tiff, webp), not in subfolders. Real files are written and read:
    rates count every byte; PSNR, MS-SSIM and SSIMULACRA2 compare 8-bit pictures. BD-rates are against JPEG (4:2:0,
    optimised, progressive), of SSIMULACRA2 over scores 30 to 85. --output needs matplotlib for its plots. Exit code 1
    if a picture cannot be read or a codec fails; the others are measured.

    With --speed, name picture files instead of FOLDER. Without any, two of 768×512 and 4000×3000 pixels are drawn.
    Times are medians of warm runs, in one process that alternates between the codecs; memory and the start of the
    command are measured in separate processes. Ratios are printed, too; smaller is better.

    \b
    Examples:
      aezip bench pictures/
      aezip bench pictures/ -o report/ --anchors curves/
      aezip bench pictures/ -m photo -m conv.aezm -m vae.aezm -o report/
      aezip bench --speed --json > speed.json
      aezip bench --speed --compare speed.json
    """
    if speed:
        if len(models) > 1:
            raise click.UsageError("--speed measures one model; expected one -m")
        _speed(inputs, output, models[0], threads, seconds, as_json, compare, tolerance)
        return
    if len(inputs) != 1 or not inputs[0].is_dir():
        raise click.UsageError("expected one folder of pictures, or --speed")
    spare_cores()  # for the codecs that are timed
    from ..bench import curves, measure

    stored = curves.anchors(anchors) if anchors else []
    _check(output, butteraugli)
    plan = measure.plan(inputs[0], models, qualities, codecs, limit=limit, threads=threads)
    for name in plan.missing:
        note(f"{name} is not installed; skipped")
    _compare(plan, stored, output, as_json, {"similarity": not no_similarity, "butteraugli": butteraugli})


def _check(output: Path | None, butteraugli: bool) -> None:
    """What would fail at the end fails before the work.  Raises AezipError, OSError."""
    from .. import html_report
    from ..bench import butteraugli as program

    if output:
        html_report.pyplot()
        output.mkdir(parents=True, exist_ok=True)
    if butteraugli:
        program.check()


def _compare(plan: Plan, stored: Sequence[Curve], output: Path | None, as_json: bool, options: dict[str, bool]) -> None:
    from ..bench import measure, report

    failures = Failures()
    with bar(plan.steps, False, total=plan.steps, unit=" files") as shown:

        def failed(error: Exception, name: str) -> None:
            with above(shown):
                failures.report(error, name)

        def told(line: str) -> None:
            with above(shown):
                say(line)

        step = shown.update if shown is not None else lambda _: None
        result = measure.compare(plan, say=told, step=step, failed=failed, **options)
    if output:
        report.save(result, output)
    rows = report.text_table(result)
    rows[0] = tuple(head.upper() for head in rows[0])
    show(result.as_json() if as_json else table(rows, right=range(1, len(rows[0]))))
    if output:
        crops = len(report.shown(result))
        with bar(crops, False, total=crops, desc="crops", unit="") as shown:
            report.draw(result, stored, output, shown.update if shown is not None else lambda _: None)
        say(f"written to {output}")
    failures.exit_if_any()


def _speed(
    files: Sequence[Path],
    output: Path | None,
    model: str,
    threads: int | None,
    seconds: float,
    as_json: bool,
    before: Path | None,
    tolerance: float,
) -> None:
    from ..bench import chart, speed

    _check(output, False)
    earlier = speed.ratios_of(before) if before else None
    result = speed.measure(speed.pictures_of(files), model, [threads] if threads else [], seconds, say)
    if as_json:
        show(json.dumps(result, indent=1))
    else:
        tables = chart.time_rows(result), chart.stage_rows(result), chart.ratio_rows(result["ratios"])
        show("\n\n".join(table(rows, right=range(3, 13)) for rows in tables))
    if output:
        chart.write(result, output)
        say(f"written to {output}")
    if earlier is not None:
        worse = speed.compare(result["ratios"], earlier, tolerance / 100)
        for name, was, now in worse:
            say(f"worse: {name} is {now:.2f}, was {was:.2f}")
        shared = len(earlier.keys() & result["ratios"].keys())
        say(f"{len(worse)} of {shared} ratios are worse by more than {tolerance:g} %")
        if worse:
            click.get_current_context().exit(1)
