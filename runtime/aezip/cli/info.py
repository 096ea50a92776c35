"""`aezip info` and `aezip models`: what is in files, and what is installed."""

from __future__ import annotations

import json
from typing import Any

import click

from ..container import MAX_SIDE, unpack
from ..errors import FormatError
from ..files import read_bytes
from ..listing import facts_of, installed_names, lines_of, model_facts
from .messages import Failures, say, show, table
from .options import debug_option, inputs_argument


@click.command()
@inputs_argument("FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@debug_option
def info(inputs: tuple[str, ...], as_json: bool) -> None:
    """Show what is in .lat files.

    \b
    Examples:
      aezip info holiday.lat
      aezip info --json *.lat
    """
    failures, found, names = Failures(), [], installed_names()
    for name in inputs:
        with failures.caught(name):
            data = read_bytes(name, FormatError)
            facts = facts_of(name, unpack(data, MAX_SIDE**2), len(data), names)
            found.append(facts)
            if not as_json:
                show("\n".join(lines_of(facts)))
    if as_json:
        _show_json(found)
    failures.leave()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@debug_option
def models(as_json: bool) -> None:
    """List the installed models.

    \b
    Examples:
      aezip models
      aezip models --json
    """
    from ..model import installed

    found = [model_facts(model) for model in installed()]
    if as_json:
        _show_json(found)
    elif found:
        rows = [("NAME", "FINGERPRINT", "QUALITIES", "SIZE", "PATH", "SUMMARY")]
        for m in found:
            size = f"{m['bytes'] / 1e6:.1f} MB"
            rows.append((m["name"], m["fingerprint"], m["qualities"], size, m["path"], m["summary"]))
        show("\n".join(table(rows, right=frozenset({3}))))
    else:
        say("aezip: no model is installed")



def _show_json(value: Any) -> None:
    show(json.dumps(value, indent=2))
