"""The user's folder of installed packages, and the list of places where other packages are searched for.

The list is `places.json` beside that folder: [{"place": PLACE}, …], a place that is one package with its "fingerprint".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from ..errors import AezipError, ModelError, ModelNotFound
from ..storage import files

OFFLINE = "AEZIP_OFFLINE"  # a setting in the environment
LIST = "places.json"


class Place(NamedTuple):
    """A folder, or a package, on this machine or elsewhere."""

    name: str  # an absolute path, or a URL
    fingerprint: bytes | None = None  # of the package that it is; None: it is a folder with an index


def user_folder() -> Path | None:
    """Where `aezip models install` puts packages, None where nobody has a home.

    $XDG_DATA_HOME/aezip/models if that is set; else ~/.local/share, on macOS ~/Library/Application Support, on Windows
    %LOCALAPPDATA% in its place.
    """
    data = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(data):  # as the XDG base directory specification asks
        try:
            home = Path.home()
        except RuntimeError:
            return None
        places = {
            "win32": os.environ.get("LOCALAPPDATA") or home / "AppData/Local",
            "darwin": home / "Library/Application Support",
        }
        data = str(places.get(sys.platform, home / ".local/share"))
    return Path(data) / "aezip" / "models"


def own_folder() -> Path:
    """The same where it is needed.  Raises AezipError where nobody has a home."""
    folder = user_folder()
    if folder is None:
        raise AezipError("there is no home folder to keep models in: set XDG_DATA_HOME")
    return folder


def is_offline() -> bool:
    """Whether the environment forbids to ask places of the web."""
    return os.environ.get(OFFLINE, "0") not in ("", "0")


def places() -> list[Place]:
    """The places that the user added, in that order.  Raises ModelError if the list is damaged."""
    folder = user_folder()
    if folder is None or not (folder.parent / LIST).exists():
        return []
    file = folder.parent / LIST
    try:
        listed = json.loads(files.read_bytes(file))
        return [Place(str(e["place"]), bytes.fromhex(e["fingerprint"]) if "fingerprint" in e else None) for e in listed]
    except (ValueError, KeyError, TypeError, RecursionError):
        expected = "one written by `aezip models add`, or none"
        raise ModelError("not a list of places", expected, file=str(file)) from None


def add(place: Place) -> None:
    """Put a place at the end of the list, or in the place of itself.  Raises ModelError, OutputError."""
    kept = [other for other in places() if other.name != place.name]
    _write([*kept, place])


def forget(name: str) -> None:
    """Take a place off the list; what was fetched from it stays.  Raises ModelNotFound, ModelError, OutputError."""
    listed = places()
    kept = [place for place in listed if place.name not in (name, os.path.abspath(name))]
    if len(kept) == len(listed):
        known = ", ".join(place.name for place in listed) or "none was added"
        raise ModelNotFound(f"'{name}' is not among your places", f"one of them ({known})")
    _write(kept)


def _write(listed: list[Place]) -> None:
    file = own_folder().parent / LIST
    entries = [
        {"place": place.name, **({"fingerprint": place.fingerprint.hex()} if place.fingerprint else {})}
        for place in listed
    ]
    files.make_folder(file.parent)
    files.atomic_write(file, json.dumps(entries, indent=1).encode() + b"\n", force=True)
