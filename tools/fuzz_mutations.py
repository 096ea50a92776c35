"""How hostile files are made (tools/fuzz.py): golden files, and what is done to them.

In: a source of random numbers and the corpus. Out: bytes. Nothing here depends on anything else, so a seed
makes the same input everywhere.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent.parent / "tests/golden"
HEADER = struct.Struct("<6sBBIIHBB8s")
EDGES = (
    0,
    1,
    2,
    3,
    15,
    16,
    17,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    1000,
    1001,
    1023,
    4095,
    65535,
    2**16,
    2**20,
    2**20 + 1,
    2**22,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
TYPES = (
    b"iCCP",
    b"eXIF",
    b"xMPx",
    b"rESO",
    b"ALPH",
    b"LATN",
    b"PTCH",
    b"PIXL",
    b"iPTC",
    b"xMPe",
    b"cOMM",
    b"tEXt",
    b"aBCD",
    b"ABCD",
    b"\0\0\0\0",
    b"lat1",
    b"latn",
)

Section = tuple[bytes, bytes]  # type, data


class Chosen(random.Random):
    """Random numbers that are the bytes of a fuzzer, then zeros."""

    def __new__(cls, data: bytes) -> Chosen:
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data, self._at = data, 0

    def getrandbits(self, k: int) -> int:
        size = -(-k // 8)
        part = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(part, "little") & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(16) / 2**16


class Corpus:
    """The golden files, parsed."""

    def __init__(self, folder: Path = GOLDEN) -> None:
        self.package = folder / "reduced/tiny.aezm"
        self.files = [path.read_bytes() for path in sorted(folder.glob("*.lat"))]
        self.sections = [sections_of(data) for data in self.files]
        with zipfile.ZipFile(self.package) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        with np.load(io.BytesIO(self.members["tables.npz"])) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}

    def written_by(self, rng: random.Random, fingerprint: bytes) -> bytes:
        """A golden file, as if a model of this fingerprint had written it."""
        which = rng.randrange(len(self.files))
        head = bytearray(self.files[which][: HEADER.size])
        head[20:28] = fingerprint
        return sealed(bytes(head), self.sections[which])

    def picture(self, rng: random.Random) -> NDArray[np.uint8]:
        """A small noisy picture [H, W, 3]."""
        h, w = rng.randint(1, 40), rng.randint(1, 40)
        return np.frombuffer(rng.randbytes(h * w * 3), np.uint8).reshape(h, w, 3)


def sections_of(data: bytes) -> list[Section]:
    """The sections of a whole file."""
    found, at = [], HEADER.size + 4
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        found.append((kind, data[at + 12 : at + 12 + length]))
        at += 12 + length
    return found


def mutate_early(rng: random.Random, corpus: Corpus) -> bytes:
    """A file of latents that is cut off behind their section's beginning, damaged or not, whatever its flags say."""
    which = rng.choice([n for n, sections in enumerate(corpus.sections) if sections[-1][0] == b"LATN"])
    data, body = corpus.files[which], corpus.sections[which][-1][1]
    if rng.random() < 0.5:
        head = bytearray(data[: HEADER.size])
        head[19] = rng.randrange(4)
        data = sealed(bytes(head), corpus.sections[which])
    start = len(data) - len(body)
    kept = data[start : start + rng.randrange(len(body) + 1)]
    if rng.random() < 0.5:
        kept = substituted(rng, kept)
    return data[:start] + kept


def sealed(head: bytes, sections: list[Section]) -> bytes:
    """A file with right checksums.  head: the header's 28 bytes"""
    parts = [head, struct.pack("<I", zlib.crc32(head))]
    for kind, data in sections:
        parts += [kind, struct.pack("<II", len(data), zlib.crc32(data, zlib.crc32(kind))), data]
    return b"".join(parts)


