from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aezip import Codec
from aezip.errors import TargetMissed, UsageError
from aezip.quality.targets import (
    BPP,
    PSNR,
    RATE_LINE,
    SIZE,
    SSIMULACRA2,
    Line,
    Target,
    crossing,
    parse_size,
    reach,
)
from aezip.quality.verify import verify


@given(st.floats(-9, -3), st.floats(0.5, 6), st.floats(-0.5, 0.5), st.floats(-9, 3))
def test_the_crossing_is_the_last_level_within_the_limit(start: float, rise: float, bend: float, limit: float) -> None:
    asked: list[int] = []

    def value(level: int) -> float:
        assert 0 <= level <= 1000
        asked.append(level)
        x = level / 1000
        return start + rise * (x + bend * x * (1 - x))

    found = crossing(value, limit, RATE_LINE, strict=False)
    assert len(asked) == len(set(asked)) <= 20
    assert found == -1 or value(found) <= limit
    assert found == 1000 or value(found + 1) > limit


def test_steps_and_jumps_are_searched_too() -> None:
    for jump in (0, 1, 499, 500, 1000, 1001):
        found = crossing(lambda level, jump=jump: float(level >= jump), 0.5, Line(0, 1e-3), strict=False)  # type: ignore[misc]
        assert found == jump - 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("200KB", 200_000), ("200 kb", 200_000), ("1.5MiB", 1_572_864), ("1KiB", 1024), ("77", 77), (".5MB", 500_000)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KB", "0", "-3KB", "3 parsecs", "nan", "1e5", "0.1B"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="expected a number with B, KB"):
        parse_size(text)


@pytest.fixture(scope="module")
def codec(tiny: str) -> Codec:
    return Codec(tiny, threads=1)


@pytest.mark.parametrize("kind", [SIZE, BPP, PSNR, SSIMULACRA2])
def test_a_target_is_met_and_its_neighbour_is_not(codec: Codec, drawn: object, kind: str) -> None:
    pixels = drawn(64, 128)  # type: ignore[operator]

    def encode(quality: float) -> bytes:
        return codec.encode(pixels, quality)

    def measured(data: bytes) -> float:
        report = verify(codec, data, pixels)
        return report.psnr_db if kind == PSNR else report.ssimulacra2

    middle = encode(50)
    value = {SIZE: len(middle), BPP: 8 * len(middle) / pixels[..., 0].size}.get(kind) or measured(middle)
    hit = reach(Target(kind, value), pixels[..., 0].size, encode, measured)
    assert hit.data == encode(hit.quality)
    assert hit.tries <= 20
    if kind in (PSNR, SSIMULACRA2):
        assert hit.value >= value
        assert measured(encode(hit.quality - 0.1)) < value
    else:
        assert hit.value <= value
        assert len(encode(hit.quality + 0.1)) > len(middle)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(SIZE, 60), "60 B"),
        (Target(PSNR, 99), "99.00 dB"),
        (Target(SSIMULACRA2, 99.5), "SSIMULACRA2 99.50"),
    ],
)
def test_what_cannot_be_reached_is_refused_with_the_range(codec: Codec, target: Target, words: str) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::2] = 255
    with pytest.raises(TargetMissed, match=f"not {words}; expected a target within that range"):
        reach(
            target,
            4096,
            lambda quality: codec.encode(pixels, quality),
            lambda data: getattr(verify(codec, data, pixels), "psnr_db" if target.kind == PSNR else "ssimulacra2"),
        )


def test_a_picture_without_a_score_is_refused(codec: Codec) -> None:
    with pytest.raises(TargetMissed, match=r"too small for SSIMULACRA2 50\.00; expected at least 8 × 8 pixels"):
        reach(Target(SSIMULACRA2, 50), 35, lambda _: b"", lambda _: math.nan)


def test_more_room_than_the_best_quality_takes(codec: Codec, drawn: object) -> None:
    pixels = drawn(64, 64)  # type: ignore[operator]
    hit = reach(Target(SIZE, 10**9), 4096, lambda quality: codec.encode(pixels, quality), lambda _: math.nan)
    assert hit.quality == 100
