"""Where the outputs go: one path for each input, known before any work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..files import finding_of


def outputs_of(inputs: Sequence[str], output: str | None, suffix: str) -> list[str]:
    """The output of each input.  `output` is a file for one input, or a folder for any number.

    A folder that ends in a slash is made if it is not there. Raises UsageError.
    """
    folder = output if output and (os.path.isdir(output) or output.endswith(_SLASHES)) else None
    if output and not folder:
        if len(inputs) > 1:
            raise UsageError(f"--output names one file for {len(inputs)} inputs", f"an existing folder or '{output}/'")
        return [output]
    names = [_renamed(name, suffix) for name in inputs]
    if folder:
        names = [os.path.join(folder, os.path.basename(name)) for name in names]
    sources: dict[str, str] = {}
    for source, name in zip(inputs, names, strict=True):
        key = os.path.normcase(os.path.realpath(name))
        if key in sources:
            pair = f"'{sources[key]}' and '{source}'"
            raise UsageError(f"{pair} would both be written to '{name}'", "a different output for each")
        sources[key] = source
    if folder:
        _make(folder)
    return names


_SLASHES = tuple(s for s in (os.sep, os.altsep, "/") if s)


def _renamed(name: str, suffix: str) -> str:
    """The name with its suffix replaced."""
    path = Path(name)
    return str(path.with_suffix(suffix)) if path.name else name + suffix


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as e:
        raise UsageError(f"the folder '{folder}' cannot be made ({finding_of(e)})", "a writable folder") from e
