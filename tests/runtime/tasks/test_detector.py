from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aezip.arrays import Image8
from aezip.errors import PackageDamaged, ProfileDamaged
from aezip.tasks.anomaly import detector, measures, profile_file
from aezip.tasks.anomaly.detector import MULTIPLE, PLANES, STRIDE, Standard
from aezip.tasks.anomaly.measures import FOLDS, Fit, Profile
from aezip.tasks.features.vectors import Latents

COUNT = 16


def part(seed: int, channels: int = 1) -> Image8:
    """A plate with two bars, a pixel aside or not."""
    rng = np.random.default_rng(seed)
    picture = 120 + rng.normal(0, 3, (90, 110))
    for x in np.array([20, 80]) + rng.integers(-1, 2):
        picture[20:70, x : x + 10] = 30 + rng.normal(0, 3, (50, 10))
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], channels, 2)


def texture(seed: int) -> Image8:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:90, :110]
    plain = 128 + 30 * np.sin(x / 2 + rng.uniform(0, 6)) * np.sin(y / 2 + rng.uniform(0, 6))
    return np.clip(plain[:, :, None] + rng.normal(0, 4, (90, 110, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def graph(golden: Path) -> bytes:
    return (golden / "tiny-detector.onnx").read_bytes()


@pytest.fixture(scope="module")
def latents(tiny: str) -> Latents:
    return Latents(tiny)


def fitted(latents: Latents, graph: bytes, draw: Callable[[int], Image8]) -> Profile:
    fit = Fit(latents)
    for seed in range(COUNT):
        fit.add(partial(draw, seed))

    def train(folder: Path, alike: bool) -> bytes:
        assert len(list(folder.glob("*.npy"))) == COUNT
        assert alike is (draw is part)
        return graph

    return fit.profile(train)


@pytest.fixture(scope="module", params=[part, texture], ids=["alike", "apart"])
def draw(request: pytest.FixtureRequest) -> Callable[[int], Image8]:
    return request.param


@pytest.fixture(scope="module")
def profile(latents: Latents, graph: bytes, draw: Callable[[int], Image8]) -> Profile:
    return fitted(latents, graph, draw)


def test_what_the_network_finds_adds_to_the_score(
    latents: Latents, profile: Profile, draw: Callable[[int], Image8]
) -> None:
    assert profile.detector
    assert profile.pictures == COUNT == len(profile.normal)
    spoilt = draw(30)
    spoilt[40:52, 50:62] = 255
    for pixels in (draw(31), spoilt):
        seen = measures.seen(latents, pixels, profile)
        assert seen.logits is not None
        assert seen.logits.shape == (23, 28)
        found = measures.score(profile, seen)
        others = max(value for name, value in found.parts.items() if name != "trained")
        away = detector.measure(profile.detector.away(seen.logits))
        assert found.parts["trained"] == pytest.approx(profile.scales["trained"](away))
        sum_of = profile.scales["score"](others) + measures.TRAINED * found.parts["trained"]
        assert found.value == pytest.approx(profile.scales["both"](sum_of))
        assert found.map.shape == (5, 6)


def test_normal_scores_are_of_networks_that_do_not_know_them(latents: Latents, graph: bytes, profile: Profile) -> None:
    assert np.median(profile.normal) == pytest.approx(0, abs=0.05)
    assert (np.diff(profile.normal) >= 0).all()
    assert FOLDS == 5


def test_a_profile_with_a_network_comes_back_from_its_file(
    latents: Latents, profile: Profile, draw: Callable[[int], Image8]
) -> None:
    again = profile_file.unpack(profile_file.pack(profile))
    assert again.detector
    assert profile.detector
    assert again.detector.graph == profile.detector.graph
    pixels = draw(40)
    one, other = (measures.score(p, measures.seen(latents, pixels, p)) for p in (profile, again))
    assert other.value == pytest.approx(one.value, abs=0.05)
    assert other.parts["trained"] == pytest.approx(one.parts["trained"], abs=0.05)
    np.testing.assert_allclose(other.map, one.map, atol=0.1)


def changed(data: bytes, **arrays: np.ndarray | None) -> bytes:
    """With other arrays, or without them."""
    with np.load(io.BytesIO(data)) as file:
        kept = {name: file[name] for name in file.files}
    kept |= {name: value for name, value in arrays.items() if value is not None}
    file = io.BytesIO()
    np.savez(file, **{name: value for name, value in kept.items() if arrays.get(name, value) is not None})
    return file.getvalue()


def test_a_damaged_network_is_refused(profile: Profile, graph: bytes) -> None:
    data = profile_file.pack(profile)
    none, nan = np.zeros((0, 0), np.float16), np.full((23, 28), np.nan, np.float16)
    zero = np.zeros_like(profile.detector.mean if profile.detector else none)
    for arrays in (
        {"graph": None},
        {"logit_mean": none, "logit_spread": none},
        {"logit_spread": zero},
        {"logit_mean": nan},
        {"network_mean": np.zeros((3, 3), np.float16)},
        {"network_mean": np.zeros(5, np.float16)},
    ):
        with pytest.raises(ProfileDamaged):
            profile_file.unpack(changed(data, **arrays))
    for bad in (graph[:-40], b"", graph.replace(b"Conv", b"Loop")):
        with pytest.raises(PackageDamaged, match=r"detector\.onnx"):
            profile_file.unpack(changed(data, graph=np.frombuffer(bad, np.uint8)))


def test_versions_say_whether_there_is_a_network(latents: Latents, profile: Profile) -> None:
    with zipfile.ZipFile(io.BytesIO(profile_file.pack(profile))) as archive:
        about = np.load(io.BytesIO(archive.read("about.npy")))
    assert json.loads(about.tobytes())["aezip_anomaly_profile"] == profile_file.TRAINED


def test_pictures_of_any_size_are_answered_for(graph: bytes) -> None:
    standard = detector.standard([part(seed) for seed in range(4)], (90, 110))
    for shape in ((32, 32, 1), (33, 47, 3), (90, 110, 1)):
        pixels = np.full(shape, 100, np.uint8)
        found = detector.logits(graph, standard, pixels, "cpu", 1)
        assert found.shape == (-(-shape[0] // STRIDE), -(-shape[1] // STRIDE))
        assert found.dtype == np.float32


def test_a_large_picture_is_seen_smaller() -> None:
    large = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    small = detector.reduced(large)
    assert small.shape == (671, 894, 3)
    assert abs(float(small.mean()) - float(large.mean())) < 1
    assert detector.reduced(large[:500, :1000]) is not None
    assert detector.reduced(large[:500, :1000]).shape == (500, 1000, 3)
    long = detector.reduced(np.zeros((20, 400_000, 1), np.uint8))
    assert long.shape[0] >= MULTIPLE


def test_what_is_usual_is_nothing_to_see() -> None:
    pictures = [part(seed, channels=3) for seed in range(8)]
    alike, apart = (detector.standard(pictures, shape) for shape in ((90, 110), None))
    assert alike.mean.shape == (90, 110)
    assert apart.mean.shape == (0, 0)
    assert alike.deviation == pytest.approx(np.std([p.mean(2) for p in pictures]) / 255, rel=1e-3)
    seen = alike.seen(pictures[0])
    assert seen.shape == (PLANES, 96, 112)
    np.testing.assert_array_equal(seen[:, 90:], seen[:, 88:82:-1])
    assert np.abs(seen[3]).mean() < 0.6
    lighter = np.clip(pictures[0].astype(int) + 20, 0, 255).astype(np.uint8)
    np.testing.assert_allclose(alike.seen(lighter)[3], seen[3], atol=0.01)  # the light does not count
    spoilt = pictures[0].copy()
    spoilt[40:50, 50:60] = 220
    assert alike.seen(spoilt)[3, 42:48, 52:58].min() == detector.PLACE
    assert not apart.seen(spoilt)[3].any()
    grey = Standard(alike.mean, alike.spread, alike.deviation).seen(pictures[0][:, :, :1])
    np.testing.assert_allclose(grey, seen, atol=1e-4)


def test_the_measure_is_of_the_farthest() -> None:
    away = np.zeros((30, 40), np.float32)
    away.ravel()[::60] = 8
    assert detector.measure(away) == 8
    assert detector.measure(away[:, :1]) < 8
    assert detector.measure(np.full((2, 2), 3, np.float32)) == 3


def test_maps_of_another_size_are_compared_at_the_profile_s() -> None:
    rng = np.random.default_rng(3)
    answers = [rng.normal(-3, 0.5, (20, 30)).astype(np.float32) for _ in range(12)]
    answers[5] = detector.resized(answers[5], (24, 28))
    standard = Standard(np.zeros((80, 120), np.float32), np.ones((80, 120), np.float32), 0.1)
    found = detector.fitted(b"", standard, answers)
    assert found.mean.shape == found.spread.shape == (20, 30)
    other = found.away(np.full((40, 60), -3, np.float32))
    assert other.shape == (20, 30)
    assert np.abs(other).max() < 1.5
    apart = detector.fitted(b"", Standard(*[np.zeros((0, 0), np.float32)] * 2, 0.1), answers)
    assert apart.mean.shape == (1, 1)
    assert apart.away(answers[5]).shape == (24, 28)


def test_a_part_of_a_resized_map_is_that_of_all_of_it() -> None:
    values = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.float32)
    for shape in ((40, 60), (37, 66), (80, 120), (21, 30)):
        part = slice(5, 17), slice(8, 24)
        one = detector.resized(values, shape, part)
        assert one.shape == (12, 16)
        np.testing.assert_allclose(one[2:-2, 2:-2], detector.resized(values, shape)[part][2:-2, 2:-2], atol=0.02)
    assert not detector.resized(np.zeros((0, 0), np.float32), (20, 20), part).size
