"""`aezip bench`: measure on a folder of pictures, print the table, write the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ImageError
from .messages import say, show, table

LOSSLESS = {".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp"}


def _numbers(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        return tuple(float(v) for v in value.split(","))
    except ValueError:
        raise click.BadParameter(f"'{value}'; expected numbers with commas between") from None


@click.command()
@click.argument("inputs", metavar="FOLDER", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="OUT",
              help="Folder for bench.json, points.csv, plots, crops and report.html.")
@click.option("-m", "--model", "models", multiple=True, default=("photo",), show_default=True, metavar="MODEL",
              help="Name or .aezm file; may be repeated.")
@click.option("-q", "--qualities", default="0,5,10,15,20,25,30,35,40,45,50,55,60,65,70,75,80,85,90,95,100",
              callback=_numbers, metavar="Q,Q,…", help="Qualities of the models.  [default: 0 to 100 in fives]")
@click.option("-c", "--codecs", default="jpeg,webp,avif420,avif444,jxl", show_default=True, metavar="NAME,…",
              help="Classic codecs; those that are not installed are left out.")
@click.option("--anchors", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
              help="Compare with stored curves, too: JSON files of {NAME: {\"bpp\": […], \"psnr\": […]}}.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N pictures only.")
@click.option("--no-similarity", is_flag=True, help="Leave out MS-SSIM, which takes most of the time.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N",
              help="Threads of the model.  [default of --speed: 1, 2 and 4, as far as there are cores]")
@click.option("--speed", is_flag=True, help="Measure time instead, by stages and beside the classic codecs; see above.")
@click.option("--seconds", type=click.FloatRange(min=0), default=60, show_default=True, metavar="S",
              help="--speed: about how long for each picture, in seconds.")
@click.option("--compare", type=click.Path(path_type=Path), metavar="FILE",
              help="--speed: exit with 1 if a ratio is worse than in the JSON of an earlier run.")
@click.option("--tolerance", type=click.FloatRange(min=0), default=15, show_default=True, metavar="PERCENT",
              help="--speed, --compare: by how much a ratio may be worse.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def bench(
    inputs: tuple[Path, ...], output: Path | None, models: tuple[str, ...], qualities: tuple[float, ...], codecs: str,
    anchors: Path | None, limit: int | None, no_similarity: bool, threads: int | None, as_json: bool, speed: bool,
    seconds: float, compare: Path | None, tolerance: float,
) -> None:
    """Compare models with classic codecs on the pictures of FOLDER.

    FOLDER holds lossless pictures (png, ppm, bmp, tiff, webp), not in subfolders. Real files are written and read:
    rates count every byte, PSNR and MS-SSIM compare 8-bit pictures. BD-rates are against JPEG (4:2:0, optimised,
    progressive). --output needs the extra `bench` for plots: pip install 'aezip[bench]'.

    With --speed, picture files stand in place of FOLDER; without any, two of 768×512 and 4000×3000 pixels are drawn.
    Times are medians of warm runs, in one process that alternates between the codecs; memory and the start of the
    command are measured in processes of their own. All comes with ratios, the smaller the better.

    \b
    Examples:
      aezip bench pictures/
      aezip bench pictures/ -o report/ --anchors curves/
      aezip bench pictures/ -m photo -m conv.aezm -m vae.aezm -o report/
      aezip bench --speed --json > speed.json
      aezip bench --speed --compare speed.json
    """
    if speed:
        from .speed import measure_speed

        wanted = [threads] if threads else []
        if len(models) > 1:
            raise click.UsageError("--speed measures one model; expected one -m")
        measure_speed(inputs, output, models[0], wanted, seconds, as_json, compare, tolerance)
        return
    if len(inputs) != 1 or not inputs[0].is_dir():
        raise click.UsageError("expected one folder of pictures, or --speed")
    (folder,) = inputs
    from .. import images
    from ..bench import equal, measure, peers, report

    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in LOSSLESS)
    pictures = {}
    for file in files[:limit]:
        pixels = images.read(str(file)).pixels
        pictures[file.name] = pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)
    if not pictures:
        raise ImageError("holds no pictures", "lossless ones (png, ppm, bmp, tiff, webp)", file=str(folder))

    ours = [peers.aezip(model, qualities, threads=threads) for model in models]
    if len({player.name for player in ours}) < len(ours):
        raise click.UsageError("two models have one name")
    players = [*ours, *peers.classic(codecs.split(","))]
    points: list[measure.Point] = []
    memory: dict[str, float] = {}
    for number, player in enumerate(players):
        for point in measure.measure(player, pictures, similarity=not no_similarity):
            points.append(point)
        middle = sorted(player.settings)[len(player.settings) // 2]
        name, model = ("aezip", models[number]) if number < len(ours) else (player.name, "")
        memory[player.name] = measure.peak_memory([name, str(middle), str(files[0]), model])
        say(f"{player.what}: {sum(p.codec == player.name for p in points)} files")
    found = measure.curves(points)
    bd = measure.bd_table(found)
    stored = measure.anchors(anchors) if anchors else []
    rows = report.text_table(found, bd, memory)
    result: dict[str, Any] = {"pictures": list(pictures), "bd_rate_percent": bd, "memory_mb": memory}
    text = measure.as_json(points, found, result)
    show(text if as_json else "\n".join(table(rows, right=frozenset(range(1, 6)))))
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "bench.json").write_text(text + "\n", encoding="utf-8")
        report.write_csv(output / "points.csv", points)
        drawn = [*found, *stored]
        title = f"{len(pictures)} pictures of {folder.name}"
        for kind in ("png", "svg"):
            report.plot(drawn, output / f"psnr.{kind}", kind, title=title)
            if not no_similarity:
                report.plot(drawn, output / f"ms-ssim.{kind}", kind, similarity=True, title=title)
        chosen = list(pictures.items())[:: max(1, len(pictures) // 6)][:6]
        strips = [(name, equal.strip(players, pixels, 0.3)) for name, pixels in chosen]
        report.crops(strips[:2], output / "crops.png")
        (output / "report.html").write_text(report.page(drawn, rows, strips, f"aezip bench: {title}"), encoding="utf-8")
        say(f"written to {output}")
