"""What the command prints: data to stdout, messages to stderr, an error in one line."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click

from ..errors import DEBUG_HINT, line_of, printable

_PLAIN = {"→": "->", "×": "x", "…": "...", "–": "-", "−": "-", "≤": "<=", "≥": ">="}
# The library's parameters, as its errors and notes name them, and the command's options.
_OPTIONS = {
    "force=True": "--force",
    "append=True": "--append-suffix",
    "as grey_of makes it": "or --grey",
    "recursive=True": "--recursive",
    "ReadOptions(to_8bit=True)": "--to-8bit",
    "ReadOptions(plain_cmyk=True)": "--plain-cmyk",
    "ReadOptions(stretch=True)": "--stretch",
    "ReadOptions(strict=False)": "no --strict",
    "ReadOptions(frame=1)": "--frame 1",
    "ReadOptions(frame=N)": "--frame N",
    "sigma=": "--sigma ",
    "max_pixels": "--max-pixels",
    "output_quality": "--output-quality",
    "subsampling": "--subsampling",
    "cell_psnr": "--cell-psnr",
    "keep_smaller=True": "--keep-smaller",
    "lower quality": "lower --quality",
    "replace_original=True": "--replace-original",
    "fewer processes": "fewer --jobs",
}


def show(text: str) -> None:
    """Data or the table that was asked for, to stdout."""
    click.echo(_fit(text, sys.stdout))


def show_json(data: Any) -> None:
    """The same as JSON."""
    show(json.dumps(data, indent=2))


def say(text: str) -> None:
    """A message, to stderr."""
    click.echo(_fit(text, sys.stderr), err=True)


def note(text: str) -> None:
    """A message that is no error, to stderr."""
    say(f"aezip: note: {text}")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream; None: one that is closed."""
    return stream is not None and stream.isatty()


def name_of(file: str) -> str:
    """The name of a file, as it is shown in a line."""
    return printable(click.format_filename(file))


def print_error(error: BaseException, file: str | None = None) -> None:
    """An error, in one line to stderr; with --debug its traceback before it."""
    from traceback import format_exception

    print_error_line(line_of(error, file), "".join(format_exception(error)))


def print_error_line(line: str, trace: str = "") -> None:
    """The same for an error that is a line already."""
    if click.get_current_context().meta.get("aezip.debug"):
        say(trace.rstrip())
        line = line.removesuffix(DEBUG_HINT)
    say(f"aezip: error: {as_options(line)}")


def as_options(line: str) -> str:
    """An error or note of the library, whose last part names options of the command in place of parameters."""
    finding, semicolon, advice = line.rpartition("; ")
    for parameter, option in _OPTIONS.items():
        advice = advice.replace(parameter, option)
    return finding + semicolon + advice


class Failures:
    """Counts what went wrong, so that one file's failure does not stop the others."""

    def __init__(self) -> None:
        self.count = 0

    def report(self, error: BaseException, file: str | None = None) -> None:
        """Count an error and print it."""
        self.count += 1
        print_error(error, file)

    @contextlib.contextmanager
    def reported(self, file: str | None = None) -> Iterator[None]:
        """Inside, an exception is reported, as one about `file`."""
        try:
            yield
        except (BrokenPipeError, click.exceptions.Exit, click.ClickException):
            raise
        except Exception as error:
            self.report(error, file)

    def exit_if_any(self) -> None:
        """End the command with code 1 if anything failed."""
        if self.count:
            click.get_current_context().exit(1)


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Aligned columns; those in `right` end, the others begin at the same place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _fit(text: str, stream: TextIO) -> str:
    """The text in the characters that the stream can show."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeError:
        for fine, plain in _PLAIN.items():
            text = text.replace(fine, plain)
    return text.encode(encoding, "replace").decode(encoding)
