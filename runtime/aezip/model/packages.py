"""The model package `.aezm`: a zip of graphs, tables and a description.

Members of a `Package` are read and checked against their digests when they are first needed. `describe` looks at the
description only, `check` at everything; `store` finds packages by name and by fingerprint. aezip's own decoders of
earlier releases are packages in xz (`releases`): nothing else is decompressed.

The fingerprint names what a decoder needs (`Kind.deciding`): an encoder can be
trained further, or be left out of a package, and old files still decode.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import HalfPackage, ModelNotFound, ModelUnfit, PackageDamaged, about
from ..storage import files
from . import onnx_check
from .description import BITS_PER_ERROR, findings
from .float_graphs import fine as made_fine
from .kinds import CODING, HALVES, HYPERPRIOR, REDUCED, RESTORING, SMALL, STATIC, GraphName, Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..entropy.tables import Tables
    from .ladder import Ladder

SUFFIX = ".aezm"
XZ = ".xz"  # behind the suffix of aezip's own
DESCRIPTION = "model.json"
MAX_MEMBER_BYTES = 2**28
MAX_PACKAGE_BYTES = 2**28  # of one that comes with an archive or out of the web
# What zipfile, json and numpy raise on bytes that nobody wrote on purpose.
UNREADABLE = (
    zipfile.BadZipFile,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    MemoryError,
)


@dataclass(frozen=True)
class PackageInfo:
    """A package as its description tells it."""

    name: str
    path: Path
    kind: Kind
    fingerprint: bytes  # 8 bytes
    size: int  # bytes of the package
    description: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the digests of all members: what makes the same files, not only reads them."""
        digests = self.description["digests"]
        return hashlib.sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode()).hexdigest()

    @property
    def half(self) -> str | None:
        """`encoder` or `decoder` of a package that lacks what only the other direction needs; None of a whole one."""
        return self.description.get("half")

    @property
    def members(self) -> tuple[str, ...]:
        """Names of what it holds besides its description."""
        optional = (name for name in self.kind.optional if name in self.description["digests"])
        lacks = next((names for half, names in HALVES.items() if self.half not in (None, half)), ())
        return tuple(name for name in (*self.kind.members, *optional) if name not in lacks)

    @property
    def channels(self) -> int:
        """Of the pictures that its graphs take: 3, or 1 of a model for grey pictures."""
        return int(self.description.get("channels", 3))

    @property
    def summary(self) -> str:
        return str(self.description.get("summary", ""))

    @property
    def task(self) -> str | None:
        """What a model that restores pictures does, None for one that codes them."""
        return None if self.kind.codes else self.kind.name

    @property
    def decodes(self) -> bool:
        """Whether it makes pictures of files."""
        return self.kind.codes and self.half != "encoder"

    @property
    def qualities(self) -> str:
        """The range of qualities, which every model that codes pictures has whole."""
        return "0…100" if self.kind.codes else "–"


def check(about: PackageInfo) -> None:
    """Read every member; graphs and tables have to be of their kind.  Raises PackageDamaged."""
    package = Package(about)
    for name in about.members:
        if name.endswith(".onnx"):
            package.graph(GraphName.of(name))
        else:
            package.member(name)
    package.check()


def read(path: Path) -> bytes:
    """The bytes of a package, decompressed.  Raises ModelNotFound, PackageDamaged."""
    if path.suffix != XZ:
        return files.read_bytes(path, ModelNotFound)
    try:
        return _expanded(path)
    except (OSError, *UNREADABLE) as error:
        raise PackageDamaged("cannot be decompressed", "a complete installation", file=str(path)) from error


def _opened(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path if path.suffix != XZ else io.BytesIO(_expanded(path)))


@lru_cache(maxsize=1)  # its members are read one after the other
def _expanded(path: Path) -> bytes:
    import lzma

    stream = lzma.LZMADecompressor(memlimit=MAX_MEMBER_BYTES)
    try:
        return stream.decompress(path.read_bytes(), MAX_MEMBER_BYTES)
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from error


def fingerprint_of(digests: dict[str, str], members: tuple[str, ...] = HYPERPRIOR.deciding) -> bytes:
    """First 8 bytes of the SHA-256 over `name digest` lines of the members that decoding (or the task) needs."""
    lines = "".join(f"{name} {digests[name]}\n" for name in members)
    return hashlib.sha256(lines.encode()).digest()[:8]