def substituted(rng: random.Random, data: bytes) -> bytes:
    """As long as before, with some bytes changed."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16)) if out else 0):
        at = rng.randrange(len(out))
        kind = rng.randrange(4)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.randrange(256)
        elif kind == 2:
            part = rng.choice(EDGES).to_bytes(4, "little")[: len(out) - at]
            out[at : at + len(part)] = part
        else:
            size = rng.randrange(1, 33)
            source = rng.randrange(len(out))
            part = bytes(out[source : source + min(size, len(out) - at)])
            out[at : at + len(part)] = part
    return bytes(out)


def mangled(rng: random.Random, data: bytes) -> bytes:
    """Changed, cut, grown, repeated, or made up."""
    kind, at = rng.randrange(10), rng.randrange(len(data) + 1)
    if kind < 5:
        return substituted(rng, data)
    end = min(len(data), at + rng.choice((1, 2, 4, 8, 64, 1024)))
    if kind == 5:
        return data[:at]
    if kind == 6:
        return data[:at] + data[end:]
    if kind == 7:
        return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 8, 64))) + data[at:]
    if kind == 8:
        return data[:end] + data[at:end] * rng.choice((1, 2, 8)) + data[end:]
    return rng.randbytes(rng.choice((0, 1, 2, 5, 16, 64, 300)))


def mutate_bytes(rng: random.Random, corpus: Corpus) -> bytes:
    """Any change that no checksum knows of."""
    data = rng.choice(corpus.files)
    kind = rng.randrange(8)
    if kind == 0:
        return data[: rng.randrange(len(data))]
    if kind == 1:
        return data + rng.randbytes(rng.choice((1, 4, 12, 13, 100)))
    out = substituted(rng, data)
    if out == data:
        at = rng.randrange(len(data))
        out = data[:at] + bytes((data[at] ^ rng.randrange(1, 256),)) + data[at + 1 :]
    return out


def mutate_header(rng: random.Random, corpus: Corpus) -> bytes:
    """Fields changed, or any bytes of the header; the checksum is right."""
    which = rng.randrange(len(corpus.files))
    head = corpus.files[which][: HEADER.size]
    if rng.random() < 0.2:
        return sealed(substituted(rng, head), corpus.sections[which])
    fields = list(HEADER.unpack(head))
    for _ in range(rng.choice((1, 1, 2, 3))):
        i = rng.choice((1, 2, 3, 3, 3, 4, 4, 4, 5, 6, 6, 7, 8))
        bits = {3: 32, 4: 32, 5: 16}.get(i, 8)
        if i == 8:
            fields[i] = rng.randbytes(8)
        elif rng.random() < 0.5:
            fields[i] = (fields[i] + rng.randint(-20, 20)) % 2**bits
        else:
            fields[i] = rng.choice(EDGES) % 2**bits
    return sealed(HEADER.pack(*fields), corpus.sections[which])


def mutate_sections(rng: random.Random, corpus: Corpus) -> bytes:
    """Sections other than the latents' changed; checksums are right."""
    which = rng.randrange(len(corpus.files))
    sections = list(corpus.sections[which])
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, kind = rng.randrange(len(sections) + 1), rng.randrange(9)
        chosen = min(at, len(sections) - 1)
        if kind == 0:
            sections.insert(at, (rng.choice(TYPES), rng.randbytes(rng.choice((0, 1, 2, 17, 64, 700)))))
        elif kind == 1 and sections:
            sections.insert(at, rng.choice(sections))
        elif kind == 2 and sections:
            del sections[chosen]
        elif kind == 3 and sections:
            sections[chosen] = (rng.choice(TYPES), sections[chosen][1])
        elif kind == 4:
            sections = [(b"aBCD", b"")] * rng.choice((3, 63, 64, 300)) + sections
        elif kind == 5:
            sections.insert(0, (b"ALPH", _alpha(rng, corpus.files[which])))
        elif kind == 6:
            sections.insert(0, (b"eXIF", _exif(rng)))
        elif kind == 7:
            sections.insert(0, (b"rESO", struct.pack("<B4I", rng.randrange(6), *(rng.choice(EDGES) for _ in "1234"))))
        elif sections:
            sections[chosen] = (sections[chosen][0], mangled(rng, sections[chosen][1]))
    return sealed(corpus.files[which][: HEADER.size], sections)


def mutate_stream(rng: random.Random, corpus: Corpus) -> bytes:
    """The latents' section changed or made up; checksums are right.  Sometimes the quality is another, too."""
    which = rng.randrange(len(corpus.files))
    *others, (kind, data) = corpus.sections[which]
    head = bytearray(corpus.files[which][: HEADER.size])
    if rng.random() < 0.2:
        head[16:18] = rng.randrange(1001).to_bytes(2, "little")
    form = rng.random()
    if form < 0.25:  # a stream with a sound head
        lanes = rng.randrange(9)
        states = b"".join(
            struct.pack("<I", rng.choice((2**16, 2**31, rng.randrange(2**16, 2**32)))) for _ in range(1 << lanes)
        )
        data = bytes((lanes,)) + states + rng.randbytes(2 * rng.choice((0, 1, 8, 100, 1000)))
    elif form < 0.5:  # whole words changed, behind the head
        start = min(1 + 4 * (1 << (data[0] & 7)), len(data))
        data = data[:start] + substituted(rng, data[start:])
    else:
        data = mangled(rng, data)
    return sealed(bytes(head), [*others, (kind, data)])


def _alpha(rng: random.Random, file: bytes) -> bytes:
    """An alpha section that fits, or nearly."""
    width, height = struct.unpack_from("<II", file, 8)
    count = -(-height // 256)
    if rng.random() < 0.2:
        return bytes((rng.randrange(3), rng.randrange(256)))
    bands = []
    for band in range(count):
        rows = min(256, height - 256 * band)
        size = max(0, rows * width + rng.choice((0, 0, 0, 1, -1, 10**6)))
        bands.append(bytes((rng.choice((0, 1, 2, 3, 4)),)) + mangled(rng, zlib.compress(bytes(size), 9)))
    lengths = [len(band) + (rng.random() < 0.05) for band in bands]
    return bytes((rng.choice((1, 1, 1, 2)),)) + struct.pack(f"<{count}I", *lengths) + b"".join(bands)


def _exif(rng: random.Random) -> bytes:
    """Exif with an orientation, and sometimes pointers that go in circles."""
    order = rng.choice("<>")
    tags = [(274, 3, 1, rng.choice((0, 1, 6, 8, 9, 65535)))]
    for _ in range(rng.randrange(4)):
        tag = rng.choice((34665, 34853, 40965, 282, 306, 700, rng.randrange(65536)))
        tags.append((tag, rng.randrange(14), rng.choice(EDGES), rng.choice((0, 8, 26, 2**31, 2**32 - 1))))
    body = struct.pack(order + "H", rng.choice((len(tags), len(tags), 65535, 0)))
    body += b"".join(struct.pack(order + "HHII", *tag) for tag in tags) + struct.pack(order + "I", rng.choice((0, 8)))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return rng.choice((b"", b"Exif\0\0")) + (mangled(rng, head + body) if rng.random() < 0.3 else head + body)
