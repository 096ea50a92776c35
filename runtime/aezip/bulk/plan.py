"""The plan: inputs as a user names them → items, each with another output, before any work is done; then → outcomes.

An input is a file, a folder, a pattern, `-`, or a URL of these. Below an output folder the tree of an input folder
is mirrored. A file that is named twice is done once. Two items that would write one output are refused.

Second files (`paired`) are the mask of each picture, the original of each .lat file; one for all, or out of a folder.
That mirrors the tree of the inputs, or holds all files side by side. Names are the same but for the suffix; the very
same name goes first (`a.jpg` for `a.jpg`, or for `a.jpg.lat`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePath, PurePosixPath
from typing import NamedTuple

from ..errors import AezipError, ImageError, UsageError
from ..storage import places
from ..storage.files import make_folder, sweep
from ..storage.folders import SLASHES, Found, Remarks, size_of
from .work import Item, Outcome, Work, failed


class Plan(NamedTuple):
    """What is to be done."""

    items: list[Item]
    problems: list[AezipError]  # inputs that stand for no file
    folder: str | None  # where outputs go, if it is a folder: its subfolders are made as needed
    notes: tuple[str, ...]  # what the user should know
    left_out: Counter[str]  # files of folders that are not taken, by suffix


@dataclass
class Inputs:
    """The names of inputs, and what they stand for.

    Args:
        names: As the user gives them.
        taken: Suffixes of the files that are taken out of folders.
        recursive: Go into subfolders.
        listed: Names of a list: paths, whatever signs they have, and below an output folder they keep theirs.
    """

    names: Sequence[str]
    taken: frozenset[str]
    recursive: bool = False
    listed: Sequence[str] = ()
    remarks: Remarks = field(default_factory=Remarks)
    left_out: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if not all((*self.names, *self.listed)):
            raise UsageError("the name of an input is empty", "a file, a folder, a pattern, a URL or -")
        self.names = list({_key(name): name for name in reversed([*map(places.local, self.names)])}.values())[::-1]
        self.listed = list(dict.fromkeys(self.listed))

    def found(self) -> list[Found]:
        """The files, each once."""
        seen: dict[str, Found] = {}
        linked: dict[str, str] = {}  # folders that are others', which come first
        for file in self._all():
            first = seen.setdefault(_key(file.name), file)
            here, there = (os.path.dirname(os.path.abspath(f.name)) for f in (file, first))
            if here != there:
                linked.setdefault(os.path.dirname(file.name), os.path.dirname(first.name))
        for folder, other in linked.items():
            self.remarks.notes.append(f"{folder}: is the same folder as {other}, and its files are done once")
        return list(seen.values())

    def _all(self) -> Iterator[Found]:
        for name, is_listed in (*((n, False) for n in self.names), *((n, True) for n in self.listed)):
            try:
                if is_listed:
                    yield from self._at(name, _kept(name))
                elif name == places.STANDARD:
                    yield Found(name, name)
                elif places.is_pattern(name):
                    yield from _matching(name)
                else:
                    yield from self._at(name, places.last_of(name))
            except UsageError:
                raise
            except AezipError as error:
                self.remarks.problems.append(error)

    def _at(self, name: str, below: str) -> Iterator[Found]:
        """The file of this name, or those in the folder of this name."""
        if not (places.is_url(name) or os.path.isdir(name)) or not places.is_folder(name):
            yield Found(name, below, 0 if places.is_url(name) else size_of(name))
            return
        problems, count = len(self.remarks.problems), 0
        for file in places.files_in(name, recursive=self.recursive, remarks=self.remarks):
            suffix = PurePath(file.below).suffix.lower()
            if suffix in self.taken:
                count += 1
                yield file if name in self.names else file._replace(below=f"{below}/{file.below}")
            else:
                self.left_out[suffix] += 1
        if not count and len(self.remarks.problems) == problems:
            kinds = ", ".join(sorted(self.taken)[:3]) + (", …" if len(self.taken) > 3 else "")
            more = "" if self.recursive else ", or recursive=True"
            finding = "the folder holds no such file"
            self.remarks.problems.append(AezipError(finding, f"files with the suffix {kinds}{more}", file=name))


def listed(data: bytes) -> list[str]:
    """The names of a list, one a line, or with a zero byte behind each (`find -print0`)."""
    names = data.split(b"\0") if b"\0" in data else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return ["./-" if name == b"-" else os.fsdecode(name) for name in names if name]


def plan(inputs: Inputs, output: str | None, suffix: str | None, *, append: bool = False) -> Plan:
    """The items of the inputs.

    output: a file for one input, or a folder for any number; one that ends in a slash, or that an input folder goes to,
    is made if it does not exist; suffix: of outputs, None if nothing is written; append: it does not replace the name's
    own.  Raises UsageError for outputs that cannot be meant.
    """
    if output is not None and not output:
        raise UsageError("the name of the output is empty", "a file, a folder, a URL or -")
    found = inputs.found()
    rest = inputs.remarks.problems, None, tuple(inputs.remarks.notes), inputs.left_out
    if suffix is None:
        return Plan([Item(source, "", size, below) for source, below, size in found], *rest)
    named = len(inputs.names) + len(inputs.listed)
    output = places.local(output) if output else None
    if any(file.name == places.STANDARD for file in found):
        if named > 1:
            raise UsageError("'-' is not the only input", "standard input alone")
        output = output or places.STANDARD
    folder = _folder(inputs, output, len(found))
    if output and not folder:
        if named > 1 or len(found) > 1 or _any_folder(inputs):
            finding = f"the output '{output}' names one file for {len(found)} inputs"
            raise UsageError(finding, f"an existing folder or '{output}/'")
        return Plan([Item(source, output, size, below) for source, below, size in found], *rest)
    items = []
    for source, below, size in found:
        name = _renamed(below if folder else source, suffix, append)
        items.append(Item(source, places.join(folder, name) if folder else name, size, below))
    _check_outputs(items, suffix)
    if folder and items and not places.is_url(folder):
        make_folder(folder, UsageError)
    if not folder:
        inputs.left_out.pop(suffix, None)  # outputs of an earlier run
    return Plan(items, rest[0], folder, *rest[2:])


def _folder(inputs: Inputs, output: str | None, count: int) -> str | None:
    """The output, if it is a folder."""
    if not output or output == places.STANDARD:
        return None
    named = len(inputs.names) + len(inputs.listed)
    several = named > 1 or count > 1 or _any_folder(inputs)
    mirrors = several and (named == 1 or places.is_url(output))
    return output if mirrors or output.endswith(SLASHES) or places.is_folder(output) else None


def _any_folder(inputs: Inputs) -> bool:
    return any(places.is_folder(name) for name in (*inputs.names, *inputs.listed))


def _matching(pattern: str) -> list[Found]:
    files = places.matching(pattern)
    if not files:
        raise AezipError("no file matches", "a pattern that matches a file", file=pattern)
    return files


def _kept(name: str) -> str:
    """The path of a listed name below an output folder: as it is, unless that would lead out of the folder."""
    parts = [part for part in name.replace(os.sep, "/").split("/") if part not in ("", ".")]
    leads_out = places.is_url(name) or os.path.isabs(name) or ".." in parts
    return parts[-1] if leads_out else "/".join(parts)


def _check_outputs(items: Sequence[Item], suffix: str) -> None:
    """Raise UsageError, which names all of them, if several items have one output."""
    sources: dict[str, list[Item]] = {}
    for item in items:
        key = item.target if places.is_url(item.target) else _key(item.target)
        sources.setdefault(key, []).append(item)
    clashes = [group for group in sources.values() if len(group) > 1]
    if not clashes:
        return
    told, appended = [], True
    for group in clashes:
        head = ", ".join(f"'{item.source}'" for item in group[:-1])
        both = "both" if len(group) == 2 else "all"
        told.append(f"{head} and '{group[-1].source}' would {both} be written to '{group[0].target}'")
        appended &= len({PurePath(item.source).name for item in group}) == len(group)
    names = ", ".join(PurePath(item.source).name + suffix for item in clashes[0])
    more = f", or append=True: {names}" if appended else ""
    raise UsageError(", ".join(told), "a different output for each" + more)


def _key(name: str) -> str:
    """The same for all names of a file, but not for links to it."""
    if name == places.STANDARD or places.is_url(name):
        return name
    folder, last = os.path.split(os.path.join(os.getcwd(), name))
    return os.path.join(_real(folder), os.path.normcase(last))


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


def outcomes(
    plan: Plan, work: Work, processes: int = 1, scheduler: str | None = None, late: list[Outcome] | None = None
) -> Generator[Outcome, None, None]:
    """What becomes of each item and each problem of the plan, as they are ready.

    scheduler: the address of a Dask cluster's, which then does it; late: as of `Work.outcomes`.
    Raises as `Work.open` and `cluster.outcomes`.
    """
    late = [] if late is None else late
    existing = None
    if plan.folder and places.is_url(plan.folder):
        found = places.files_in(plan.folder, recursive=True)
        existing = frozenset(places.join(plan.folder, below) for _, below, _ in found)
    work = replace(work, make_folders=plan.folder is not None, existing=existing)
    for folder in {os.path.dirname(i.target) for i in plan.items if i.target and not places.is_url(i.target)}:
        sweep(folder)
    yield from (failed(Item(problem.file or "", ""), problem) for problem in plan.problems)
    processes = min(processes, len(plan.items))
    if scheduler:
        from . import cluster

        yield from cluster.outcomes(work, plan.items, scheduler)
    elif processes > 1:
        from . import pool

        yield from pool.outcomes(work, plan.items, processes, late)
    else:
        yield from work.outcomes(plan.items, late)


def paired(plan: Plan, folder: str, what: str, taken: frozenset[str], *, shared: bool) -> Plan:
    """The plan with a partner for each item; items without one become problems.

    folder: its tree is searched whole; or a file, the partner of all items; what: "mask" or "original", for errors;
    taken: suffixes of partners; shared: several items of one path may have one, as files of one picture.
    """
    if not places.is_folder(folder):
        return plan._replace(items=[item._replace(partner=folder) for item in plan.items])
    remarks, names = Remarks(), dict[str, str]()
    for name, below, _ in places.files_in(folder, recursive=True, remarks=remarks):
        if PurePosixPath(below).suffix.lower() in taken:
            names[below] = name
    by_stem: dict[str, list[str]] = {}
    for below in names:
        by_stem.setdefault(_stem(below), []).append(below)
    chosen = {item: _choices(item, names, by_stem) for item in plan.items}
    uses = Counter(found[0] for item, found in chosen.items() if len(found) == 1)
    paths = {below: {item.below for item, found in chosen.items() if found == [below]} for below in uses}
    items, problems = [], [*plan.problems, *remarks.problems]
    for item, found in chosen.items():
        if not found:
            expected = f"an image in '{folder}' of the same path or name"
            problems.append(ImageError(f"there is no {what} for it", expected, file=item.source))
        elif len(found) > 1:
            listed = " or ".join(f"'{names[below]}'" for below in found)
            problems.append(ImageError(f"its {what} may be {listed}", "one file of that name", file=item.source))
        elif uses[found[0]] > 1 and not (shared and len(paths[found[0]]) == 1):
            finding = f"'{names[found[0]]}' is the {what} of {uses[found[0]]} files"
            expected = f"a {what} for each, in folders like theirs"
            problems.append(ImageError(finding, expected, file=item.source))
        else:
            items.append(item._replace(partner=names[found[0]]))
    return plan._replace(items=items, problems=problems)


def _choices(item: Item, names: dict[str, str], by_stem: dict[str, list[str]]) -> list[str]:
    """The paths of the files that may be meant: at the item's own path, or else side by side in the folder."""
    for path in (item.below, PurePosixPath(item.below).name):
        for exact in (path, _stem(path)):  # the latter of a.jpg.lat is a.jpg
            if exact in names:
                return [exact]
        if found := by_stem.get(_stem(path)):
            return found
    return []


def _stem(path: str) -> str:
    """A path without its last suffix."""
    return str(PurePosixPath(path).with_suffix(""))
