"""Files that were written once decode to the same latents, and to the same pixels within a level."""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from aezip import codec as codecs
from aezip import images
from aezip.coding import lossy
from aezip.engine.sessions import Sessions
from aezip.format import container
from aezip.model import packages, store

NAMES = ["one-pixel", "grey", "odd", "fine", "escapes", "tiles", "alpha", "grey-alpha", "opaque", "metadata", "aspect"]
NAMES += ["patched", "patched-grey", "whole", "early", "early-tiles", "early-whole"]
EXACT, INTEGER, STEPS, PRODUCTS, HALVES, COLOURS, DEPTH = (
    json.loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text())
    for name in ("exact", "integer", "steps", "products", "halves", "colours", "depth")
)


@pytest.mark.parametrize("name", NAMES)
def test_golden_files_decode(name, golden, tiny) -> None:
    data = (golden / f"{name}.lat").read_bytes()
    facts = json.loads((golden / "facts.json").read_text())[name]
    assert hashlib.sha256(data).hexdigest() == facts["file"]
    codec = codecs.Codec(tiny)
    pixels, lat = codec.decode(data)
    assert lat.header.quality_tenths == facts["quality"]
    assert container.pack(lat) == data
    latents, _ = lossy.decode_latents(Sessions(codec.package), lat)
    assert hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest() == facts["latents"]
    want = np.load(golden / "pixels.npz")[name]
    assert np.abs(pixels.astype(int) - want).max() <= 1
    if "alpha" in facts:
        picture = images.picture_of(pixels, lat)
        found = {name: (value := getattr(picture, name)) and value.hex() for name in ("icc", "exif", "xmp")}
        found["alpha"] = None if picture.alpha is None else hashlib.sha256(picture.alpha.tobytes()).hexdigest()
        found["resolution"] = picture.resolution and str(picture.resolution)
        assert found == {name: facts[name] for name in found}


def test_what_is_special_of_golden_files(golden) -> None:
    lats = {name: container.unpack((golden / f"{name}.lat").read_bytes()) for name in NAMES}
    assert {name for name, lat in lats.items() if lat.header.flags & container.NO_SKIP} == {"whole", "early-whole"}
    assert {name for name, lat in lats.items() if lat.header.flags & container.PROGRESSIVE} == set(NAMES[-3:])
    assert {name for name, lat in lats.items() if lat.section(container.PATCHES)} == {
        "patched",
        "patched-grey",
        "early-whole",
    }
    assert {name for name, lat in lats.items() if lat.header.tile} == {"tiles", "whole", "early-tiles", "early-whole"}


@pytest.mark.parametrize("name", EXACT)
def test_exact_pixels_are_the_golden_ones(name, golden) -> None:
    data = (golden / f"{name}.lat").read_bytes()
    assert hashlib.sha256(data).hexdigest() == EXACT[name]["file"]
    pixels, lat = codecs.Codec(None).decode(data)
    assert lat.lossless
    assert container.pack(lat) == data
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == EXACT[name]["pixels"]
    arrays = np.load(golden / "exact.npz")
    if name in arrays:
        np.testing.assert_array_equal(pixels, arrays[name])
    opacities = images.picture_of(pixels, lat).alpha
    assert (opacities is None) == (f"{name}.alpha" not in arrays)
    if opacities is not None:
        np.testing.assert_array_equal(opacities, arrays[f"{name}.alpha"])


@pytest.mark.parametrize("name", COLOURS)
def test_what_golden_files_say_of_their_colours(name, golden) -> None:
    data = (golden / f"{name}.lat").read_bytes()
    assert hashlib.sha256(data).hexdigest() == COLOURS[name]["file"]
    pixels, lat = codecs.Codec(None).decode(data)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == COLOURS[name]["pixels"]
    sections = images.sections_of(images.picture_of(pixels, lat))
    assert {section.type.decode(): section.data.hex() for section in sections} == COLOURS[name]["sections"]


@pytest.mark.parametrize("name", DEPTH)
def test_samples_of_more_bits_are_the_golden_ones(name, golden) -> None:
    data, facts, arrays = (golden / f"{name}.lat").read_bytes(), DEPTH[name], np.load(golden / "depth.npz")
    assert hashlib.sha256(data).hexdigest() == facts["file"]
    codec = codecs.Codec(facts["model"] and str(golden / f"{facts['model']}.aezm"))
    pixels, lat = codec.decode(data)
    assert (lat.depth, container.pack(lat)) == (facts["depth"], data)
    within = 2 ** (lat.depth - 8) if facts["model"] == "tiny" else 0  # a level; exact pixels and integers are the same
    assert np.abs(pixels.astype(int) - arrays[name]).max() <= within
    opacities = images.picture_of(pixels, lat).alpha
    assert (opacities is None) == (f"{name}.alpha" not in arrays)
    if opacities is not None:
        np.testing.assert_array_equal(opacities, arrays[f"{name}.alpha"])


@pytest.mark.parametrize("name", INTEGER)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimisation", ["disabled", "basic", "extended", "all"])
def test_a_decoder_in_integers_makes_the_golden_pixels(name, threads, optimisation, golden) -> None:
    data = (golden / f"{name}.lat").read_bytes()
    assert hashlib.sha256(data).hexdigest() == INTEGER[name]["file"]
    sessions = Sessions(store.find_codec(str(golden / "tiny-integer.aezm")), threads=threads, optimisation=optimisation)
    assert sessions.package.about.description["exact_pixels"]
    lat = container.unpack(data)
    latents, _ = lossy.decode_latents(sessions, lat)
    assert hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest() == INTEGER[name]["latents"]
    want = np.load(golden / "integer.npz")[name]
    np.testing.assert_array_equal(lossy.decode(sessions, lat), want)
    np.testing.assert_array_equal(lossy.decode(sessions, lat, (17, 3, 20, 15)), want[3:18, 17:37])


@pytest.mark.parametrize("name", STEPS | PRODUCTS | HALVES)
def test_files_with_steps_of_their_own_decode(name, golden) -> None:
    facts, which = (STEPS | PRODUCTS | HALVES)[name], name.partition("-")[0]
    data = (golden / f"{name}.lat").read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["file"]
    codec = codecs.Codec(str(golden / f"tiny-{which}.aezm"))
    pixels, lat = codec.decode(data)
    assert lat.header.flags == facts["flags"]
    latents, _ = lossy.decode_latents(Sessions(codec.package), lat)
    assert hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest() == facts["latents"]
    assert np.abs(pixels.astype(int) - np.load(golden / f"{which}.npz")[f"{name}.pixels"]).max() <= 1


@pytest.mark.parametrize("optimisation", ["disabled", "all"])
@pytest.mark.parametrize(
    ("model", "file"),
    [("tiny", "vectors"), ("tiny-steps", "steps"), ("tiny-products", "products"), ("tiny-halves", "halves")],
)
def test_golden_vectors_are_what_this_engine_says(golden, model, file, optimisation) -> None:
    vectors = runpy.run_path(str(golden / "vectors.py"))["vectors"]
    want = np.load(golden / f"{file}.npz")
    package = packages.Package(store.find(str(golden / f"{model}.aezm")))
    for name in sorted({key.split(".")[0] for key in want.files}):
        data = (golden / f"{name}.lat").read_bytes()
        for key, value in vectors(package, name, data, optimisation=optimisation).items():
            np.testing.assert_array_equal(value, want[key], key)
