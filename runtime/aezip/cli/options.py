"""Options that several commands share, each a decorator."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import click

from ..format.container import DEFAULT_MAX_PIXELS

F = TypeVar("F", bound=Callable[..., Any])


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["aezip.debug"] = True


def finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which passes every comparison with limits, and infinity."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number in the range.")
    return value


def inputs_argument(metavar: str) -> Callable[[F], F]:
    """What is worked on."""
    return click.argument("inputs", metavar=metavar, nargs=-1, required=True, type=click.Path(readable=False))


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_set_debug, help="Show tracebacks of errors."
)
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(min=1), default=DEFAULT_MAX_PIXELS, show_default=True, metavar="N",
    help="Refuse larger pictures.",
)
model_option = click.option(
    "-m", "--model", default="photo", show_default=True, metavar="MODEL", help="Name or .aezm file."
)
decoding_model_option = click.option(
    "-m", "--model", metavar="MODEL", help="Name or .aezm file.  [default: the installed one that fits]"
)
provider_option = click.option(
    "--provider", default="cpu", show_default=True, metavar="NAME",
    help="What runs the model: cpu, cuda, …; `aezip doctor` lists what is available.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the model.  [default: all cores]"
)
precision_option = click.option(
    "--precision", type=click.Choice(["float", "int8"]), default="float", show_default=True,
    help="int8 is faster, where the model has it, and a little worse.",
)
batch_option = click.option(
    "--batch", type=click.IntRange(min=1), metavar="N",
    help="At most so many pictures of one size go through the network together.  [default: 1 on the CPU, else 8]",
)
_quiet_option = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_recursive_option = click.option("-r", "--recursive", is_flag=True, help="Go into the subfolders of folders.")


def format_option(command: F) -> F:
    """The kind of image file that is written, as `format`."""
    from .. import images

    return click.option(
        "--format", type=click.Choice(list(images.FORMATS), case_sensitive=False),
        help="Kind of image file.  [default: by the suffix of --output, else png]",
    )(command)


def intake_options(command: F) -> F:
    """How an image is read; the command gets an `images.Intake` as `intake`."""
    return _decorated(_with_intake(command), _INTAKE)


def intake_and_strip_options(command: F) -> F:
    """The same, and whether metadata is dropped."""
    return _decorated(_with_intake(command), (_STRIP, *_INTAKE))


def latents_options(command: F) -> F:
    """Options of a command that works on the latents of pictures, in this process."""
    return _decorated(command, _LATENTS)


def run_options(command: F) -> F:
    """Options of every command that runs a model over files; `run.run_over` takes them."""
    return _decorated(command, _RUNNING)


def write_options(command: F) -> F:
    """Those of a command that writes a file for each input, too."""
    return _decorated(command, (*_WRITING, *_RUNNING))


def _with_intake(command: F) -> F:
    @functools.wraps(command)
    def called(*, frame: int | None, to_8bit: bool, upright: bool, strip: bool = False, **others: Any) -> Any:
        from ..images import Intake

        return command(intake=Intake(frame, to_8bit, upright, strip), **others)

    return cast(F, called)


def _decorated(command: F, options: Iterable[Callable[[F], F]]) -> F:
    for option in options:
        command = option(command)
    return command


# Each last to first, as decorators are applied.
_STRIP = click.option("--strip", is_flag=True, help="Drop ICC profile, EXIF, XMP and resolution; implies --upright.")
_INTAKE = (
    click.option("--upright", is_flag=True, help="Turn the picture as its EXIF orientation says, and reset that."),
    click.option("--to-8bit", is_flag=True, help="Make 16-bit and floating-point samples 8-bit."),
    click.option("--frame", type=click.IntRange(min=1), metavar="N", help="Take the N-th of several frames or pages."),
)
_LATENTS = (
    debug_option, _quiet_option, threads_option, provider_option, _recursive_option, model_option, intake_options,
    max_pixels_option,
)
_WRITING = (
    click.option("--keep-times", is_flag=True, help="Give output files the modification times of their inputs."),
    click.option("--skip-existing", is_flag=True, help="Skip inputs whose output exists (resume a run)."),
    click.option("--append-suffix", is_flag=True, help="Append the suffix to the input's whole name: a.jpg.lat."),
    force_option,
    click.option("-o", "--output", metavar="OUT", type=click.Path(readable=False),
                 help="File, folder or URL to write; - for stdout."),
)
_RUNNING = (
    debug_option,
    click.option("--json-lines", is_flag=True, help="Print a JSON object for each file."),
    _quiet_option,
    click.option("-v", "--verbose", is_flag=True, help="Print what is in each file."),
    click.option("--scheduler", metavar="URL", help="Work on the Dask cluster there: tcp://HOST:8786."),
    click.option("--threads", type=click.IntRange(min=1), metavar="N",
                 help="Threads of each process.  [default: all cores, shared by the processes]"),
    click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
                 help="Processes that work at a time."),
    provider_option,
    _recursive_option,
)
