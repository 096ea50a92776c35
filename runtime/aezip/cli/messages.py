"""What the command says: data to stdout, messages to stderr, an error in one line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from ..errors import DEBUG_HINT, line_of

_PLAIN = {"→": "->", "×": "x", "…": "...", "–": "-", "−": "-", "≤": "<=", "≥": ">="}


def show(text: str) -> None:
    """Data or the table that was asked for, to stdout."""
    click.echo(_fit(text, sys.stdout))


def say(text: str) -> None:
    """A message, to stderr."""
    click.echo(_fit(text, sys.stderr), err=True)


def complain(error: BaseException, file: str | None = None) -> None:
    """An error, in one line to stderr; with --debug its traceback before it."""
    from traceback import format_exception

    complain_of(line_of(error, file), "".join(format_exception(error)))


def complain_of(line: str, trace: str = "") -> None:
    """The same for an error that was already put in words."""
    if click.get_current_context().meta.get("aezip.debug"):
        say(trace.rstrip())
        line = line.removesuffix(DEBUG_HINT)
    say(f"aezip: error: {line}")


class Failures:
    """Counts what went wrong, so that one file's failure does not stop the others."""

    def __init__(self) -> None:
        self.count = 0

    @contextlib.contextmanager
    def caught(self, file: str | None = None) -> Iterator[None]:
        """Inside, an exception becomes a message that names `file`."""
        try:
            yield
        except (BrokenPipeError, click.exceptions.Exit, click.ClickException):
            raise
        except Exception as error:
            self.count += 1
            complain(error, file)

    def leave(self) -> None:
        """End the command with code 1 if anything failed."""
        if self.count:
            click.get_current_context().exit(1)


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Lines of aligned columns; those in `right` end, the others begin at the same place."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  ".join(_cell(row[i], widths[i], i in right) for i in range(len(row))).rstrip() for row in rows]


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _fit(text: str, stream: TextIO) -> str:
    """The text in the characters that the stream can show."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeError:
        for fine, plain in _PLAIN.items():
            text = text.replace(fine, plain)
    return text.encode(encoding, "replace").decode(encoding)
