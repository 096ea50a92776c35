"""Second files: the mask of each picture, the original of each .lat file; one for all, or out of a folder.

The folder mirrors the tree of the inputs, or holds all files side by side. Names are the same but for the suffix; the
very same name goes first (`a.jpg` for `a.jpg`, or for `a.jpg.lat`). Which file is meant is never guessed.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from ..errors import ImageError
from ..storage import places
from ..storage.folders import Remarks
from .plan import Plan
from .work import Item


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
