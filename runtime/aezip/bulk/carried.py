"""Archives that carry their decoders (FORMAT.md §11), in `.aezip` at the root of outputs; and what archives need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..errors import UsageError, about
from ..format.container import NO_MODEL
from ..model import archives, sources, store, writing
from ..model.packages import PackageInfo
from ..storage import places
from .plan import Plan


def roots(plan: Plan) -> list[str]:
    """The folders, or URLs, below which all outputs of a plan lie: of each input folder its own."""
    if plan.folder:
        return [plan.folder]
    found: dict[str, None] = {}
    for item in plan.items:
        root = _above(item.target)
        for part in reversed(item.below.split("/")[:-1]):
            if places.last_of(root) == part:
                root = _above(root)
        found[root] = None
    return list(found)


def carrying(plan: Plan) -> list[str]:
    """Those roots that carry a decoder already."""
    return [root for root in roots(plan) if not places.is_url(root) and (Path(root) / archives.FOLDER).is_dir()]


def carry(folders: Iterable[str], model: PackageInfo) -> Iterator[tuple[str, int]]:
    """Put a model's decoder beside the files of each folder; where it was put, and its bytes.

    Raises UsageError for a pipe, HalfPackage if the model has no decoder, OutputError.
    """
    data = writing.decoder_of(model)
    for folder in folders:
        if folder == places.STANDARD:
            raise UsageError("a pipe cannot carry a model", "outputs that are files")
        path = archives.keep(folder, model.fingerprint, data)
        if path:
            if places.is_url(folder):  # where it is added as a place
                sources.add_to_index(places.join(folder, archives.FOLDER), model, len(data))
            yield path, len(data)


def _above(name: str) -> str:
    if name == places.STANDARD:
        return name
    return name.rpartition("/")[0] if places.is_url(name) else str(PurePath(name).parent)


@dataclass
class Need:
    """A model that files need."""

    fingerprint: bytes
    files: int = 0
    folders: dict[str, None] = field(default_factory=dict)  # of the files
    first: str = ""  # one of the files

    def copies(self, *, offline: bool = False) -> list[store.Copy]:
        """Where its decoder is kept; in archives only if those of all files carry it."""
        found = [archives.search(_file_in(folder), self.fingerprint) for folder in self.folders]
        whole = dict.fromkeys(about.path.parent for about in found if about)
        return store.copies_of(self.fingerprint, whole if None not in found else (), offline=offline)

    def find(self, own: PackageInfo | None = None, *, offline: bool = False) -> PackageInfo:
        """Its package; own: one that is at hand.  Raises UnknownFingerprint, for one of the files."""
        beside = dict.fromkeys(path for folder in self.folders for path in archives.folders_of(_file_in(folder)))
        with about(self.first):
            return store.find_fingerprint(self.fingerprint, own, beside, offline=offline)


def _file_in(folder: str) -> str:
    return places.join(folder, "a.lat")


@dataclass
class Needed:
    """The models that files need."""

    needs: dict[bytes, Need] = field(default_factory=dict)  # by fingerprint

    def add(self, fingerprint: bytes, source: str) -> None:
        """Count a file; one without loss needs none, and of a pipe there is no place."""
        if fingerprint == NO_MODEL or source == places.STANDARD:
            return
        need = self.needs.setdefault(fingerprint, Need(fingerprint, first=source))
        need.files += 1
        need.folders[_above(source)] = None

    def only_here(self, *, offline: bool = False) -> Iterator[Need]:
        """Those whose decoders are in the user's folder, or only in a package that was named, and nowhere else."""
        for need in self.needs.values():
            if all(copy.user for copy in need.copies(offline=offline)):
                yield need
