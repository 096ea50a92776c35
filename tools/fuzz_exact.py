"""Hostile exact pixels and patches (FORMAT.md §9): files made up around them, for tools/fuzz.py.

In: a source of random numbers and the corpus. Out: bytes of a `.lat` file whose checksums are right. Most are sound or
nearly so, for damage behind the checksum of a zlib stream must be put in before it is deflated.
"""

from __future__ import annotations

import random
import struct
import zlib

from fuzz_mutations import HEADER, Corpus, mangled, sealed

BAND_BYTES = 2**22
LARGE = ((1, 2**20), (2**18, 4), (3, 2**17), (2**19 + 1, 1), (1024, 1024))  # width, height


def mutate_exact(rng: random.Random, corpus: Corpus) -> bytes:
    """A file with exact pixels, or a golden one with patches."""
    return _pixels(rng) if rng.random() < 0.5 else _patched(rng, corpus)


def _pixels(rng: random.Random) -> bytes:
    width, height = rng.choice(LARGE) if rng.random() < 0.03 else (rng.randint(1, 40), rng.randint(1, 40))
    channels = rng.choice((1, 3))
    head = HEADER.pack(b"\xaeLAT\r\n", 1, channels, width, height, 1000, 0, 0, bytes(8))
    deep = rng.random() < 0.3
    sections = [(b"PIXL", _damaged(rng, body(rng, height, width, channels, deep)))]
    if deep:
        sections.insert(
            0,
            (
                b"dPTH",
                bytes(
                    (
                        rng.choice(
                            (9, 12, 16, 16, 16, rng.randrange(256)),
                        ),
                    )
                ),
            ),
        )
    if rng.random() < 0.05:
        sections.insert(rng.randrange(2), (rng.choice((b"PTCH", b"PIXL", b"LATN", b"ALPH")), rng.randbytes(9)))
    if rng.random() < 0.05:
        at = rng.randrange(16, len(head))
        head = head[:at] + bytes((rng.randrange(256),)) + head[at + 1 :]
    return sealed(head, sections)


def _patched(rng: random.Random, corpus: Corpus) -> bytes:
    which = rng.randrange(len(corpus.files))
    head, sections = corpus.files[which][: HEADER.size], corpus.sections[which]
    _, _, channels, width, height, *_ = HEADER.unpack(head)
    count = -(-width // 16) * -(-height // 16)
    marked = rng.getrandbits(count) if rng.random() < 0.7 else rng.choice((0, 1, 2**count - 1, 2 ** (count - 1)))
    size = -(-count // 8)
    bits = (marked << (8 * size - count)).to_bytes(size, "big")
    if rng.random() < 0.1:
        bits = mangled(rng, bits)
    stream = _deflated(rng, bits)
    cells = marked.bit_count() + (rng.random() < 0.05) - (rng.random() < 0.05)
    strip = body(rng, 16 * max(1, cells), 16, channels if rng.random() < 0.95 else 4 - channels)
    length = len(stream) if rng.random() < 0.95 else rng.choice((0, 1, len(stream) + len(strip), 2**32 - 1))
    patch = struct.pack("<I", length) + stream + strip
    sections = [s for s in sections if s[0] != b"PTCH" or rng.random() < 0.05]
    return sealed(head, [(b"PTCH", _damaged(rng, patch)), *sections])


def body(rng: random.Random, height: int, width: int, channels: int, deep: bool = False) -> bytes:
    """Exact pixels of a picture of this size, of any bits, palette and flags; a few with a wrong one.

    deep: of a picture of more than 8 bits.
    """
    palette = rng.random() < (0.02 if deep else 0.4)
    samples = 1 if palette else channels
    bits = rng.choice((1, 2, 4, 8)) if samples == 1 or rng.random() < 0.02 else 8
    bits = 16 if deep and rng.random() < 0.97 else bits
    flags = palette + 2 * (samples == 3 and rng.random() < 0.5)
    if rng.random() < 0.02:
        bits, flags = rng.randrange(256), rng.randrange(8)
    head = bytes((bits, flags))
    if palette:
        colours = min(256, 2 ** min(bits, 9)) if rng.random() < 0.7 else rng.randint(1, 256)
        head += bytes((colours - 1,)) + rng.randbytes(colours * channels)
    row = max(1, -(-width * samples * bits // 8))
    each = max(1, BAND_BYTES // row)
    bands = [_band(rng, min(each, height - top), row) for top in range(0, height, each)]
    lengths = [len(band) + (rng.random() < 0.005) for band in bands]
    return head + struct.pack(f"<{len(bands)}I", *lengths) + b"".join(bands)


def _band(rng: random.Random, rows: int, row: int) -> bytes:
    if rows * row > 2**14:
        lines = bytes((rng.randrange(4),)) + bytes(row - 1) + b"\1"
        plain = lines * rows
    else:
        wrong = 0.1 if rng.random() < 0.1 else 0.0
        kinds = rng.choices(range(5), (9, 9, 9, 9, wrong), k=rows)
        plain = b"".join(bytes((kind,)) + rng.randbytes(row) for kind in kinds)
    if rng.random() < 0.05:
        plain = plain[:-1] if rng.random() < 0.5 else plain + b"\0"
    return _deflated(rng, plain)


def _deflated(rng: random.Random, plain: bytes) -> bytes:
    data = zlib.compress(plain, rng.choice((0, 1, 6, 9)))
    if rng.random() < 0.02:
        data = mangled(rng, data)
    if rng.random() < 0.01:
        data = zlib.compress(bytes(2**26), 9)  # a bomb
    return data


def _damaged(rng: random.Random, data: bytes) -> bytes:
    return mangled(rng, data) if rng.random() < 0.15 else data
