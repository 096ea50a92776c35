from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest

from aezip.arrays import Image8, around, resized
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


def fitted(latents: Latents, graph: bytes, draw: Callable[[int], Image8], folder: Path) -> Profile:
    fit = Fit(latents, copies=folder)
    for seed in range(COUNT):
        fit.add(partial(draw, seed))

    def train(copies: Path) -> bytes:
        assert copies == folder
        assert len(list(copies.glob("*.npy"))) == COUNT
        assert bool(Standard.load(copies).mean.size) is (draw is part)
        return graph

    return fit.profile(train)


def standard_of(folder: Path, pictures: list[Image8], alike: bool = True) -> Standard:
    files = [folder / f"{number}.npy" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        detector.save(file, picture)
    return detector.standard(files, alike)


@pytest.fixture(scope="module", params=[part, texture], ids=["alike", "apart"])
def draw(request: pytest.FixtureRequest) -> Callable[[int], Image8]:
    return request.param


@pytest.fixture(scope="module")
def profile(
    latents: Latents, graph: bytes, draw: Callable[[int], Image8], tmp_path_factory: pytest.TempPathFactory
) -> Profile:
    return fitted(latents, graph, draw, tmp_path_factory.mktemp("copies"))


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


def test_normal_scores_are_of_maps_that_do_not_know_them(
    latents: Latents, graph: bytes, profile: Profile, draw: Callable[[int], Image8]
) -> None:
    assert profile.detector
    standard, scores = profile.detector.standard, []
    order = [number for fold in range(FOLDS) for number in range(fold, COUNT, FOLDS)]
    answers = (detector.logits(graph, standard, detector.reduced(draw(n)), "cpu", 1) for n in order)
    logits = [each.astype(np.float16).astype(np.float64) for each in answers]
    for number, own in enumerate(logits):
        others = np.stack([each for n, each in enumerate(logits) if n % FOLDS != number % FOLDS])
        mean, variance = np.full((1, 1), others.mean()), np.full((1, 1), others.var())
        if profile.alike:
            mean, variance = around(others.mean(0)), around(others.var(0))
            variance = variance + detector.SHARED * variance.mean()
        mean, spread = (x.astype(np.float16).astype(np.float64) for x in (mean, np.maximum(np.sqrt(variance), 1e-3)))
        scores.append(detector.measure(around((own - mean) / spread)))
    scale = profile.scales["trained"]
    low, middle, high = np.quantile(scores, [0.16, 0.5, 0.84])
    assert scale.middle == pytest.approx(middle, rel=1e-3)
    assert scale.spread == pytest.approx((high - low) / 2, rel=0.01)
    assert np.median(profile.normal) == pytest.approx(0, abs=0.05)
    assert (np.diff(profile.normal) >= 0).all()


def test_the_map_glows_where_the_network_finds_something(latents: Latents, profile: Profile) -> None:
    plain = measures.seen(latents, texture(50) if not profile.alike else part(50), profile)
    assert plain.logits is not None
    logits = plain.logits.copy()
    logits[4 * 2 : 4 * 3, 4 * 4 : 4 * 5] += 40  # those of one cell
    spot = measures.score(profile, replace(plain, logits=logits))
    before = measures.score(profile, plain)
    assert spot.parts["trained"] > before.parts["trained"] + 3
    assert spot.value > before.value + 3
    assert np.unravel_index(int((spot.map - before.map).argmax()), spot.map.shape) == (2, 4)
    with pytest.raises(ValueError, match="not seen for this profile"):
        measures.score(profile, measures.seen(latents, part(51), replace(profile, detector=None)))


def test_numbers_that_are_none_are_refused(graph: bytes, tmp_path: Path) -> None:
    standard = Standard(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), float("nan"))
    with pytest.raises(PackageDamaged, match="gives what is no number"):
        detector.logits(graph, standard, part(1), "cpu", 1)


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
        {"logit_mean": np.full((23, 28), 1e300)},
        {"logit_spread": np.full_like(zero, 1e-6)},
    ):
        with pytest.raises(ProfileDamaged):
            profile_file.unpack(changed(data, **arrays))
    for bad in (graph[:-40], b"", graph.replace(b"Conv", b"Loop")):
        with pytest.raises(ProfileDamaged, match=r"detector\.onnx"):
            profile_file.unpack(changed(data, graph=np.frombuffer(bad, np.uint8)))


def test_versions_say_whether_there_is_a_network(latents: Latents, profile: Profile) -> None:
    with zipfile.ZipFile(io.BytesIO(profile_file.pack(profile))) as archive:
        about = np.load(io.BytesIO(archive.read("about.npy")))
    assert json.loads(about.tobytes())["aezip_anomaly_profile"] == profile_file.TRAINED


def test_pictures_of_any_size_are_answered_for(graph: bytes, tmp_path: Path) -> None:
    standard = standard_of(tmp_path, [part(seed) for seed in range(4)])
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


def test_what_is_usual_is_nothing_to_see(tmp_path: Path) -> None:
    pictures = [part(seed, channels=3) for seed in range(8)]
    alike, apart = (standard_of(tmp_path, pictures, alike) for alike in (True, False))
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
    answers[5] = resized(answers[5], (24, 28))
    standard = Standard(np.zeros((80, 120), np.float32), np.ones((80, 120), np.float32), 0.1)
    total = reduce(add, (detector.moments(each, standard) for each in answers))
    found = detector.fitted(b"", standard, total)
    assert found.mean.shape == found.spread.shape == (20, 30)
    other = found.away(np.full((40, 60), -3, np.float32))
    assert other.shape == (20, 30)
    assert np.abs(other).max() < 1.5
    apart = Standard(*[np.zeros((0, 0), np.float32)] * 2, 0.1)
    anywhere = detector.fitted(b"", apart, reduce(add, (detector.moments(each, apart) for each in answers)))
    every = np.concatenate([each.ravel() for each in answers])
    assert float(anywhere.mean[0, 0]) == pytest.approx(every.mean(), abs=2e-3)
    assert float(anywhere.spread[0, 0]) == pytest.approx(every.std(), abs=1e-3)
    assert anywhere.away(answers[5]).shape == (24, 28)
