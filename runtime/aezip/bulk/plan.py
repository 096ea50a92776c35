"""The plan: inputs as a user names them → items, each with an output of its own, before any work is done.

An input is a file, a folder, a pattern, `-`, or a URL of these. Below an output folder the tree of an input folder
is mirrored. Two items that would write one output are refused. Names are all that is held of an item.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import NamedTuple

from ..errors import AezipError, UsageError
from ..storage import places
from ..storage.files import make_folder
from .work import Item

_SLASHES = tuple(s for s in (os.sep, os.altsep, "/") if s)
_WILD = frozenset("*?[")


class Plan(NamedTuple):
    """What is to be done."""

    items: list[Item]
    problems: list[AezipError]  # inputs that stand for no file
    folder: str | None  # where outputs go, if it is a folder: its subfolders are made as needed


def plan(
    inputs: Sequence[str], output: str | None, suffix: str | None, *, taken: frozenset[str], recursive: bool = False,
    append: bool = False,
) -> Plan:
    """The items of the inputs.

    output: a file for one input, or a folder for any number; one that ends in a slash, or that an input folder goes
    to, is made if it is not there; suffix: of outputs, None if nothing is written; taken: suffixes of the files that
    are taken out of folders; append: the suffix goes behind the name, not in place of the suffix that this has.
    Raises UsageError.
    """
    problems: list[AezipError] = []
    found = list(_found([places.local(name) for name in inputs], taken, recursive, problems))
    if suffix is None:
        return Plan([Item(source, "", size) for source, _, size in found], problems, None)
    output = places.local(output) if output else None
    if any(source == places.STANDARD for source, _, _ in found):
        if len(inputs) > 1:
            raise UsageError("'-' is not the only input", "standard input alone")
        output = output or places.STANDARD
    several = len(inputs) > 1 or len(found) > 1 or any(places.is_folder(name) for name in inputs)
    folder = None
    if output and output != places.STANDARD:
        mirrors = several and (len(inputs) == 1 or places.is_url(output))
        folder = output if mirrors or output.endswith(_SLASHES) or places.is_folder(output) else None
    if output and not folder:
        if several:
            finding = f"the output '{output}' names one file for {len(found)} inputs"
            raise UsageError(finding, f"an existing folder or '{output}/'")
        return Plan([Item(source, output, size) for source, _, size in found], problems, None)
    items = []
    for source, below, size in found:
        name = _renamed(below if folder else source, suffix, append)
        items.append(Item(source, places.join(folder, name) if folder else name, size))
    _check_outputs(items, suffix)
    if folder and items and not places.is_url(folder):
        make_folder(folder, UsageError)
    return Plan(items, problems, folder)


def _found(
    inputs: Sequence[str], taken: frozenset[str], recursive: bool, problems: list[AezipError]
) -> Iterator[tuple[str, str, int]]:
    """Name, path below what was named, and size of each file."""
    for name in inputs:
        try:
            if name == places.STANDARD:
                yield name, name, 0
            elif places.is_url(name) or os.path.isdir(name) or _is_pattern(name):
                yield from _several(name, taken, recursive)
            else:
                yield name, os.path.basename(name), _size(name)
        except UsageError:
            raise
        except AezipError as error:
            problems.append(error)


def _is_pattern(name: str) -> bool:
    """Whether a name has wildcards; in a URL of the web, ? begins the query."""
    if places.is_url(name):
        return bool((_WILD - {"?"} if name.startswith("http") else _WILD) & set(name))
    return bool(_WILD & set(name)) and not os.path.lexists(name)


def _several(name: str, taken: frozenset[str], recursive: bool) -> list[tuple[str, str, int]]:
    """The files that a folder, a pattern or a URL stands for."""
    if _is_pattern(name):
        start = name[: min(name.index(c) for c in _WILD if c in name)]
        root = start[: max(start.rfind(s) for s in _SLASHES) + 1]
        files = [file for file in places.matching(name) if not places.is_folder(file)]
        if not files:
            raise AezipError("no file matches", "a pattern that fits some", file=name)
        return [(file, file[len(root) :].replace(os.sep, "/"), _size(file)) for file in files]
    if not places.is_folder(name):
        return [(name, name.rpartition("/")[2], 0)]
    found = [f for f in places.files_in(name, recursive=recursive) if PurePath(f[1]).suffix.lower() in taken]
    if not found:
        kinds = f"{', '.join(sorted(taken)[:3])}, …" if len(taken) > 3 else ", ".join(sorted(taken))
        more = "" if recursive else ", or recursive=True"
        raise AezipError("the folder holds no such file", f"files with the suffix {kinds}{more}", file=name)
    return found


def _size(name: str) -> int:
    try:
        return 0 if places.is_url(name) else os.stat(name).st_size
    except OSError:
        return 0


def _check_outputs(items: Sequence[Item], suffix: str) -> None:
    """Raise UsageError if two items have one output."""
    sources: dict[str, str] = {}
    for item in items:
        key = item.target if places.is_url(item.target) else os.path.join(
            _real(os.path.dirname(item.target)), os.path.normcase(os.path.basename(item.target))
        )
        if key in sources:
            pair = f"'{sources[key]}' and '{item.source}'"
            names = [PurePath(name).name for name in (sources[key], item.source)]
            more = f", or append=True: {names[0]}{suffix}, {names[1]}{suffix}" if len(set(names)) > 1 else ""
            raise UsageError(f"{pair} would both be written to '{item.target}'", "a different output for each" + more)
        sources[key] = item.source


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.normcase(os.path.realpath(folder))


def _renamed(name: str, suffix: str, append: bool) -> str:
    """The name with its suffix replaced, or with another one behind it."""
    if append:
        return name + suffix
    folder, slash, last = name.rpartition("/") if places.is_url(name) or os.sep == "/" else ("", "", name)
    path = PurePath(last)
    return folder + slash + (str(path.with_suffix(suffix)) if path.name else last + suffix)
