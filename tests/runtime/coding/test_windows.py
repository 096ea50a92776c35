"""Windows and tiles: seamless, each decodable alone; sizes are forced small."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest

from aezip import errors
from aezip.codec import Codec
from aezip.coding import encoder, lossy, pictures, windows
from aezip.coding.hyperprior import Hyperprior
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.format import container
from aezip.model import packages, store


@pytest.fixture
def small(monkeypatch) -> None:
    """Tiles of 64 pixels, windows of 128."""
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    monkeypatch.setattr(windows, "WINDOW", 8)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [(333, 410), (64, 700), (1, 300), (129, 128)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_windows_show_the_latents_of_the_whole(tiny, drawn, size, channels, threads) -> None:
    """Latents may round differently, in 1/16 of a step; decoded pixels differ by a level at most."""
    pixels, codec = drawn(*size, channels=channels), Codec(tiny, threads=threads)
    data = codec.encode(pixels, 70)
    decoded, lat = codec.decode(data)
    graphs = Graphs.at(Sessions(codec.package), 700)
    whole, latent = graphs.encoder(windows.pad(pixels)), lossy.decode_latents(graphs.sessions, lat)[0]
    for area in windows.windows(slice(0, whole.shape[0]), slice(0, whole.shape[1]), 4):
        assert np.abs(pictures.transform(graphs, pixels, area) - whole[area]).max() <= 1
    untiled = graphs.decoder(latent)[: size[0], : size[1]].astype(int)
    if channels == 1:
        untiled = (untiled.sum(2, keepdims=True) + 1) // 3
    assert decoded.shape == pixels.shape
    assert np.abs(decoded - untiled).max() <= 1


@pytest.mark.usefixtures("small")
def test_regions_are_crops(tiny, drawn) -> None:
    codec = Codec(tiny)
    data = codec.encode(drawn(301, 417), 60)
    whole, _ = codec.decode(data)
    for x, y, w, h in ((0, 0, 417, 301), (0, 0, 1, 1), (416, 300, 1, 1), (63, 65, 130, 2), (17, 111, 200, 190)):
        part, _ = codec.decode(data, region=(x, y, w, h))
        assert part.shape == (h, w, 3)
        assert np.abs(part.astype(int) - whole[y : y + h, x : x + w]).max() <= 1


@pytest.mark.usefixtures("small")
def test_a_region_needs_its_own_tiles_only(tiny, drawn, monkeypatch) -> None:
    codec, decoded = Codec(tiny), []
    data = codec.encode(drawn(320, 448), 60)
    real = Hyperprior.decode
    monkeypatch.setattr(Hyperprior, "decode", lambda *a, **k: decoded.append(a) or real(*a, **k))
    codec.decode(data)
    assert len(decoded) == 5 * 7
    decoded.clear()
    codec.decode(data, region=(140, 140, 20, 20))  # in one tile; two latents of margin stay inside 128 … 191
    assert len(decoded) == 4


@pytest.mark.parametrize("region", [(0, 0, 0, 1), (-1, 0, 5, 5), (90, 0, 11, 5), (0, 50, 5, 1)])
def test_a_region_outside_is_refused(tiny, drawn, region) -> None:
    codec = Codec(tiny)
    with pytest.raises(errors.UsageError, match="within the picture's 100×50"):
        codec.decode(codec.encode(drawn(50, 100)), region=region)


@pytest.mark.usefixtures("small")
def test_a_damaged_tile_is_named_and_others_decode(tiny, drawn) -> None:
    codec = Codec(tiny)
    lat = container.unpack(codec.encode(drawn(64, 640), 60))
    body = bytearray(lat.body)
    body[-1] ^= 0x80
    broken = container.pack(container.Lat(lat.header, (container.Section(container.LATENTS, bytes(body)),)))
    assert codec.decode(broken, region=(0, 0, 64, 64))[0].shape == (64, 64, 3)
    with pytest.raises(errors.StreamDamaged):
        codec.decode(broken)


def test_the_limit_on_pixels_can_be_moved(tiny, drawn) -> None:
    codec, pixels = Codec(tiny), drawn(10, 20)
    data = codec.encode(pixels, max_pixels=200)
    assert codec.decode(data, max_pixels=200)[0].shape == (10, 20, 3)
    with pytest.raises(errors.LimitExceeded, match="or a higher max_pixels"):
        codec.encode(pixels, max_pixels=199)
    with pytest.raises(errors.LimitExceeded, match="or a higher max_pixels"):
        codec.decode(data, max_pixels=199)
    assert container.DEFAULT_MAX_PIXELS >= 12_000 * 9_000


@pytest.mark.parametrize("unit", [1, 4, 64, 200])
def test_windows_cover_an_area_once(unit, monkeypatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 20)
    seen = np.zeros((150, 93), int)
    for rows, columns in windows.windows(slice(8, 150), slice(4, 93), unit):
        assert max(rows.stop - rows.start, columns.stop - columns.start) <= max(20, unit)
        assert (rows.start - 8) % unit == (columns.start - 4) % unit == 0
        seen[rows, columns] += 1
    assert (seen[8:, 4:] == 1).all()
    assert seen.sum() == seen[8:, 4:].sum()


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("count", [1, 6])
def test_ahead_keeps_the_order_and_raises(threads: int | None, count: int) -> None:
    def make(n: int) -> int:
        time.sleep(0.001)
        if n == 5:
            raise errors.StreamDamaged("the end")
        return n * n

    got = []
    with pytest.raises(errors.StreamDamaged) if count == 6 else contextlib.nullcontext():
        for pair in windows.ahead(make, range(count), threads):
            got.append(pair)
    assert got == [(n, n * n) for n in range(min(count, 5))]


def test_margins_are_the_packages(tiny) -> None:
    for name, margin in ((tiny, 2), ("photo", 8)):
        package = packages.Package(store.find(name))
        assert package.margin("encoder") == package.margin("decoder") == margin
