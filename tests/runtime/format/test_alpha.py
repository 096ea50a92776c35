"""Alpha there and back, whole and in part; damage; colours under it."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip.errors import SectionDamaged
from aezip.format import alpha


def planes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:600, 0:90]
    disc = np.clip(40 - np.hypot(y - 300, x - 45), 0, 1) * 255
    return {
        "clear": np.zeros((600, 90), np.uint8),
        "opaque": np.full((600, 90), 255, np.uint8),
        "disc": disc.astype(np.uint8),
        "slope": (y + 2 * x).astype(np.uint8),
        "noise": rng.integers(0, 256, (600, 90)).astype(np.uint8),
        "pixel": np.array([[7]], np.uint8),
        "column": rng.integers(0, 2, (513, 1)).astype(np.uint8),
    }


@pytest.mark.parametrize("name", planes())
def test_decoding_inverts_encoding(name: str) -> None:
    plane = planes()[name]
    data = alpha.encode(plane)
    h, w = plane.shape
    np.testing.assert_array_equal(alpha.decode(data, h, w), plane)
    for x, y, dx, dy in ((0, 0, w, h), (w // 3, h // 2, 1, 1), (0, h // 3, max(w // 2, 1), max(h // 2, 1))):
        np.testing.assert_array_equal(alpha.decode(data, h, w, (x, y, dx, dy)), plane[y : y + dy, x : x + dx])
    limit = {"clear": 2, "opaque": 2, "pixel": 2, "disc": 700, "slope": 1200}.get(name, plane.size + 100)
    assert len(data) <= limit


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_any_plane(height: int, width: int, data: st.DataObject) -> None:
    plane = np.frombuffer(data.draw(st.binary(min_size=height * width, max_size=height * width)), np.uint8)
    plane = plane.reshape(height, width)
    np.testing.assert_array_equal(alpha.decode(alpha.encode(plane), height, width), plane)


def section(*bands: bytes, kind: int = 1) -> bytes:
    return bytes((kind,)) + struct.pack(f"<{len(bands)}I", *map(len, bands)) + b"".join(bands)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\1\2",
        b"\2\1",
        section(b"", kind=3),
        section(b""),
        section(b"\0"),
        section(b"\0xyz"),
        section(b"\0" + zlib.compress(bytes(11))),
        section(b"\0" + zlib.compress(bytes(13))),
        section(b"\4" + zlib.compress(bytes(12))),
        section(b"\0" + zlib.compress(bytes(12)) + b"!"),
        section(b"\0" + zlib.compress(bytes(12))[:-1]),
        section(b"\0" + zlib.compress(bytes(12))) + b"!",
        section(b"\0" + zlib.compress(bytes(2**24))),
    ],
)
def test_damage_is_named(data: bytes) -> None:
    with pytest.raises(SectionDamaged):
        alpha.decode(data, 3, 4)


def test_hidden_colours_are_smooth_and_others_untouched(drawn) -> None:
    pixels, plane = drawn(300, 200), np.full((300, 200), 255, np.uint8)
    plane[50:250, 30:170] = 0
    pixels[plane == 0] = np.random.default_rng(1).integers(0, 256, (28000, 3))
    filled = alpha.fill(pixels, plane)
    np.testing.assert_array_equal(filled[plane > 0], pixels[plane > 0])
    assert np.abs(np.diff(filled[60:240, 40:160].astype(int), axis=0)).max() < 16
    assert alpha.fill(pixels, np.ones_like(plane)) is pixels
    assert np.unique(alpha.fill(pixels, np.zeros_like(plane))).tolist() == [128]
