"""Commands of `aezip models` on places: add, places, forget, index, needed."""

from __future__ import annotations

from pathlib import Path

import click

from ..bulk import plan as plans
from ..bulk.carried import Need, Needed, carry
from ..bulk.plan import Inputs
from ..errors import FormatError, ModelError, UsageError
from ..format.container import HEADER, read_header
from ..storage import places as storage
from . import options
from .messages import Failures, note, say, show, show_json, table
from .run import LAT, say_notes


@click.command()
@click.argument("names", metavar="PLACE...", nargs=-1, required=True)
@options.debug
def add(names: tuple[str, ...]) -> None:
    """Add places where models are looked for.

    PLACE is a folder of packages, a package, or a URL of one of these: https://…, with fsspec also s3://… and
    others. A folder at a URL needs an index; `aezip models index` writes it. When a file needs a model that is not
    installed, decoding searches the places for its fingerprint, fetches the package, checks it, and keeps it. Nothing
    is fetched from elsewhere. With --offline, or AEZIP_OFFLINE=1 in the environment, nothing is fetched at all.

    \b
    Examples:
      aezip models add /mnt/models
      aezip models add https://example.org/models
      aezip models add https://example.org/mine.aezm
    """
    from ..model import home
    from ..model.sources import index_of, place_of

    failures = Failures()
    for name in names:
        with failures.reported(name):
            if storage.is_url(name) and home.is_offline():
                raise UsageError(f"{home.OFFLINE} is set: nothing is fetched", "it unset")
            place = place_of(name)
            count = len(index_of(place))
            home.add(place)
            say(f"added {place.name}  {_count(count)}")
    failures.exit_if_any()


@click.command()
@options.json_option()
@options.debug
def places(as_json: bool) -> None:
    """List the places that were added."""
    from ..model import home

    listed = [place.name for place in home.places()]
    if as_json:
        show_json(listed)
    elif listed:
        show("\n".join(listed))
    else:
        say("aezip: no place was added; aezip models add PLACE adds one")


@click.command()
@click.argument("names", metavar="PLACE...", nargs=-1, required=True)
@options.debug
def forget(names: tuple[str, ...]) -> None:
    """Stop looking for models in places.

    Models that were fetched from there stay installed.
    """
    from ..model import home

    failures = Failures()
    for name in names:
        with failures.reported():
            home.forget(name)
            say(f"forgot {name}")
    failures.exit_if_any()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@options.debug
def index(folder: Path) -> None:
    """Write the index of a folder of packages.

    Any web server or bucket can then serve the folder, and others add it with `aezip models add URL`. Write the index
    again when packages change.
    """
    from ..model.sources import INDEX, write_index

    found, notes = write_index(folder)
    for line in notes:
        note(line)
    say(f"{folder / INDEX}  {_count(len(found))}")


def _count(models: int) -> str:
    return "1 model" if models == 1 else f"{models} models"


@click.command()
@click.argument("inputs", metavar="FOLDER...", nargs=-1, required=True, type=options.PATH)
@options.model_option(": list the files that need it.")
@click.option("--save", is_flag=True, help="Save the decoders next to the files, in FOLDER/.aezip.")
@options.json_option()
@options.offline
@options.debug
def needed(inputs: tuple[str, ...], model: str | None, save: bool, as_json: bool, offline: bool) -> None:
    """Show which models .lat files need, and where those are.

    Folders are searched with their subfolders; only headers are read. Exit code 1 if a model is not found.

    \b
    Examples:
      aezip models needed archive
      aezip models needed archive --model mine            the files that need mine
      aezip models needed archive --save                  saves the decoders in the archive
    """
    from ..model.store import find, installed_names

    plan = plans.plan(Inputs(inputs, LAT, recursive=True), None, None)
    failures, found, own = Failures(), Needed(), find(model) if model else None
    say_notes(plan)
    for problem in plan.problems:
        failures.report(problem)
    files: list[str] = []
    for item in plan.items:
        with failures.reported(item.source):
            fingerprint = read_header(storage.head(item.source, HEADER.size, FormatError)).fingerprint
            if own is None or own.fingerprint == fingerprint:
                found.add(fingerprint, item.source)
                files.append(item.source)
    names = installed_names()
    if own and as_json:
        show_json(files)
    elif own and files:
        show("\n".join(files))
    elif not own:
        _show(list(found.needs.values()), names, as_json, offline)
        if files and not found.needs and not as_json:
            say("aezip: the files need no model")
    for need in found.needs.values():
        with failures.reported():
            if save:
                about = need.find(own, offline=offline)
                for path, size in carry(_folders(inputs), about):
                    say(f"{about.name} → {path}  {size:,} B")
            elif not own and not need.copies(offline=offline):
                need.find(offline=offline)  # unless it raises:
                finding = f"the decoder of {need.fingerprint.hex()} is found for some files only"
                raise ModelError(finding, "the same command with --save")
    failures.exit_if_any()


def _show(needs: list[Need], names: dict[bytes, str], as_json: bool, offline: bool) -> None:
    """A line for each model, those of most files first."""
    rows = []
    for need in sorted(needs, key=lambda need: -need.files):
        where = [copy.where for copy in need.copies(offline=offline)]
        rows.append((names.get(need.fingerprint), need.fingerprint.hex(), need.files, where))
    if as_json:
        keys = ("model", "fingerprint", "files", "where")
        show_json([dict(zip(keys, row, strict=True)) for row in rows])
    elif rows:
        head = ("MODEL", "FINGERPRINT", "FILES", "WHERE")
        cells = [(name or "?", key, f"{files:,}", ", ".join(where) or "nowhere") for name, key, files, where in rows]
        show(table([head, *cells], right=(2,)))


def _folders(inputs: tuple[str, ...]) -> list[str]:
    """The folders that were named, or those of files that were."""
    found: dict[str, None] = {}
    for name in map(storage.local, inputs):
        if storage.is_pattern(name):
            raise UsageError("--save puts decoders into a folder", "the name of one", file=name)
        found[name if storage.is_folder(name) else str(Path(name).parent)] = None
    return list(found)


COMMANDS = (add, places, forget, index, needed)
