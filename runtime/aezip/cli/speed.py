"""`aezip bench --speed`: measure, print the tables, write the files, compare with an earlier run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from ..storage.files import read_bytes
from .messages import say, show, table


def measure_speed(
    inputs: Sequence[Path], output: Path | None, model: str, threads: Sequence[int], seconds: float,
    as_json: bool, before: Path | None, tolerance: float,
) -> None:
    """The command's whole work; `before` is an earlier run's JSON."""
    from .. import images
    from ..bench import chart, limits, speed

    earlier = ratios_of(before) if before else None
    pictures = {}
    for file in inputs:
        pixels = images.read(str(file)).pixels
        pictures[file.name] = pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)
    if not pictures:
        pictures = {f"{w}x{h}": limits.draw(w, h) for w, h in ((768, 512), (4000, 3000))}
    result = speed.measure(pictures, model, threads or _powers(os.cpu_count() or 1), seconds, say)
    text = json.dumps(result, indent=1)
    if as_json:
        show(text)
    else:
        tables = chart.time_rows(result), chart.stage_rows(result), chart.ratio_rows(result["ratios"])
        show("\n\n".join("\n".join(table(rows, right=frozenset(range(3, 13)))) for rows in tables))
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "speed.json").write_text(text + "\n", encoding="utf-8")
        for kind in ("png", "svg"):
            chart.draw(result, output / f"speed.{kind}", kind)
        say(f"written to {output}")
    if earlier is not None:
        worse = speed.compare(result["ratios"], earlier, tolerance / 100)
        for name, was, now in worse:
            say(f"worse: {name} is {now:.2f}, was {was:.2f}")
        shared = len(earlier.keys() & result["ratios"].keys())
        say(f"{len(worse)} of {shared} ratios are worse by more than {tolerance:g} %")
        if worse:
            click.get_current_context().exit(1)


def ratios_of(file: Path) -> dict[str, float]:
    """The ratios of an earlier run's JSON.  Raises UsageError."""
    try:
        found: dict[str, Any] = json.loads(read_bytes(file, UsageError))["ratios"]
        return {str(name): float(value) for name, value in found.items()}
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError("holds no ratios", "what aezip bench --speed --json wrote", file=str(file)) from None


def _powers(cores: int) -> list[int]:
    """1, 2 and 4 threads, as far as there are cores."""
    return [n for n in (1, 2, 4) if n <= cores]
