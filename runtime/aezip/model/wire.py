"""Protobuf's wire format (protobuf.dev/programming-guides/encoding): messages ↔ fields, without their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

Message = dict[int, list["int | memoryview"]]
MAX_NAME = 100
_BYTES = 2  # the wire type of what has a length


class Malformed(ValueError):
    """Bytes that are no protobuf message."""


class Field(NamedTuple):
    """One field of a message."""

    number: int
    value: int | memoryview
    raw: memoryview  # all of it


def fields(data: bytes | memoryview) -> Iterator[Field]:
    """The fields of a message in its order.  Raises Malformed."""
    view, position = memoryview(data), 0
    while position < len(view):
        start = position
        key, position = _read_varint(view, position)
        wire = key & 7
        value: int | memoryview
        if wire == 0:
            value, position = _read_varint(view, position)
        elif wire in (1, _BYTES, 5):
            length, position = (
                (8, position) if wire == 1 else (4, position) if wire == 5 else _read_varint(view, position)
            )
            value = view[position : position + length]
            if len(value) != length:
                raise Malformed
            position += length
        else:
            raise Malformed
        yield Field(key >> 3, value, view[start:position])


def read(data: bytes | memoryview) -> Message:
    """A message: its fields' values in the file's order, integers or bytes, by field number.  Raises Malformed."""
    found: Message = {}
    for number, value, _ in fields(data):
        found.setdefault(number, []).append(value)
    return found


def write(parts: Iterable[tuple[int, int | bytes] | memoryview]) -> bytes:
    """The message of fields, each a number and its value, or the `raw` of another message's."""
    out = bytearray()
    for part in parts:
        if isinstance(part, memoryview):
            out += part
            continue
        number, value = part
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | _BYTES) + varint(len(value)) + value
    return bytes(out)


def messages(found: Message, number: int) -> list[memoryview]:
    """The values of a field that has bytes.  Raises Malformed."""
    values = found.get(number, [])
    if not all(isinstance(v, memoryview) for v in values):
        raise Malformed
    return [v for v in values if isinstance(v, memoryview)]


def text(found: Message, number: int) -> str:
    """The value of a field that is a name, "" if it is not there.  Raises Malformed, UnicodeDecodeError."""
    values = messages(found, number)
    name = bytes(values[-1]).decode() if values else ""
    if len(name) > MAX_NAME or not name.isprintable():
        raise Malformed
    return name


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    if position < len(view) and view[position] < 128:  # nearly all
        return view[position], position + 1
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(view):
            raise Malformed
        byte = view[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise Malformed


def varint(value: int) -> bytes:
    """The varint of a number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
