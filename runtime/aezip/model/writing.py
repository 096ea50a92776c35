"""Packages as files: halves cut from a whole one, and the user's folder of models.

A half is a package without what only the other direction needs (`kinds.HALVES`). Its description says which
half it is and keeps the digests of all members, so that its fingerprint is the whole one's: files that it wrote
decode with the whole, and the other way round.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from ..errors import ModelError, ModelNotFound, OutputError, OutputExists, finding_of
from ..storage import files
from .home import own_folder
from .kinds import HALVES
from .packages import DESCRIPTION, SUFFIX, Package, PackageInfo, check, describe, read
from .store import INCLUDED, find

EPOCH = (1980, 1, 1, 0, 0, 0)


def split(package: Package, half: str, *, lean: bool = False) -> bytes:
    """The bytes of one half of a package.

    Args:
        package: A whole one, or this half.
        half: `encoder` or `decoder`.
        lean: Without what a package may hold and need not: other decoders.

    Raises:
        HalfPackage: It is the other half.
        PackageDamaged: A member is not as it was written.
    """
    package.require(half)
    (other,) = set(HALVES) - {half}
    about = package.about
    left_out = {*HALVES[other], *(about.kind.optional if lean else ())}
    members = {name: package.member(name) for name in about.members if name not in left_out}
    known = about.description["digests"]
    digests = {name: known[name] for name in known if not (lean and name in about.kind.optional)}
    description = {**about.description, "half": half, "digests": digests}
    return pack({**members, DESCRIPTION: description_text(description)})


def decoder_of(about: PackageInfo) -> bytes:
    """The bytes of the decoder's half of an installed package.  Raises HalfPackage, PackageDamaged."""
    return read(about.path) if about.half == "decoder" else split(Package(about), "decoder")


def description_text(description: dict[str, Any]) -> bytes:
    """The member that describes a package."""
    return json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def pack(members: dict[str, bytes]) -> bytes:
    """A package's bytes: stored, sorted, without times."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return file.getvalue()


def install(path: Path, *, force: bool = False) -> PackageInfo:
    """Check a package whole and copy it to the user's folder, where it is known by its file's name without suffix.

    force: put it in the place, or in front, of one of the same name. Raises ModelError and its kinds, OutputError.
    """
    check(describe(path))
    target = own_folder() / f"{path.stem}{SUFFIX}"
    if not force and (INCLUDED / target.name).exists():
        raise OutputExists(f"'{path.stem}' is a model inside aezip", "another name, or force=True", file=str(path))
    files.make_folder(target.parent)
    files.sweep(target.parent)  # what a killed process left, also of fetching
    files.atomic_write(target, files.read_bytes(path, ModelNotFound), force=force)
    return describe(target)


def own_package(name: str) -> Path:
    """Where a model is that `install` put into the user's folder.  Raises ModelNotFound."""
    folder = own_folder()
    path = folder / f"{name}{SUFFIX}"
    if not path.is_file() or path.parent != folder:
        finding = f"no model named '{name}'"
        with contextlib.suppress(ModelError):
            finding = f"'{name}' is in {find(name).path.parent}, not among the models you installed"
        raise ModelNotFound(finding, f"the name of one in {folder}")
    return path


def remove(name: str) -> Path:
    """Remove a model that `install` put into the user's folder; where it was.  Raises ModelNotFound, OutputError."""
    path = own_package(name)
    try:
        path.unlink()
    except OSError as e:
        raise OutputError(finding_of(e), "a file that can be removed", file=str(path)) from e
    return path
