"""A sample of tools/fuzz.py: hostile files are refused with an AezipError, or accepted; and what is not is noticed."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from typing import Any

import fuzz
import pytest

from aezip.errors import LimitExceeded
from aezip.format import container

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged Exif
SAMPLE = {"bytes": 400, "header": 60, "sections": 100, "stream": 60, "early": 60, "exact": 150, "package": 12}


@pytest.fixture(scope="module")
def targets() -> Iterator[Any]:
    before = signal.getsignal(signal.SIGPROF)
    fuzz.watch_time()
    made = fuzz.Targets(fuzz.mutations.Corpus())
    yield made
    made.close()
    signal.signal(signal.SIGPROF, before)


def run(targets: Any, target: str, number: int) -> str:
    rng = random.Random(number)
    data = targets.make(target, rng)
    _, trace = fuzz.outcome_of(lambda: targets.run(target, data, rng), target)
    return str(trace)


@pytest.mark.parametrize("target", SAMPLE)
def test_no_input_harms(targets: Any, target: str) -> None:
    for number in range(SAMPLE[target]):
        assert not run(targets, target, number), number


def test_every_target_is_run() -> None:
    assert set(fuzz.ORDER) == set(SAMPLE)


def test_an_unexpected_error_is_a_finding() -> None:
    def fail() -> None:
        raise ValueError("unexpected")

    outcome, trace = fuzz.outcome_of(fail, "bytes")
    assert outcome == "ValueError"
    assert "unexpected" in trace


def test_a_hang_is_a_finding(targets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "LIMIT_S", 0.01)

    def hang() -> None:
        while True:
            pass

    assert fuzz.outcome_of(hang, "bytes")[0] == "Hang"


def test_accepted_damage_is_a_finding(targets: Any) -> None:
    whole = targets.corpus.files[0]
    assert "Finding" in fuzz.outcome_of(lambda: targets.run("bytes", whole, random.Random(0)), "bytes")[0]


def test_a_number_makes_one_input(targets: Any) -> None:
    for target in SAMPLE:
        assert targets.make(target, random.Random(5)) == targets.make(target, random.Random(5))


def test_a_fuzzers_bytes_choose(targets: Any) -> None:
    for target in ("bytes", "header", "sections", "stream", "exact"):
        for data in (b"", b"\xff" * 20, bytes(range(256))):
            rng = fuzz.mutations.Chosen(data)
            made = targets.make(target, rng)
            assert not fuzz.outcome_of(lambda: targets.run(target, made, rng), target)[1]  # noqa: B023


def test_the_number_of_sections_is_limited(targets: Any) -> None:
    whole = container.unpack(targets.corpus.files[0])
    filler = (container.Section(b"aBCD", b""),) * 2000
    data = container.pack(container.Lat(whole.header, (*filler, *whole.sections)))
    with pytest.raises(LimitExceeded, match="more than 1024 sections; expected at most 1024"):
        container.unpack(data)
    assert len(container.unpack(data, max_sections=3000).sections) > 2000
