"""What `speed.measure` found: tables, and a chart of times beside the peers' (PNG, SVG)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import html_report
from ..model.kinds import SMALL

STAGES = ("read", "encoder", "hyper", "prior", "context", SMALL, "decoder", "entropy", "container", "rest", "write")


def time_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Every codec's times, sizes and memory."""
    rows: list[tuple[str, ...]] = [("PICTURE", "THREADS", "CODEC", "BYTES", "ENCODE", "DECODE", "MEMORY")]
    for run in result["runs"]:
        memory = result["memory_mb"][run["picture"]].get(run["codec"])
        rows.append(
            (
                run["picture"],
                str(run["threads"]),
                run["codec"],
                f"{run['bytes']:,}",
                _ms(run["encode_s"]),
                _ms(run["decode_s"]),
                f"{memory:.0f} MB",
            )
        )
    return rows


def stage_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where aezip's own time goes."""
    ours = [r for r in result["runs"] if r["codec"] == "aezip"]
    rows: list[tuple[str, ...]] = [("PICTURE", "THREADS", "", *(s.upper() for s in STAGES))]
    for run in ours:
        for way, stages in run["stages_s"].items():
            cells = (_ms(stages[s]) if s in stages else "" for s in STAGES)
            rows.append((run["picture"], str(run["threads"]), way, *cells))
    return rows


def ratio_rows(ratios: dict[str, float]) -> list[tuple[str, ...]]:
    """Ratios, the smaller the better."""
    return [("RATIO", ""), *((name, f"{value:.2f}") for name, value in ratios.items())]


def write(result: dict[str, Any], folder: Path) -> None:
    """All that was measured as JSON, and the chart as PNG and SVG.  Raises AezipError without matplotlib."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for kind in ("png", "svg"):
        html_report.save(draw(result), folder / f"speed.{kind}", kind)


def draw(result: dict[str, Any]) -> Any:
    """Bars of time for every picture and number of threads, aezip's in its stages; those that ran at once share it."""
    pyplot = html_report.pyplot()
    places = list(dict.fromkeys((r["picture"], r["threads"]) for r in result["runs"]))
    figure, grid = pyplot.subplots(
        len(places), 2, figsize=(11, 0.9 + 2.1 * len(places)), dpi=130, squeeze=False, layout="constrained"
    )
    colours = dict(zip((s for s in STAGES if s != SMALL), html_report.COLOURS, strict=True)) | {SMALL: "#c5b0d5"}
    for row, (picture, threads) in zip(grid, places, strict=True):
        runs = [r for r in result["runs"] if (r["picture"], r["threads"]) == (picture, threads)][::-1]
        for axes, way in zip(row, ("encode", "decode"), strict=True):
            for place, run in enumerate(runs):
                left = 0.0
                total = 1e3 * run[f"{way}_s"]
                stages = run.get("stages_s", {}).get(way, {"": 1.0})
                shown = {s: stages[s] for s in ("", *STAGES) if s in stages and s not in ("read", "write")}
                for stage, seconds in shown.items():
                    width = total * seconds / sum(shown.values())
                    axes.barh(place, width, left=left, color=colours.get(stage, "#ccc"))
                    left += width
                axes.text(total, place, f" {total:,.{0 if total >= 100 else 1}f}", va="center", fontsize=8)
            axes.set_yticks(range(len(runs)), [r["codec"] for r in runs], fontsize=8)
            axes.set_title(f"{way}, {picture}, {threads} thread{'s' * (threads > 1)}", fontsize=9)
            axes.set_xlabel("milliseconds", fontsize=8)
            axes.tick_params(axis="x", labelsize=8)
            axes.margins(x=0.15)
            axes.spines[["top", "right"]].set_visible(False)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colours[s]) for s in STAGES[1:-1]]
    figure.legend(handles, STAGES[1:-1], loc="outside lower center", ncols=9, fontsize=8, frameon=False)
    return figure


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds < 0.1 else f"{1e3 * seconds:,.0f} ms"
