from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip import coding
from aezip.codec import Codec
from aezip.coding import encoder, hyperprior, pictures, tiles, windows
from aezip.coding.quantisation import quantised, towards_zero
from aezip.engine.sessions import Sessions
from aezip.entropy import coder
from aezip.entropy.tables import mixture_tables
from aezip.format import container
from aezip.format.container import NO_SKIP, PROGRESSIVE
from aezip.model import store

TABLES = mixture_tables()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_symbols_fall_towards_zero_only_where_it_pays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    off = rng.integers(-16 * 60, 16 * 60, 400).astype(np.int32)
    symbol = (off + 8) >> 4
    off, symbol = off[symbol != 0], symbol[symbol != 0]
    index = rng.integers(6, 64, len(symbol)).astype(np.uint8)
    less = towards_zero(off, symbol, index, TABLES, 25.0)
    assert set((np.abs(symbol) - np.abs(less)).tolist()) <= {0, 1}
    assert (less * symbol >= 0).all()

    def cost(value: np.ndarray) -> np.ndarray:
        bits = TABLES.cost[TABLES.entries(index, value)]
        return bits + 25.0 * (off - 16 * value) ** 2 / 256

    assert (cost(less) <= cost(symbol) + 1e-3).all()


@pytest.mark.parametrize("effort", [0, 1])
def test_symbols_are_nearest_in_steps_of_any_size(effort: int) -> None:
    rng = np.random.default_rng(effort)
    off = rng.integers(-900, 900, 4000).astype(np.int32)
    step = rng.choice([9, 11, 12, 13, 16, 19, 21], 4000).astype(np.int32)
    index, package = rng.integers(20, 64, 4000).astype(np.uint8), SimpleNamespace(tables=TABLES, bits_per_error=9.0)
    symbol = quantised(off, index, package, effort, step=step)
    error = np.abs(off - step * symbol)
    assert (error <= step * (0.5 + effort)).all()
    # what is so many times larger, in steps so many times larger, has the same symbols
    for size in (9, 11, 12, 13, 19, 21):
        whole = quantised(16 * off, index, package, effort, step=16)
        np.testing.assert_array_equal(quantised(size * off, index, package, effort, step=size), whole)


@given(st.integers(0, 2**32 - 1), st.integers(1, 13), st.integers(1, 13), st.sampled_from([0, NO_SKIP]))
@settings(max_examples=60, deadline=None)
@pytest.mark.skipif(bool(coder._absence), reason="the compiled coder is not built")
def test_the_compiled_coder_makes_halves_as_numpy_does(seed: int, h: int, w: int, flags: int) -> None:
    rng = np.random.default_rng(seed)
    channels, odd, flags = 3, int(rng.integers(2)), flags | int(rng.choice([0, PROGRESSIVE]))
    shape = 2, 2 * -(-h // 4), 2 * -(-w // 4), channels
    mean = rng.integers(-900, 900, shape).astype(np.int16)
    latent = (mean + rng.integers(-400, 400, shape) * rng.choice([1, 1, 70], shape)).astype(np.int16)
    index = rng.integers(0, 256, shape).astype(np.uint8) & rng.integers(192, 256, dtype=np.uint8)
    flat = rng.random((*shape[:3], 1)) < 0.5 if rng.integers(2) else None
    package = SimpleNamespace(tables=TABLES, bits_per_error=9.0, skip=int(rng.integers(20)))
    made = hyperprior.Hyperprior(SimpleNamespace(package=package), flags)
    half, effort, found = (h, w, channels, odd), int(rng.integers(2)), []
    for name in coder.NAMES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(coder.VARIABLE, name)
            phase, known, lost = made._give(half, latent, mean, index, effort, flat)
            stream = coder.encode([phase], TABLES, 4, progressive=bool(flags & PROGRESSIVE))
            source = coder.decoder(stream, TABLES, progressive=bool(flags & PROGRESSIVE))
            np.testing.assert_array_equal(made._take(half, source, mean, index), known)
            source.finish()
            found.append((stream, known, lost))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]


def test_effort_saves_bytes_and_both_decode(tiny, drawn) -> None:
    codec = Codec(tiny)
    pixels = drawn(256, 256)
    rounded, weighed = (codec.encode(pixels, 50, effort=effort) for effort in (0, 1))
    assert len(weighed) < len(rounded)
    assert codec.decode(weighed)[0].shape == codec.decode(rounded)[0].shape


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 7), (12, 3)])
def test_halves_and_whole(size: tuple[int, int]) -> None:
    h, w = size
    rows, columns = (-(-n // 4) * 4 for n in size)
    latent = np.arange(rows * columns * 3, dtype=np.int16).reshape(rows, columns, 3)
    first, second = hyperprior.halves(latent)
    np.testing.assert_array_equal(hyperprior.whole(first, second), latent)
    for parity, (half, where) in enumerate(zip((first, second), hyperprior.inside(h, w), strict=True)):
        wanted = [latent[y, x] for y in range(h) for x in range(w) if (y + x) % 2 == parity]
        np.testing.assert_array_equal(half.swapaxes(0, 1)[where], np.reshape(wanted, (-1, 3)))


def test_split_covers_the_grid_once() -> None:
    for h, w, tile in ((1, 1, 0), (13, 70, 0), (13, 70, 1), (64, 65, 4)):
        seen = np.zeros((h, w), int)
        for rows, columns in tiles.split(h, w, tile):
            assert rows.start % 4 == columns.start % 4 == 0
            seen[rows, columns] += 1
        assert (seen == 1).all()
    assert encoder.TILE * 64 == 1024


@pytest.mark.parametrize("flags", [0, NO_SKIP])
@pytest.mark.parametrize("effort", [0, 1])
def test_the_encoder_knows_what_decodes(tiny, drawn, flags: int, effort: int) -> None:
    found = coding.at(Sessions(store.find_codec(tiny)), 600, flags)
    latent = found.graphs.encoder(windows.pad(drawn(150, 170, seed=4)))
    flat = np.zeros((10, 11), bool)
    flat[2:6, 3:9] = True
    stream, decoded, _ = found.encode(latent, 10, 11, effort, flat)
    np.testing.assert_array_equal(found.decode(stream, 10, 11), decoded)


def test_the_encoder_keeps_the_latents_of_all_tiles(tiny, drawn) -> None:
    found, pixels = coding.at(Sessions(store.find_codec(tiny)), 600), drawn(200, 150, seed=5)
    streams, latent, _ = pictures.encode(found, pixels, 1, keep=True)
    header = container.Header(150, 200, 3, 600, found.graphs.package.fingerprint, 1)
    lat = container.Lat(header, (container.Section(container.LATENTS, tiles.pack_streams(streams)),))
    assert len(streams) == 12
    np.testing.assert_array_equal(latent, tiles.Tiles(found, lat).all())
    assert pictures.encode(found, pixels, 1)[1] is None


def test_what_is_patched_does_not_depend_on_who_decodes(tiny, drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    pixels = drawn(200, 150, seed=5)
    pixels[70:120, 80:140] = np.random.default_rng(1).integers(0, 2, (50, 60, 1)) * 255
    made = encoder.Encoder(Sessions(store.find_codec(tiny)), 300)
    files = []
    for kept in (pictures.KEPT, 0):
        monkeypatch.setattr(pictures, "KEPT", kept)
        files.append(made.encode_verified(pixels, cell_error=400.0))
    assert files[0] == files[1]
    assert container.unpack(files[0]).section(container.PATCHES) is not None
