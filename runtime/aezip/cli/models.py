"""`aezip models`: what is installed; install, remove, show, split. Places: models_places.py."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import AezipError, PackageDamaged
from ..model.packages import SUFFIX, PackageInfo
from ..model.store import release_of
from ..storage.files import atomic_write
from . import models_places, options
from .messages import Failures, is_terminal, say, show, show_json, table

_force_option = click.option("-f", "--force", is_flag=True, help="Replace a model of the same name.")


@click.group(invoke_without_command=True)
@options.json_option()
@options.debug
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """A model is searched for in the folders that AEZIP_MODELS names, in your own folder (where `install` puts it), and
    inside aezip. Decoding finds the model that wrote a file by itself, also in the folder .aezip of an archive and in
    places that you added.

    \b
    Examples:
      aezip models
      aezip models install mine.aezm                      then: aezip compress -m mine
      aezip models split photo --encoder-only -o camera.aezm
      aezip models add https://example.org/models         decoding fetches what it needs from there
      aezip models needed archive                         what the files need, and where it is
    """
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=as_json)


@models.command("list")
@options.json_option()
@options.debug
def list_models(as_json: bool) -> None:
    """List the installed models.

    The list is in the order in which aezip searches. Decoders of earlier releases come last; they cannot encode.
    `aezip models show NAME` says more about a model, and where it is.
    """
    from ..model.store import installed, older_releases

    found = [_facts(model) for model in (*installed(), *older_releases())]
    if as_json:
        show_json(found)
    elif found:
        rows = [("NAME", "FINGERPRINT", "QUALITIES", "SIZE", "SUMMARY")]
        for m in found:
            size, half = f"{m['bytes'] / 1e6:.1f} MB", f"({m['half']} half) " if m["half"] else ""
            rows.append((m["name"], m["fingerprint"], m["qualities"], size, half + m["summary"]))
        show("\n".join(map(_fit, table(rows, right=(3,)).splitlines())))
    else:
        say("aezip: no model is installed")


def _fit(line: str) -> str:
    """A line that does not wrap in a terminal."""
    room = shutil.get_terminal_size().columns
    wraps = is_terminal(sys.stdout) and len(line) > room
    return line[: room - 1].rstrip() + "…" if wraps else line


@models.command("show")
@click.argument("model")
@options.json_option()
@options.debug
def show_model(model: str, as_json: bool) -> None:
    """Show what a model is.

    MODEL is the name of an installed one, or an .aezm file.
    """
    from ..model.store import find

    found = find(model)
    if as_json:
        show_json({**_facts(found), "description": found.description})
    else:
        show("\n".join(_lines(found)))


@models.command()
@click.argument("packages", metavar="FILE.aezm...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_force_option
@options.debug
def install(packages: tuple[Path, ...], force: bool) -> None:
    """Check packages and install them by name.

    They are copied to where -m NAME and decoding find them; NAME is the file's, without .aezm.
    """
    from ..model.writing import install as install_one

    failures = Failures()
    for path in packages:
        with failures.reported(str(path)):
            model = install_one(path, force=force)
            say(f"{path} → {model.path}  -m {model.path.stem}")
    failures.exit_if_any()


@models.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.debug
def remove(names: tuple[str, ...], yes: bool) -> None:
    """Remove models that were installed.

    If a model is in no other place, aezip asks first: without it, its files cannot be decoded.
    """
    from ..model.writing import own_package
    from ..model.writing import remove as remove_one

    failures = Failures()
    for name in names:
        with failures.reported():
            path = own_package(name)
            if yes or _is_elsewhere(path) or _agreed(name, path):
                say(f"removed {remove_one(name)}")
            else:
                say(f"kept {path}")
    failures.exit_if_any()


def _is_elsewhere(path: Path) -> bool:
    """Whether nothing can be lost with a package: it decodes no files, or another place has its decoder."""
    from ..model.packages import describe
    from ..model.store import copies_of

    try:
        about = describe(path)
    except PackageDamaged:
        return True
    return not about.decodes or any(copy.where != str(path) for copy in copies_of(about.fingerprint))


def _agreed(name: str, path: Path) -> bool:
    """Whether the user wants to remove the only decoder.  Raises AezipError if nobody can be asked."""
    finding = f"'{name}' is in no other place: files that it wrote could not be decoded any more"
    try:
        return click.confirm(f"{finding}. Remove {path}?", err=True)
    except click.Abort:
        say("")
        raise AezipError(finding, f"an answer, or: aezip models remove --yes {name}") from None


@models.command()
@click.argument("model")
@click.option("--encoder-only", is_flag=True, help="The half that compresses, without the decoder.")
@click.option("--decoder-only", is_flag=True, help="The half that decompresses, without the encoder.")
@options.output("FILE.aezm", "File to write.", click.Path(path_type=Path, dir_okay=False), required=True)
@_force_option
@options.debug
def split(model: str, encoder_only: bool, decoder_only: bool, output: Path, force: bool) -> None:
    """Write one half of a model.

    For devices that only encode or only decode. MODEL is a name, or an .aezm file. The whole model decodes the files of
    an encoder half, and a decoder half decodes the files of the whole model.

    \b
    Examples:
      aezip models split photo --encoder-only -o camera.aezm
      aezip models split mine.aezm --decoder-only -o screen.aezm
    """
    from ..model.store import find_codec
    from ..model.writing import split as half_of

    if encoder_only == decoder_only:
        raise click.UsageError("expected one of --encoder-only and --decoder-only")
    if output.suffix != SUFFIX:
        raise click.UsageError(f"'{output}'; expected a name that ends in {SUFFIX}")
    package = find_codec(model)
    data = half_of(package, "encoder" if encoder_only else "decoder")
    atomic_write(output, data, force=force)
    say(f"{package.about.path} → {output}  {package.about.size:,} → {len(data):,} B")


def _name_of(model: PackageInfo) -> str:
    """By which it is found."""
    return model.path.name.partition(SUFFIX)[0]


def _facts(model: PackageInfo) -> dict[str, Any]:
    """One installed model, ready for JSON."""
    return {
        "name": _name_of(model),
        "release": release_of(model.fingerprint),
        "fingerprint": model.fingerprint.hex(),
        "half": model.half,
        "qualities": model.qualities,
        "bytes": model.size,
        "path": str(model.path),
        "summary": model.summary,
    }


def _lines(model: PackageInfo) -> list[str]:
    """The same and more as lines to read."""
    about = model.description
    training = about.get("training")
    does = {
        "encoder": "encodes only",
        "decoder": "decodes only",
        "denoise": "takes noise out of pictures",
        "colorize": "gives grey pictures colours",
        "inpaint": "fills holes in pictures",
    }
    rows = [
        ("summary", model.summary),
        ("path", str(model.path)),
        ("size", f"{model.size:,} B"),
        ("fingerprint", model.fingerprint.hex()),
        ("release", release_of(model.fingerprint)),
        ("does", does.get(model.task or model.half or "", "encodes and decodes")),
        ("family", about.get("family")),
        ("training", ", ".join(f"{k} {v}" for k, v in training.items()) if isinstance(training, dict) else None),
        ("licence", about.get("licence")),
    ]
    return [_name_of(model), *(f"  {name:<11} {value}" for name, value in rows if value)]


for command in models_places.COMMANDS:
    models.add_command(command)
