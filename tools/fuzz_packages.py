"""How hostile model packages are made (tools/fuzz.py): their zip, description, tables and graphs."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz_mutations import EDGES, Corpus, mangled

from aezip.model.wire import varint

JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    64,
    65,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "x" * 5000,
    "\ud800",
    [],
    {},
    [[]],
    "../../etc/passwd",
    "encoder",
    "decoder",
    "0" * 64,
    {"encoder": 1},
    {"encoder": -1, "decoder": 10**30},
)
NAMES = ("../evil", "/etc/evil", "a/../../b", "prior.onnx\0", "C:\\evil", "model.json", "decoder.onnx", "x" * 300, "")


def mutate_package(rng: random.Random, corpus: Corpus) -> bytes:
    """A model package; digests are right but where the zip itself is damaged."""
    members = dict(corpus.members)
    description = json.loads(members.pop("model.json"))
    kind = rng.randrange(10)
    if kind == 0:
        return mangled(rng, corpus.package.read_bytes())
    if kind in (1, 2, 3, 4):
        name = rng.choice([name for name in members if name.endswith(".onnx")])
        members[name] = (_graph if rng.random() < 0.7 else mangled)(rng, members[name])
    elif kind in (5, 6):
        members["tables.npz"] = _tables(rng, corpus) if rng.random() < 0.7 else mangled(rng, members["tables.npz"])
    elif kind == 7:
        del members[rng.choice(sorted(members))]
    if kind != 8 or rng.random() < 0.5:
        description["digests"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        for name in corpus.members.keys() - members.keys() - {"model.json"}:
            description["digests"][name] = "0" * 64
    if kind in (8, 9):
        _edit(rng, description)
    text = json.dumps(description).encode()
    if rng.random() < 0.1:
        text = mangled(rng, text)
    if rng.random() < 0.02:
        text = b"[" * 100_000
    entries = [("model.json", text), *members.items()]
    if rng.random() < 0.1:
        entries.append((rng.choice(NAMES), rng.randbytes(20)))
    return _zipped(rng, entries)


def _zipped(rng: random.Random, entries: list[tuple[str, bytes]]) -> bytes:
    file, packed = io.BytesIO(), rng.random() < 0.03
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = archive.compression
            if name not in archive.NameToInfo:
                archive.writestr(info, data)
    return file.getvalue()


def _edit(rng: random.Random, description: dict[str, Any]) -> None:
    """Another value, or none, somewhere in the description."""
    at = description
    while True:
        key = rng.choice([*sorted(at), "half", "bits_per_error"])
        if isinstance(at.get(key), dict) and at[key] and rng.random() < 0.6:
            at = at[key]
        else:
            break
    if rng.random() < 0.2:
        at.pop(key, None)
    else:
        at[key] = rng.choice(JSON_VALUES)


def _tables(rng: random.Random, corpus: Corpus) -> bytes:
    """tables.npz with other numbers, shapes or types."""
    arrays = {name: array.copy() for name, array in corpus.arrays.items()}
    name = rng.choice(sorted(arrays))
    kind, array = rng.randrange(7), arrays[name]
    if kind < 4 and array.ndim:
        for _ in range(rng.choice((1, 1, 4, 100))):
            value = rng.choice((0, 1, -1, 2**15, -(2**15), 2**16, 2**31 - 1, -(2**31), 15 * 4096 - 1, 1 - 15 * 4096))
            array.flat[rng.randrange(array.size)] = value
    elif kind == 4:
        change: Callable[[Any], Any] = rng.choice(
            (
                lambda a: a[None],
                lambda a: a.ravel()[:0],
                lambda a: a.ravel()[:-1],
                lambda a: a.astype(float),
                lambda a: a.astype("U4"),
                lambda a: a.astype(np.uint64) + np.uint64(2**63),
                lambda a: a.astype(bool),
            )
        )
        arrays[name] = change(array)
    elif kind == 5:
        del arrays[name]
    else:
        arrays[name] = np.array(rng.choice((-1, 0, 63, 64, 2**31 - 1)), np.int32)
    file = io.BytesIO()
    np.savez(file, **arrays)
    data = file.getvalue()
    return mangled(rng, data) if rng.random() < 0.1 else data


def _graph(rng: random.Random, data: bytes) -> bytes:
    """An ONNX file with one field changed, dropped, repeated or renumbered, at any depth; lengths are right."""
    fields = _fields(data)
    if not fields:
        return mangled(rng, data)
    at = rng.choices(range(len(fields)), [len(str(f[2])[:50]) for f in fields])[0]
    number, wire, value = fields[at]
    kind = rng.random()
    if isinstance(value, bytes) and kind < 0.75 and len(value) > 1:
        inner = _fields(value)
        fields[at] = number, wire, (_graph(rng, value) if inner else mangled(rng, value))
    elif kind < 0.85:
        del fields[at]
    elif kind < 0.9:
        fields.insert(rng.randrange(len(fields)), fields[at])
    elif kind < 0.95:
        fields[at] = rng.choice((number + 1, max(1, number - 1), rng.randrange(1, 30))), wire, value
    elif isinstance(value, int):
        fields[at] = number, wire, rng.choice((*EDGES, 2**63, 2**64 - 1))
    else:
        fields[at] = number, wire, mangled(rng, value)
    return b"".join(varint(n << 3 | w) + _written(w, v) for n, w, v in fields)


def _written(wire: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(value)
    return (varint(len(value)) if wire == 2 else b"") + value


def _fields(data: bytes) -> list[tuple[int, int, int | bytes]]:
    """A protobuf message's fields (number, wire type, value); none if it is no message."""
    fields: list[tuple[int, int, int | bytes]] = []
    at = 0
    try:
        while at < len(data):
            key, at = _read_varint(data, at)
            wire = key & 7
            if key >> 3 == 0 or wire not in (0, 1, 2, 5):
                return []
            if wire == 0:
                number, at = _read_varint(data, at)
                fields.append((key >> 3, wire, number))
                continue
            size, at = (8, at) if wire == 1 else (4, at) if wire == 5 else _read_varint(data, at)
            if at + size > len(data):
                return []
            fields.append((key >> 3, wire, data[at : at + size]))
            at += size
    except IndexError:
        return []
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Not the reader under test, which refuses what this one takes."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value & (2**64 - 1), at
