"""What a package's description may say: the rules of `model.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .kinds import HALVES, REDUCED, Kind

PACKAGE_VERSION = 1
MAX_MARGIN = 64  # latents
# What a step² of error is worth, in bits, to an encoder that searches, unless the package says. A uniform quantiser's
# slope at high rate is 6 / ln 2 = 8.7; photographs at all rates, with a context that feeds on what is kept, ask for
# more of a model that was trained without the search. Chosen on validation pictures.
BITS_PER_ERROR = 25.0
CELL_ERRORS = 9, 8  # evenly spaced qualities, classes of activity: of the table that `coding.cells` reads


def findings(kind: Kind, said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the description of a package of this kind says that none can be, and what it might say.

    Raises what wrong types raise, for it may say anything.
    """
    if int(said["version"]) != PACKAGE_VERSION:
        yield f"package version {said['version']}", f"{PACKAGE_VERSION}; update aezip"
    for key in ("name", "summary"):  # which are printed
        if any(sign < " " or "\x7f" <= sign < "\xa0" for sign in str(said.get(key, ""))):
            yield f"a {key} with control characters", "a line of text"
    if said.get("half") not in (None, *(HALVES if kind.codes else ())):
        yield f"half '{said['half']}'", "encoder or decoder"
    if said.get("channels", 3) not in kind.channels:
        yield f"channels {said['channels']}", " or ".join(map(str, kind.channels))
    margins = said.get("margins")
    for name in (*kind.windowed, *(name for name in REDUCED.values() if f"{name}.onnx" in said["digests"])):
        margin = margins.get(name) if isinstance(margins, dict) else None
        if type(margin) is not int or not 0 <= margin <= MAX_MARGIN:
            yield f"a margin of {margin} for the {name}", f"0 to {MAX_MARGIN} latents"
    for key, limit in kind.pixels.items():
        pixels = said.get(key, 2)
        if type(pixels) is not int or not 2 <= pixels <= limit:
            yield f"a {key} of {pixels}", f"2 to {limit} pixels"
    errors = said.get("cell_errors")
    if errors is not None and not _is_table(errors, *CELL_ERRORS):
        yield "cell_errors that are no table", f"{CELL_ERRORS[0]} rows of {CELL_ERRORS[1]} numbers above 0"
    worth = said.get("bits_per_error", BITS_PER_ERROR)
    if type(worth) not in (int, float) or not 0 < worth < 1e6:
        yield f"bits_per_error {worth}", "a number above 0"


def _is_table(found: Any, rows: int, columns: int) -> bool:
    """Whether it is so many rows of so many numbers above 0."""
    if not isinstance(found, list) or len(found) != rows:
        return False
    return all(
        isinstance(row, list)
        and len(row) == columns
        and all(type(number) in (int, float) and 0 < number < 1e6 for number in row)
        for row in found
    )
