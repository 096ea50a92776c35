"""Where a model's decoder is kept: what is lost with one folder, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import AezipError
from ..storage import places
from . import archives, home, releases, sources, store


class Copy(NamedTuple):
    """A copy of a model's decoder."""

    where: str  # a file or URL
    user: bool = False  # whether it is in the user's folder


def copies_of(fingerprint: bytes, beside: Iterable[Path] = (), *, offline: bool = False) -> list[Copy]:
    """Where the decoder of a model is; places that cannot be asked are taken not to have it.

    Args:
        fingerprint: Of the model.
        beside: Folders `.aezip` of the archives that are looked at.
        offline: Places of the web are not asked.
    """
    found = [
        Copy(str(about.path), about.path.parent == home.user_folder())
        for about in store.installed()
        if about.fingerprint == fingerprint and about.decodes
    ]
    for release in releases.releases(store.INCLUDED):
        path = store.INCLUDED / release.file
        if release.fingerprint == fingerprint and path.exists() and str(path) not in [copy.where for copy in found]:
            found.append(Copy(str(path)))
    for folder in beside:
        try:
            carried = archives.find(folder, fingerprint)
        except AezipError:
            continue
        if carried:
            found.append(Copy(str(carried.path)))
    return found + _placed(fingerprint, offline or home.is_offline())


def _placed(fingerprint: bytes, offline: bool) -> list[Copy]:
    found = []
    try:
        listed = home.places()
    except AezipError:
        return []
    for place in listed:
        try:
            if not (offline and places.is_url(place.name)) and sources.has(place, fingerprint):
                found.append(Copy(place.name))
        except AezipError:
            continue
    return found
