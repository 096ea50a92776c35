"""`aezip info`: what is in files."""

from __future__ import annotations

import click

from ..errors import FormatError
from ..format.container import MAX_SIDE, unpack
from ..format.facts import facts_of, lines_of
from ..storage import places
from . import options
from .messages import Failures, show, show_json


@click.command()
@options.inputs("FILE...")
@options.json_option("Print a JSON list.")
@options.debug
def info(inputs: tuple[str, ...], as_json: bool) -> None:
    """FILE is a path, a URL (s3://…), or - for stdin.

    \b
    Examples:
      aezip info holiday.lat
      aezip info --json *.lat
    """
    from ..model import archives
    from ..model.store import installed_names

    failures, found, names = Failures(), [], installed_names()
    for name in inputs:
        with failures.reported(name):
            data = places.read(name, FormatError)
            lat = unpack(data, MAX_SIDE**2)
            facts = facts_of(name, lat, len(data), names)
            if not facts["model"] and (carried := archives.search(name, lat.header.fingerprint)):
                facts["model"] = carried.name
            found.append(facts)
            if not as_json:
                show("\n".join(lines_of(facts)))
    if as_json:
        show_json(found)
    failures.exit_if_any()
