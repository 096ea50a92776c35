from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from aezip.errors import ImageError, InputNotFound, ModelUnfit, ProfileDamaged, UsageError
from aezip.tasks.anomaly import gaussian, heat, measures, planted, profile_file
from aezip.tasks.anomaly.gaussian import Scale
from aezip.tasks.anomaly.measures import Aside, Fit, Profile, Statistics
from aezip.tasks.features import vectors
from aezip.tasks.features.vectors import Latents


def texture(seed: int, size: int = 96) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    plain = 128 + 30 * np.sin(x / 2 + rng.uniform(0, 6)) * np.sin(y / 2 + rng.uniform(0, 6))
    return np.clip(plain[:, :, None] + rng.normal(0, 4, (size, size, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def latents(tiny: str) -> Latents:
    return Latents(tiny)


def profile_of(latents: Latents, draw: Callable[[int], NDArray[np.uint8]], count: int) -> Profile:
    """Of pictures that are drawn."""
    fit = Fit(latents)
    for seed in range(count):
        fit.add(partial(draw, seed))
    return fit.profile()


@pytest.fixture(scope="module")
def fitted(latents: Latents) -> Profile:
    return profile_of(latents, texture, 12)


def test_a_defect_is_found_where_it_is(latents: Latents, fitted: Profile) -> None:
    for seed in (20, 21):
        normal = measures.score(fitted, measures.seen(latents, texture(seed), fitted))
        assert normal.value < fitted.threshold(0.01)
        assert normal.p_value > 0.01
        broken = texture(seed)
        broken[40:56, 60:72] = 250
        found = measures.score(fitted, measures.seen(latents, broken, fitted))
        assert found.value > fitted.threshold(0.001) > fitted.threshold(0.01) > fitted.threshold(0.5)
        assert found.p_value < 0.001
        assert found.map.shape == (6, 6)
        x, y = found.place
        assert abs(x - 66) <= 16
        assert abs(y - 48) <= 16


def plate(seed: int, holes: int = 4) -> NDArray[np.uint8]:
    """A grey plate with a bolt hole in each corner, lying a pixel or two aside, under uneven light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :160] - rng.integers(-1, 2, 2)[:, None, None]
    image = 150 + 20 * x / 160 + rng.normal(0, 3, (128, 160))
    for top, left in [(24, 24), (24, 136), (104, 24), (104, 136)][:holes]:
        image = np.where(np.hypot(y - top, x - left) < 7, 40 + rng.normal(0, 3, (128, 160)), image)
    return np.clip(image, 0, 255).astype(np.uint8)[:, :, None]


@pytest.fixture(scope="module")
def plates(latents: Latents) -> Profile:
    return profile_of(latents, plate, 30)


def test_a_plate_with_a_bolt_hole_missing_is_anomalous(latents: Latents, plates: Profile) -> None:
    assert plates.alike
    for seed in (20, 21, 22):
        assert measures.score(plates, measures.seen(latents, plate(seed), plates)).value < plates.threshold(0.01)
        found = measures.score(plates, measures.seen(latents, plate(seed, holes=3), plates))
        assert found.value > plates.threshold(0.001)
        assert max(abs(a - b) for a, b in zip(found.place, (136, 104), strict=True)) <= 16


def test_parts_that_lie_anywhere_are_measured_by_latents(latents: Latents) -> None:
    fit = Fit(latents)
    for seed in range(30):
        turns = np.random.default_rng(seed).integers(0, (128, 160))
        fit.add(lambda seed=seed, turns=turns: np.roll(plate(seed), turns, (0, 1)))
    found = fit.profile()
    assert not found.alike
    assert set(measures.score(found, measures.seen(latents, plate(30), found)).parts) == set(measures.MEASURES)
    broken = plate(31)
    broken[40:60, 70:90] = 250
    assert measures.score(found, measures.seen(latents, broken, found)).value > found.threshold(0.05)


def test_textures_do_not_lie_alike(fitted: Profile) -> None:
    assert not fitted.alike


def test_a_planted_defect_is_small_and_lies_where_there_is_detail() -> None:
    pixels = np.full((128, 160, 3), 120, np.uint8)
    pixels[32:96, 96:144] = texture(3, 64)[:, :48]
    for seed in range(40):
        spoiled = planted.defect(pixels, seed)
        rows, columns = np.nonzero((spoiled != pixels).any(2))
        assert 0 < rows.size < 0.02 * 128 * 160
        assert 24 <= rows.mean() <= 104
        assert 88 <= columns.mean() <= 152
        np.testing.assert_array_equal(planted.defect(pixels, seed), spoiled)
    assert planted.defect(pixels[:, :, :1], 1).shape == (128, 160, 1)
    assert planted.defect(pixels[:32, :32], 2).shape == (32, 32, 3)


def test_measures_count_by_how_much_planted_defects_raise_them() -> None:
    def pictures(*values: float) -> measures.Seen:
        rows = np.sqrt(np.exp(np.array(values, np.float32)))[:, None, None, None]
        return measures.Seen((1, 1), dict(zip(("fine", "middle", "broad"), rows, strict=True)))

    one = measures.Places(np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))
    aside, rng = Aside(), np.random.default_rng(4)
    for _ in range(400):
        normal = rng.normal(0, 1, 3)
        spoiled = normal + np.array([2, 0.5, 0])
        aside.add(
            Statistics({}, dict.fromkeys(("fine", "middle", "broad"), one)), pictures(*normal), pictures(*spoiled)
        )
    assert aside.rises(("fine", "middle", "broad")) == pytest.approx([2, 0.5, 0], rel=0.15, abs=1e-3)
    assert aside.weights(("fine", "middle", "broad")) == pytest.approx(
        {"fine": 1, "middle": 0.25, "broad": 0.1}, rel=0.15
    )
    assert aside.weights(("broad",)) == {"broad": 1}  # nothing is seen


def test_a_profile_by_places_comes_back_from_its_file(latents: Latents, plates: Profile) -> None:
    again = profile_file.unpack(profile_file.pack(plates))
    picture = measures.seen(latents, plate(40, holes=3), plates)
    one, other = measures.score(plates, picture), measures.score(again, picture)
    assert again.alike
    assert one.value == pytest.approx(other.value, rel=0.01)
    assert one.place == other.place


def test_another_kind_of_picture_is_told(latents: Latents, fitted: Profile) -> None:
    found = measures.score(fitted, measures.seen(latents, np.full((64, 80, 3), 128, np.uint8), fitted))
    assert found.value > fitted.threshold(0.001)
    assert found.parts["whole"] > 0


def test_a_smear_and_a_tint_are_found_where_they_are(latents: Latents, fitted: Profile) -> None:
    smeared, tinted = texture(22), texture(23)
    smeared[32:64, 32:64] = 128  # less than usual, not more
    tinted[48:64, 16:32, 2] -= 20
    for picture, middle in ((smeared, (48, 48)), (tinted, (24, 56))):
        found = measures.score(fitted, measures.seen(latents, picture, fitted))
        assert found.value > fitted.threshold(0.001)
        assert found.value == pytest.approx(found.map.max())
        assert max(abs(a - b) for a, b in zip(found.place, middle, strict=True)) <= 16


def test_colours_are_means_of_cells() -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[16:32, 16:32] = (10, 20, 30)
    means = vectors.colours(pixels, 2, 3)
    assert means.shape == (2, 3, 3)
    np.testing.assert_array_equal(means[1, 1], [10, 20, 30])
    assert means.sum() == 60
    np.testing.assert_array_equal(vectors.colours(pixels[:, :, 1:2], 2, 3)[1, 1], [20, 20, 20])


def test_pictures_that_memory_does_not_hold_are_read_again(latents: Latents, fitted: Profile) -> None:
    fit, reads = Fit(latents, keep=0), []

    def read(seed: int) -> NDArray[np.uint8]:
        reads.append(seed)
        return texture(seed)

    for seed in range(12):
        fit.add(lambda seed=seed: read(seed))
    np.testing.assert_allclose(fit.profile().normal, fitted.normal, rtol=1e-5)
    assert sorted(reads) == sorted([*range(12)] * 4)  # twice for filters, and, parts not lying alike, for latents


def test_pictures_are_read_again_by_what_was_given_for_that(latents: Latents, fitted: Profile) -> None:
    fit, reads = Fit(latents), []
    for seed in range(12):
        fit.add(lambda seed=seed: reads.append(seed) or texture(seed), lambda seed=seed: texture(seed))
    np.testing.assert_allclose(fit.profile().normal, fitted.normal, rtol=1e-5)
    assert reads == [*range(12)]


def test_a_profile_comes_back_from_its_file(latents: Latents, fitted: Profile) -> None:
    data = profile_file.pack(fitted)
    again = profile_file.unpack(data)
    assert (again.model, again.digest, again.pictures) == (fitted.model, fitted.digest, 12)
    picture = measures.seen(latents, texture(30), fitted)
    one, other = measures.score(fitted, picture), measures.score(again, picture)
    assert abs(one.value - other.value) < 0.02
    np.testing.assert_array_equal(again.normal, fitted.normal)
    latents.require(again.digest, again.model)


def test_a_damaged_profile_is_refused(fitted: Profile, tmp_path) -> None:
    data = profile_file.pack(fitted)
    (tmp_path / "a.profile").write_bytes(data[:-9])
    with pytest.raises(ProfileDamaged, match=r"a\.profile: not a complete"):
        profile_file.read(str(tmp_path / "a.profile"))
    with pytest.raises(InputNotFound, match=r"b\.profile: no such file"):
        profile_file.read(str(tmp_path / "b.profile"))
    for old, new in ((b'"pictures": 12', b'"pictured": 12'), (b'profile": 3', b'profile": 2')):
        with pytest.raises(ProfileDamaged):
            profile_file.unpack(_changed(data, old, new))


def _changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """With some bytes of the description replaced, and the zip's checksums set right."""
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w") as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info).replace(old, new))
    return file.getvalue()


def test_a_profile_belongs_to_its_encoder(latents: Latents, fitted: Profile) -> None:
    with pytest.raises(ModelUnfit, match=r"a\.profile: made with another encoder"):
        latents.require("00", fitted.model, "a.profile")


def test_what_cannot_be_fitted_is_told(latents: Latents, fitted: Profile) -> None:
    fit = Fit(latents)
    with pytest.raises(ImageError, match="20×40 pixels; expected at least 32"):
        fit.add(lambda: np.zeros((40, 20, 3), np.uint8))
    for seed in range(4):
        fit.add(lambda seed=seed: texture(seed))
    with pytest.raises(ImageError, match="4 normal pictures; expected at least 5"):
        fit.profile()
    with pytest.raises(UsageError, match="false-positive rate"):
        fitted.threshold(1)


def test_rates_and_p_values_agree() -> None:
    one = gaussian.fitted(gaussian.moments(np.eye(3, dtype=np.float32)))
    rng = np.random.default_rng(1)
    normal = np.sort(rng.exponential(1, 4000)).astype(np.float32)
    made = Profile("m", "d", 4000, Statistics({"cell": one}, {}), {"cell": Scale(0, 1)}, normal)
    for rate in (0.2, 0.05, 0.01, 1e-4):
        assert made.p_value(made.threshold(rate)) == pytest.approx(rate, rel=0.02)
        assert made.threshold(rate) == pytest.approx(-np.log(rate), rel=0.1)
    assert made.p_value(-5) == 1


def test_distances_of_a_gaussian_are_one() -> None:
    rng = np.random.default_rng(2)
    rows = (rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6)) + 5).astype(np.float32)
    parts = gaussian.moments(rows[:1000]) + gaussian.moments(rows[1000:])
    found = gaussian.fitted(parts)
    assert found.distance(rows).mean() == pytest.approx(1, abs=0.02)
    without = parts - gaussian.moments(rows[:1000])
    np.testing.assert_allclose(gaussian.fitted(without).mean, rows[1000:].mean(0), rtol=1e-5)
    constant = gaussian.fitted(gaussian.moments(np.ones((5, 3), np.float32)))
    assert np.isfinite(constant.distance(np.zeros((1, 3), np.float32))).all()


def test_the_heat_map_glows_above_the_threshold() -> None:
    grey = np.full((40, 50, 3), 90, np.uint8)
    cells = np.zeros((2, 3), np.float32)
    cells[1, 2] = 8
    drawn = heat.drawn(grey, cells, 4)
    assert drawn.shape == grey.shape
    np.testing.assert_array_equal(drawn[:6, :6], grey[:6, :6])
    assert drawn[24, 40, 0] > 200
    assert heat.drawn(grey[:16, :16, :1], np.ones((1, 1), np.float32), 0).shape == (16, 16, 3)


def test_latents_are_those_of_the_cells(latents: Latents, drawn, golden) -> None:
    found = latents.of(drawn(50, 70))
    assert found.shape[:2] == (3, 4)
    assert found.dtype == np.float32
    pooled = vectors.pooled(found)
    assert pooled.shape == (2 * found.shape[2],)
    with pytest.raises(ImageError, match="at least 16"):
        latents.of(drawn(15, 70))
    with pytest.raises(ModelUnfit, match="cannot compress pictures; it is for denoise"):
        Latents(str(golden / "tiny-denoise.aezm"))


def test_the_nearest_are_the_most_alike(latents: Latents, drawn) -> None:
    many = [texture(1), texture(2), drawn(64, 64, seed=3), np.full((64, 64, 3), 30, np.uint8)]
    table = np.stack([vectors.pooled(latents.of(p)) for p in many])
    found = vectors.nearest(vectors.pooled(latents.of(texture(9))), table, 3)
    assert {i for i, _ in found[:2]} == {0, 1}
    assert vectors.nearest(table[3], table, 9)[0] == (3, 0.0)
    assert len(vectors.nearest(table[3], table[:1], 9)) == 1


def test_leading_components_see_less_as_well_as_more() -> None:
    rows = np.random.default_rng(3).normal(0, [5, 1, 0.1], (400, 3)) @ np.linalg.qr(np.ones((3, 3)) - np.eye(3))[0]
    found = gaussian.leading(gaussian.moments(rows.astype(np.float32)), 2)
    assert found.whitening.shape == (3, 2)
    assert found.distance(rows.astype(np.float32)).mean() == pytest.approx(1, rel=1e-3)
    middle = rows.mean(0)
    for sign in (-1, 1):
        assert found.distance((middle + sign * 4 * (rows[0] - middle)).astype(np.float32)) > 4
    assert gaussian.leading(gaussian.moments(rows[:5].astype(np.float32)), 2).whitening.shape == (3, 1)