def describe(path: Path) -> PackageInfo:
    """Read a package's description.  Raises ModelNotFound, PackageDamaged."""
    try:
        with _opened(path) as package:
            description = json.loads(_member(package, DESCRIPTION, path))
        digests, task = description["digests"], description.get("task")
        kind = RESTORING[task] if task in tuple(RESTORING) else CODING[description.get("coding", HYPERPRIOR.name)]
        for name in (*kind.members, *(m for m in kind.optional if m in digests)):
            bytes.fromhex(digests[name])
        fingerprint = fingerprint_of(digests, kind.deciding)
        found = PackageInfo(str(description["name"]), path, kind, fingerprint, path.stat().st_size, description)
        wrong = next(findings(kind, description), None)
    except FileNotFoundError:
        raise ModelNotFound("no such model package", "a file written by aezip-export", file=str(path)) from None
    except OSError as error:
        raise PackageDamaged(f"cannot be read ({error.strerror})", "a readable file", file=str(path)) from None
    except UNREADABLE:
        raise PackageDamaged("not a complete model package", "a file written by aezip-export", file=str(path)) from None
    if wrong:
        raise PackageDamaged(f"{DESCRIPTION} says {wrong[0]}", wrong[1], file=str(path))
    return found


class Package:
    """A package's members, read once and checked against their digests."""

    def __init__(self, about: PackageInfo) -> None:
        self.about = about
        self.fingerprint = about.fingerprint

    def check(self) -> None:
        """Raise PackageDamaged unless tables and ladder are of the package's kind."""
        kind = self.about.kind
        if kind.codes:
            _ = self.tables, self.ladder  # which are checked when they are made, as are the next
        if kind.name == HYPERPRIOR.name:
            _ = self.skip
        elif kind.name == STATIC.name:
            _ = self.table

    def member(self, name: str) -> bytes:
        """A member's bytes.  Raises PackageDamaged when it is missing or not as it was written, HalfPackage."""
        path = self.about.path
        for half, names in HALVES.items():
            if name in names:
                self.require(half)
        try:
            with _opened(path) as package:
                data = _member(package, name, path)
        except (OSError, *UNREADABLE):
            raise self._damaged(f"cannot read {name}", "a complete model package") from None
        if hashlib.sha256(data).hexdigest() != self.about.description["digests"][name]:
            raise self._damaged(f"{name} does not match its digest", "the bytes it was exported with")
        return data

    def graph(self, name: GraphName) -> bytes:
        """A graph's bytes.  Raises as `member`, and PackageDamaged for one that packages do not hold."""
        data = self.member(name.member)
        with about(str(self.about.path)):
            onnx_check.check(name, data)
            return made_fine(name, data) if name.fine else data

    def require(self, half: str) -> None:
        """Raise HalfPackage unless the package can encode (`encoder`) or decode (`decoder`)."""
        if self.about.half not in (None, half):
            finding = f"this package is the {self.about.half} half of a model and cannot {half[:-1]}"
            older = self.about.path.suffix == XZ
            expected = "the newest release of its name" if older else f"the whole model, or its {half} half"
            raise HalfPackage(finding, expected, file=str(self.about.path))

    def fit(self, channels: int) -> None:
        """Raise ModelUnfit for a picture with more channels than the graphs know."""
        if channels > self.about.channels:
            finding = f"the model '{self.about.name}' codes grey pictures, and this one has {channels} channels"
            raise ModelUnfit(finding, "a grey picture, or a model for RGB")

    def decoder(self, scale: int) -> tuple[str, int]:
        """The decoder for pictures `scale` times smaller, or what comes next; and how many times smaller its are."""
        held = self.about.members
        found = ((name, own) for own, name in REDUCED.items() if own <= scale and f"{name}.onnx" in held)
        return next(found, ("decoder", 1))

    def encoding(self, fine: bool = False) -> tuple[GraphName, ...]:
        """The graphs that encode and look at what was made, as far as they are there; fine: for finer samples."""
        kind = self.about.kind
        roles = (*kind.encoding, *(() if self.about.half else kind.decoding))
        return tuple(
            GraphName(role, self.small and role == "decoder", fine and role in kind.windowed) for role in roles
        )

    def decoding(self, scale: int, fine: bool = False) -> tuple[GraphName, ...]:
        """The graphs that decode at this scale, in the order in which they are needed; fine: for finer samples."""
        return *map(GraphName, self.about.kind.decoding[:-1]), GraphName(self.decoder(scale)[0], fine=fine)

    def margin(self, transform: str) -> int:
        """Latents (of 16 pixels) that a transform must see around a part to make it as in the whole picture."""
        return int(self.about.description["margins"][transform])

    @property
    def small(self) -> bool:
        """Whether it holds a small decoder."""
        return f"{SMALL}.onnx" in self.about.members

    @property
    def exact_pixels(self) -> bool:
        """Whether the decoder makes the same pixels everywhere."""
        return self.about.description.get("exact_pixels") is True

    @property
    def bits_per_error(self) -> float:
        """What a step² of a latent's error is worth to the encoder's search, in bits."""
        return float(self.about.description.get("bits_per_error", BITS_PER_ERROR))

    @property
    def cell_errors(self) -> list[list[float]] | None:
        """Mean squared errors that no decoded cell of a photograph exceeds [9 qualities][8 classes], where it says."""
        return self.about.description.get("cell_errors")

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        import numpy as np

        data = self.member("tables.npz")
        try:
            arrays = arrays_of(data)
            if any(not np.issubdtype(array.dtype, np.integer) for array in arrays.values()):
                raise ValueError("numbers that are not whole")
            return {name: array.astype(np.int64) for name, array in arrays.items()}
        except (OSError, *UNREADABLE):
            raise self._damaged("tables.npz cannot be read", "integer arrays") from None

    @cached_property
    def tables(self) -> Tables:
        """The frequency tables, checked."""
        from ..entropy.tables import Tables

        tables: Tables = self._checked(Tables, "radius", "frequency")
        return tables

    @cached_property
    def ladder(self) -> Ladder:
        """The quality ladder, checked."""
        from .ladder import Ladder

        ladder: Ladder = self._checked(Ladder.of, *self.about.kind.gains)
        return ladder

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """Which table each channel has at evenly spaced qualities, of a static package.  [N, C]"""
        found: NDArray[np.int64] | None = self._arrays.get("table")
        channels = self.ladder.gain.shape[1]
        if found is None or found.ndim != 2 or len(found) < 2 or found.shape[1] != channels:
            shape = "none" if found is None else found.shape
            raise self._damaged(f"tables.npz says table {shape}", f"[N, {channels}]")
        if found.min() < 0 or found.max() > 63:
            finding = f"tables.npz says tables from {found.min()} to {found.max()}"
            raise self._damaged(finding, "0 to 63")
        return found

    @property
    def skip(self) -> int:
        """Latents under tables up to this index are not coded."""
        skip = self._arrays.get("skip")
        if skip is None or skip.ndim or not 0 <= skip < 64:
            raise self._damaged(f"tables.npz says skip {skip}", "0 to 63")
        return int(skip)

    def _checked(self, make: Callable[..., Any], *names: str) -> Any:
        missing = [name for name in names if name not in self._arrays]
        if missing:
            raise self._damaged(f"tables.npz lacks '{missing[0]}'", "all tables")
        with about(str(self.about.path)):
            value = make(*(self._arrays[name] for name in names))
            value.check()
        return value

    def _damaged(self, finding: str, expectation: str) -> PackageDamaged:
        return PackageDamaged(finding, expectation, file=str(self.about.path))


def _member(package: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        info = package.getinfo(name)
    except KeyError:
        raise PackageDamaged(f"{name} is missing", "a complete model package", file=str(path)) from None
    if package.namelist().count(name) > 1:
        raise PackageDamaged(f"{name} appears twice", "each member once", file=str(path))
    if info.file_size > MAX_MEMBER_BYTES or info.compress_type != zipfile.ZIP_STORED:
        raise PackageDamaged(f"{name} is compressed or too large", "a stored member", file=str(path))
    return package.read(info)


def arrays_of(data: bytes) -> dict[str, Any]:
    """The arrays of an .npz file's bytes.  Raises one of UNREADABLE, also for what is compressed: it may be a bomb.

    And for a name that appears twice, of which readers would choose one or the other.
    """
    import numpy as np

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if any(i.compress_type != zipfile.ZIP_STORED or i.file_size > len(data) for i in archive.infolist()):
            raise ValueError("a compressed member")
        if len(set(archive.namelist())) < len(archive.namelist()):
            raise ValueError("a member that appears twice")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
