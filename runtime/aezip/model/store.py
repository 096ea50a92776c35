"""Where model packages are: names and fingerprints → packages.

A name is searched for in the folders of $AEZIP_MODELS, then in the user's folder, then among aezip's own weights. A
file's fingerprint is searched for in all of these, among the decoders of released models, beside the file, and in the
user's places. `copies_of` says what would be lost with one folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import AezipError, ModelNotFound, ModelUnfit, PackageDamaged, UnknownFingerprint
from ..storage import places
from . import archives, home, releases, sources
from .home import user_folder
from .packages import SUFFIX, XZ, Package, PackageInfo, describe

INCLUDED = Path(__file__).parents[1] / "weights"
EVERYWHERE = (
    f"its package (aezip models install FILE{SUFFIX}), a place that has it (aezip models add PLACE), or a newer aezip"
)


def folders() -> list[Path]:
    """Where packages are looked for: $AEZIP_MODELS (as PATH is written), the user's folder, aezip's own."""
    own = user_folder()
    return [*extra_folders(), *([own] if own else []), INCLUDED]


def extra_folders() -> list[Path]:
    """Those of $AEZIP_MODELS."""
    return [Path(p) for p in os.environ.get("AEZIP_MODELS", "").split(os.pathsep) if p]


def installed() -> list[PackageInfo]:
    """All packages that decoding can find on this machine, in the order of the search; damaged ones are left out."""
    return _search()[0]


def older_releases() -> list[PackageInfo]:
    """The decoders of released models that newer ones have taken the place of."""
    listed = (INCLUDED / release.file for release in releases.releases(INCLUDED))
    return [describe(path) for path in listed if path.suffix == XZ and path.exists()]


def release_of(fingerprint: bytes) -> str | None:
    """NAME-VERSION of a released model."""
    return next((r.full_name for r in releases.releases(INCLUDED) if r.fingerprint == fingerprint), None)


def _search() -> tuple[list[PackageInfo], list[PackageDamaged]]:
    found, damaged = [], []
    for folder in folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                found.append(describe(path))
            except PackageDamaged as error:
                damaged.append(error)
            except ModelNotFound:  # gone since it was listed
                continue
    return found, damaged


def find(model: str) -> PackageInfo:
    """The package of a name or a path; of a released one's full name, too.  Raises ModelNotFound, PackageDamaged."""
    if is_path(model):
        return describe(Path(model))
    for folder in folders():
        path = folder / f"{model}{SUFFIX}"
        if path.exists():
            return describe(path)
    release = next((r for r in releases.releases(INCLUDED) if r.full_name == model), None)
    if release:
        whole = [about for about in installed() if about.fingerprint == release.fingerprint and not about.half]
        return whole[0] if whole else describe(INCLUDED / release.file)
    known = ", ".join(sorted({m.path.stem for m in installed()})) or "none"
    raise ModelNotFound(f"no model named '{model}'", f"one of: {known}; or a path ending in {SUFFIX}")


def is_path(model: str) -> bool:
    """Whether a model is named by its package's path."""
    return model.endswith(SUFFIX) or os.sep in model


def find_fingerprint(
    fingerprint: bytes,
    own: PackageInfo | None = None,
    beside: Iterable[Path] = (),
    *,
    offline: bool = False,
    member: str = "",
) -> PackageInfo:
    """The package that decodes files of this fingerprint.

    Args:
        fingerprint: Of the files.
        own: A package that is at hand.
        beside: Folders `.aezip` that archives carry.
        offline: Places of the web are not asked.
        member: What the package had better hold.

    Returns:
        The package; if there is only an encoder's half, that, which can still check files.

    Raises:
        UnknownFingerprint: There is none; it says where else it was looked for.
    """
    found, damaged = _search()
    fitting = [m for m in ([own] if own else []) + found if m.fingerprint == fingerprint and not m.task]
    wrong: list[AezipError] = list(damaged[:1])
    decoding = [m for m in fitting if m.decodes]
    if decoding:
        return next((m for m in decoding if member in m.members), decoding[0])
    for about in _elsewhere(fingerprint, beside, offline or home.is_offline()):
        if isinstance(about, PackageInfo):
            return about
        wrong.append(about)
    if fitting:
        return fitting[0]
    raise UnknownFingerprint(_finding(fingerprint, wrong), EVERYWHERE)


def _elsewhere(fingerprint: bytes, beside: Iterable[Path], offline: bool) -> Iterator[PackageInfo | AezipError]:
    """Packages that are not installed, and what was wrong with others."""
    for release in releases.releases(INCLUDED):
        if release.fingerprint == fingerprint:
            try:
                yield describe(INCLUDED / release.file)
            except AezipError as error:
                yield error
    for folder in beside:
        try:
            about = archives.find(folder, fingerprint)
        except AezipError as error:
            yield error
            continue
        if about:
            yield about
    try:
        listed = home.places()
    except AezipError as error:
        yield error
        return
    yield from sources.find(fingerprint, listed, home.own_folder, offline)


def _finding(fingerprint: bytes, wrong: list[AezipError]) -> str:
    release = release_of(fingerprint)
    name = f"{release} ({fingerprint.hex()})" if release else fingerprint.hex()
    details = "; ".join(f"{error.file}: {error.finding}" if error.file else error.finding for error in wrong)
    return f"written by the model {name}, which is not installed" + (f" ({details})" if details else "")


def find_codec(model: str) -> Package:
    """The package of a name or a path that codes pictures.  Raises ModelNotFound, ModelUnfit, PackageDamaged."""
    about = find(model)
    if about.task:
        raise ModelUnfit(
            f"the model '{about.name}' cannot compress pictures; it is for {about.task}", "a model that can"
        )
    return Package(about)


def installed_names() -> dict[bytes, str]:
    """Fingerprint → name of what this machine has: full names of released models, else of packages.

    Empty if that cannot be found out.
    """
    try:
        own = {model.fingerprint: model.name for model in reversed(installed())}
        return {**own, **{release.fingerprint: release.full_name for release in releases.releases(INCLUDED)}}
    except Exception:
        return {}


def package(name: str) -> Package:
    """A codec's package, which stays read until its file changes.  Raises as `find` and `find_codec` do."""
    path = find(name).path
    seen = os.stat(path)
    return _read(os.fspath(path), seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _read(path: str, mtime_ns: int, size: int) -> Package:
    return find_codec(path)


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
        Copy(str(about.path), about.path.parent == user_folder())
        for about in installed()
        if about.fingerprint == fingerprint and about.decodes
    ]
    for release in releases.releases(INCLUDED):
        path = INCLUDED / release.file
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
