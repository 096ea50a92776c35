"""The command `aezip`: parse, call the library, print.

stdout carries the tables that were asked for, stderr progress and messages. Exit
code 0, 1 if some input failed, 2 for wrong usage, 130 after Ctrl-C. What takes
time to load is loaded inside the commands that need it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import __version__, images
from ..container import MAX_SIDE, Lat, unpack
from ..errors import FormatError, OutputError, UsageError
from ..files import atomic_write, check_output, read_bytes
from .bench import bench
from .listing import bpp_of, facts_of, installed_names, lines_of, model_facts
from .messages import Failures, complain, say, show, table
from .outputs import outputs_of, same_file

if TYPE_CHECKING:
    from ..codec import Codec

F = TypeVar("F", bound=Callable[..., Any])

COMPLETION = """\b
Completion of commands, options and file names, in the shell's start-up file:
  bash  eval "$(_AEZIP_COMPLETE=bash_source aezip)"
  zsh   eval "$(_AEZIP_COMPLETE=zsh_source aezip)"
  fish  _AEZIP_COMPLETE=fish_source aezip | source
"""


class _Aezip(click.Group):
    """Turns what no command caught into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except KeyboardInterrupt:
            say("aezip: interrupted")
            ctx.exit(130)
        except Exception as error:
            complain(error)
            ctx.exit(2 if isinstance(error, UsageError) else 1)


@dataclass(frozen=True)
class _Settings:
    """Options of every command that runs a model."""

    model: str | None
    provider: str
    threads: int | None
    force: bool
    verbose: bool


@dataclass(frozen=True)
class _Done:
    """What became of one file."""

    lat: Lat
    coded: int  # bytes of the .lat file
    before: int  # bytes of the input
    after: int  # bytes of the output


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["aezip.debug"] = True


_debug = click.option(
    "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_set_debug, help="Show tracebacks of errors."
)


def _coding_options(command: F) -> F:
    """Options of every command that runs a model."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Say what is in each file."),
        click.option("-f", "--force", is_flag=True, help="Overwrite existing files."),
        click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads.  [default: every core]"),
        click.option("--provider", default="cpu", show_default=True, metavar="NAME", help="What runs the model."),
        click.option("-o", "--output", metavar="OUT", type=click.Path(readable=False), help="File or folder to write."),
    ):
        command = option(command)
    return command


@click.group(
    cls=_Aezip,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=COMPLETION,
)
@click.version_option(__version__, prog_name="aezip")
@_debug
def main() -> None:
    """Compress pictures with a neural codec.

    \b
    Examples:
      aezip compress holiday.png                 writes holiday.lat
      aezip compress -q 40 -o small/ *.jpg       smaller files, into a folder
      aezip decompress holiday.lat               writes holiday.png
      aezip info holiday.lat                     shows what is in a file
    """


def _quality(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is not in the range 0<=x<=100.")
    return value


@main.command()
@click.argument("inputs", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(readable=False))
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(0, 100),
    default=60,
    show_default=True,
    callback=_quality,
    help="From smallest to best, in steps of 0.1.",
)
@click.option(
    "--effort", type=click.IntRange(0, 1), default=1, show_default=True, help="0 rounds; 1 weighs bits against errors."
)
@click.option("-m", "--model", default="photo", show_default=True, metavar="MODEL", help="Name or .aezm file.")
@_coding_options
@_debug
def compress(inputs: tuple[str, ...], quality: float, effort: int, output: str | None, **settings: Any) -> None:
    """Compress images to .lat files.

    The output stands beside the input, with the suffix .lat. ICC profile, EXIF and XMP are kept.

    \b
    Examples:
      aezip compress holiday.png
      aezip compress -q 85 holiday.png -o best.lat
      aezip compress -o archive/ *.png *.jpg
    """

    def job(codec: Codec, source: str, target: str) -> _Done:
        picture = images.read(source)
        data = codec.encode(picture.pixels, quality, images.sections_of(picture), effort=effort)
        atomic_write(target, data, force=settings["force"])
        return _Done(unpack(data, MAX_SIDE**2), len(data), os.stat(source).st_size, len(data))

    _run(inputs, outputs_of(inputs, output, ".lat"), _Settings(**settings), job)


@main.command()
@click.argument("inputs", metavar="FILE...", nargs=-1, required=True, type=click.Path(readable=False))
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(images.FORMATS), case_sensitive=False),
    help="Kind of image file.  [default: by the suffix of --output, else png]",
)
@click.option("-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the installed one that fits]")
@_coding_options
@_debug
def decompress(inputs: tuple[str, ...], kind: str | None, output: str | None, **settings: Any) -> None:
    """Decompress .lat files to images.

    The output stands beside the input, with the suffix of its format. A file is decoded with the model that wrote
    it, if that is installed; --model names another package to look at.

    \b
    Examples:
      aezip decompress holiday.lat
      aezip decompress holiday.lat -o holiday.tiff
      aezip decompress --format jpg -o web/ *.lat
    """
    targets = outputs_of(inputs, output, f".{kind or 'png'}")
    for target in targets:
        images.format_of(target, kind)
    if kind and output and targets == [output]:
        _check_agreement(output, kind)

    def job(codec: Codec, source: str, target: str) -> _Done:
        data = read_bytes(source, FormatError)
        pixels, lat = codec.decode(data)
        format = images.format_of(target, kind)
        lost = images.write(target, images.picture_of(pixels, lat), format, force=settings["force"])
        if lost:
            say(f"aezip: note: {target}: {format} cannot carry {', '.join(name.upper() for name in lost)}")
        return _Done(lat, len(data), len(data), os.stat(target).st_size)

    _run(inputs, targets, _Settings(**settings), job)


@main.command()
@click.argument("inputs", metavar="FILE...", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_debug
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


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_debug
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


main.add_command(bench)


def _run(
    inputs: Sequence[str], outputs: Sequence[str], settings: _Settings, job: Callable[[Codec, str, str], _Done]
) -> None:
    """Do the job for each pair, say how it went, and leave with 1 if any failed."""
    failures = Failures()
    pairs = []
    for source, target in zip(inputs, outputs, strict=True):
        with failures.caught(source):
            if same_file(source, target):
                raise OutputError("the output would replace the input", "another name with --output", file=source)
            check_output(target, force=settings.force)
            pairs.append((source, target))
    if pairs:
        from ..codec import Codec

        codec = Codec(model=settings.model, provider=settings.provider, threads=settings.threads)
        installed = installed_names() if settings.verbose else {}
    for source, target in pairs:
        with failures.caught(source):
            start = perf_counter()
            done = job(codec, source, target)
            time_s, bpp = perf_counter() - start, bpp_of(done.lat, done.coded)
            names = f"{click.format_filename(source)} → {click.format_filename(target)}"
            say(f"{names}  {done.before:,} → {done.after:,} B  {bpp:.3f} bpp  {time_s:.2f} s")
            if settings.verbose:
                say("\n".join(lines_of(facts_of(source, done.lat, done.coded, installed))[1:]))
    failures.leave()


def _check_agreement(output: str, kind: str) -> None:
    """A suffix that names one format and an option that names another are a mistake."""
    try:
        named = images.format_of(output)
    except UsageError:
        return
    if named != kind:
        raise click.UsageError(f"'{output}' has the suffix of {named}, but --format says {kind}; expected one of them")


def _show_json(value: Any) -> None:
    import json

    show(json.dumps(value, indent=2))
