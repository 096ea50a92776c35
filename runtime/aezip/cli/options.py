"""Options that several commands share, each a decorator: `@options.force`; and the help of commands with many.

Some gather theirs in one parameter of the command: `intake` (images.ReadOptions), `reading` and `run` (of run.py).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from ..format.container import DEFAULT_MAX_PIXELS

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(readable=False)  # a file, folder or URL, which is looked at later


class Real(click.FloatRange):
    """A number of a range; nan and infinity are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        return number if math.isfinite(number) else self.fail(f"{number} is not a number in the range.", param, ctx)


def inputs(metavar: str, *, or_listed: bool = False) -> Callable[[F], F]:
    """What is worked on; or_listed: the command has --files-from, too."""
    return click.argument("inputs", metavar=metavar, nargs=-1, required=not or_listed, type=PATH)


def number(*names: str, **settings: Any) -> Callable[[F], F]:
    """An option whose value is a whole number above 0."""
    return click.option(*names, type=click.IntRange(min=1), metavar="N", **settings)


def output(metavar: str, about: str, kind: click.Path = PATH, *, required: bool = False) -> Callable[[F], F]:
    """--output"""
    return click.option("-o", "--output", required=required, metavar=metavar, type=kind, help=about)


def format(command: F) -> F:
    """The kind of image file that is written."""
    from .. import images

    return click.option(
        "--format",
        type=click.Choice(list(images.FORMATS), case_sensitive=False),
        help="Kind of image file.  [default: by the suffix of --output, else png]",
    )(command)


def models(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completions of a model: the installed ones by name, and files."""
    from ..model.store import installed

    names = [CompletionItem(model.name) for model in installed() if model.name.startswith(begun)]
    return names or [CompletionItem(begun, type="file")]


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["aezip.debug"] = True


debug = click.option(
    "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_set_debug, help="Show tracebacks of errors."
)
offline = click.option("--offline", is_flag=True, help="Fetch no model from the places added with `aezip models add`.")
force = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
max_pixels = number("--max-pixels", default=DEFAULT_MAX_PIXELS, show_default=True, help="Refuse larger pictures.")


def model_option(more: str, *name: str, **settings: Any) -> Callable[[F], F]:
    """--model.  more: the end of its help"""
    about = f"Name or .aezm file{more}"
    return click.option("-m", "--model", *name, metavar="MODEL", shell_complete=models, help=about, **settings)


def json_option(about: str = "Print JSON.") -> Callable[[F], F]:
    """--json"""
    return click.option("--json", "as_json", is_flag=True, help=about)


model = model_option(".", default="photo", show_default=True)
decoding_model = model_option(".  [default: the installed one that fits]")
provider = click.option(
    "--provider",
    default="cpu",
    show_default=True,
    metavar="NAME",
    help="What runs the model: cpu, cuda, …; `aezip doctor` lists what is available.",
)
threads = number("--threads", help="Threads of the model.  [default: all cores]")
decoder = click.option(
    "--decoder",
    type=click.Choice(["full", "small"]),
    default="full",
    show_default=True,
    help="small is faster and less precise, if the model has it.",
)
batch = number(
    "--batch", help="Up to N pictures of one size go through the network together.  [default: 1 on the CPU, else 8]"
)
with_model = click.option(
    "--with-model", is_flag=True, help="Save the model's decoder next to the files, in the folder .aezip."
)
quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
recursive = click.option("-r", "--recursive", is_flag=True, help="Include subfolders.")


def _together(*options: Callable[[Any], Any], gather: tuple[str, str, str] | None = None) -> Callable[[F], F]:
    """Several options as one.  gather: a parameter, its NamedTuple's module and name: its fields go there."""

    def decorate(command: F) -> F:
        if gather:
            command = _gathered(command, *gather)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _gathered(command: F, parameter: str, module: str, name: str) -> F:
    @functools.wraps(command)
    def called(**given: Any) -> Any:
        kind = getattr(import_module(module, __package__), name)
        fields = {field: given.pop(field) for field in kind._fields if field in given}
        return command(**given, **{parameter: kind(**fields)})

    return cast(F, called)


_INTAKE = (
    number("--frame", help="Take the N-th of several frames or pages."),
    click.option("--to-8bit", is_flag=True, help="Convert samples of more bits, or floating-point ones, to 8 bits."),
    click.option("--plain-cmyk", is_flag=True, help="Take CMYK without an ICC profile as R = (1 − C)(1 − K), …"),
    click.option("--stretch", is_flag=True, help="As --to-8bit, with the range found in a grey picture."),
    click.option("--strict", is_flag=True, help="Refuse pictures with damaged data, even if they can be decoded."),
    click.option("--upright", is_flag=True, help="Turn the picture as its EXIF orientation says, and reset that."),
)
strip = click.option("--strip", is_flag=True, help="Drop metadata; the picture is turned upright and made sRGB.")
_RUNNING = (
    recursive,
    click.option(
        "--files-from",
        metavar="FILE",
        type=PATH,
        help="Also work on the files named in FILE, one per line (or as find -print0); - for stdin.",
    ),
    provider,
    number("-j", "--jobs", default=1, show_default=True, help="Number of processes."),
    number("--threads", help="Threads of each process.  [default: all cores, shared by the processes]"),
    click.option("--scheduler", metavar="URL", help="Use the Dask cluster at this address: tcp://HOST:8786."),
    click.option("-v", "--verbose", is_flag=True, help="Print what is in each file."),
    quiet,
    click.option("--json-lines", is_flag=True, help="Print a JSON object for each file."),
    debug,
)
_WRITING = (
    output("OUT", "File, folder or URL to write; - for stdout."),
    force,
    click.option("--append-suffix", is_flag=True, help="Append the suffix to the full name of the input."),
    click.option("--skip-existing", is_flag=True, help="Skip inputs whose output exists (resume a run)."),
    click.option("--keep-times", is_flag=True, help="Give outputs the times of their inputs."),
)
intake = _together(*_INTAKE, gather=("intake", "..images", "ReadOptions"))  # how an image is read
intake_and_strip = _together(*_INTAKE, strip, gather=("intake", "..images", "ReadOptions"))
reading = _together(  # of a command that works on the latents of pictures, in this process
    max_pixels, intake, model, recursive, provider, threads, quiet, debug, gather=("reading", ".run", "Reading")
)
run = _together(*_RUNNING, gather=("run", ".run", "Run"))  # of a command that runs a model over files
rewrite = _together(  # and writes .lat files again
    *_RUNNING, *_WRITING[:2], _WRITING[3], gather=("run", ".run", "Run")
)
write = _together(*_RUNNING, *_WRITING, gather=("run", ".run", "Run"))  # and writes a file for each

USUAL, READING, MANY, ADVANCED = "Options", "How pictures are read", "Many files", "Advanced"
_GROUPS = {
    USUAL: "quality target_size target_bpp target_psnr target_ssimulacra2 lossless verify format output_quality "
    "subsampling region scale max_size original model output force",
    READING: "frame to_8bit stretch plain_cmyk strict upright strip",
    MANY: "recursive files_from jobs skip_existing append_suffix keep_smaller keep_times quiet verbose json_lines",
}
_GROUP = {name: group for group, names in _GROUPS.items() for name in names.split()}


class Grouped(click.Command):
    """A command whose options are shown in groups; those of no group are advanced."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*_GROUPS, ADVANCED)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record:
                groups[_GROUP.get(parameter.name or "", ADVANCED)].append(record)
        for group, records in groups.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)
