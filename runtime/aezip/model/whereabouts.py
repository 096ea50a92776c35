"""Where a model's decoder is kept: what is lost with one folder, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import AezipError
from ..storage import places
from . import archives, home, releases, sources, store

USER, EXTRA, OWN, ARCHIVE, PLACE = "user", "AEZIP_MODELS", "aezip", "archive", "place"


class Spot(NamedTuple):
    """One of the places that have a decoder."""

    kind: str  # USER …
    where: str  # a file or URL


def spots(fingerprint: bytes, beside: Iterable[Path] = (), *, offline: bool = False) -> list[Spot]:
    """Where the decoder of a model is; places that cannot be asked are taken not to have it.

    Args:
        fingerprint: Of the model.
        beside: Folders `.aezip` of the archives that are looked at.
        offline: Places of the web are not asked.
    """
    found = []
    user, extra = home.user_folder(), store.extra_folders()
    for about in store.installed():
        if about.fingerprint == fingerprint and about.decodes:
            folder = about.path.parent
            kind = EXTRA if folder in extra else USER if folder == user else OWN
            found.append(Spot(kind, str(about.path)))
    for release in releases.releases(store.INCLUDED):
        path = store.INCLUDED / release.file
        if release.fingerprint == fingerprint and path.exists() and str(path) not in [spot.where for spot in found]:
            found.append(Spot(OWN, str(path)))
    for folder in beside:
        try:
            carried = archives.find(folder, fingerprint)
        except AezipError:
            continue
        if carried:
            found.append(Spot(ARCHIVE, str(carried.path)))
    return found + _placed(fingerprint, offline or home.is_offline())


def _placed(fingerprint: bytes, offline: bool) -> list[Spot]:
    found = []
    try:
        listed = home.places()
    except AezipError:
        return []
    for place in listed:
        try:
            if not (offline and places.is_url(place.name)) and fingerprint in sources.index_of(place):
                found.append(Spot(PLACE, place.name))
        except AezipError:
            continue
    return found
