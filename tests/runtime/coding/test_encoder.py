"""Files that were looked at: patches, exact pixels, and the flag of files that skip no latent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from aezip.codec import Codec
from aezip.coding import cells, encoder, pictures, windows
from aezip.coding.windows import Pixels
from aezip.engine.graphs import INT16, Graphs
from aezip.engine.sessions import Sessions
from aezip.errors import UsageError
from aezip.format import container, patches
from aezip.quality.metrics import psnr_db

pytestmark = pytest.mark.repairs


@pytest.fixture(scope="module")
def photo() -> Codec:
    return Codec("photo")


@pytest.fixture(scope="module")
def tiny_codec(tiny: str) -> Codec:
    return Codec(tiny)


def triangle(height: int = 150, width: int = 200) -> Pixels:
    """Red on black."""
    image = Image.new("RGB", (width, height))
    corners = [(width // 10, height - 20), (width // 2, 10), (width - width // 10, height - 20)]
    ImageDraw.Draw(image).polygon(corners, fill=(255, 0, 0))
    return np.asarray(image)


def saturated(height: int = 130, width: int = 170) -> Pixels:
    """Discs and letters of the brightest colours on each other."""
    image = Image.new("RGB", (width, height), (0, 0, 255))
    draw = ImageDraw.Draw(image)
    colours = [(255, 0, 0), (0, 255, 0), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255), (0, 0, 0)]
    for n, (x, y) in enumerate(np.random.default_rng(1).integers(0, (width, height), (40, 2)).tolist()):
        draw.ellipse((x - 3 - n % 17, y - 3 - n % 17, x + 3 + n % 17, y + 3 + n % 17), fill=colours[n % 7])
        draw.text((y, x), "saturated", fill=colours[n % 5])
    return np.asarray(image)


def worst_cell_db(original: Pixels, shown: Pixels) -> float:
    error = float(cells.errors(original, shown).max())
    return 10 * np.log10(255**2 / error) if error else np.inf


@pytest.mark.parametrize("lossless", [None, False])
def test_a_red_triangle_on_black(photo: Codec, lossless: bool | None) -> None:
    pixels = triangle()
    data = photo.encode(pixels, 60, lossless=lossless)
    shown, lat = photo.decode(data)
    assert lat.lossless == (lossless is None)
    assert psnr_db(pixels, shown) >= 30
    assert lossless is False or (shown == pixels).all()
    assert len(photo.encode(pixels, 60)) <= len(data)


@pytest.mark.parametrize("size", [(18, 18), (33, 47), (5, 200), (300, 17)])
def test_a_cell_that_is_cut_off_counts_what_it_has(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    one, other = rng.integers(0, 256, (2, *size, 3), np.uint8)
    found = cells.errors(one, other)
    for row, column in np.ndindex(found.shape):
        part = slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16)
        assert found[row, column] == pytest.approx(((one[part].astype(float) - other[part]) ** 2).mean(), rel=1e-4)


@pytest.mark.parametrize("quality", [10, 40, 60])
def test_a_promise_holds_at_the_edge(photo: Codec, quality: float) -> None:
    """One pixel of a corner's four weighs a quarter there, however the encoder fills the cell up."""
    grey = np.random.default_rng(1).normal(100, 3, (18, 18, 1)).round()
    pixels = np.broadcast_to(grey, (18, 18, 3)).astype(np.uint8)
    pixels[16, 16] = (0, 0, 255)
    shown = photo.decode(photo.encode(pixels, quality, lossless=False, cell_psnr=30))[0]
    corner = slice(16, 18), slice(16, 18)
    assert psnr_db(pixels[corner], shown[corner]) >= 30


@pytest.mark.parametrize("quality", [0, 20, 60, 100])
def test_no_cell_is_worse_than_its_bound(photo: Codec, quality: float) -> None:
    pixels = saturated()
    shown, lat = photo.decode(photo.encode(pixels, quality, lossless=False))
    assert not lat.lossless
    bounds = cells.bounds(cells.activity(pixels), photo.package, round(10 * quality))
    assert (cells.errors(pixels, shown) <= bounds).all()
    patch = lat.section(container.PATCHES)
    if patch is not None:
        marked = np.kron(patches.which(patch, *pixels.shape[:2]), np.ones((16, 16), bool))
        marked = marked[: pixels.shape[0], : pixels.shape[1]]
        np.testing.assert_array_equal(shown[marked], pixels[marked])


def rings(width: int = 12) -> Pixels:
    """Green and magenta ones: the full decoder makes them, the small one does not."""
    y, x = np.mgrid[:160, :192]
    which = np.hypot(x - 90, y - 80) // width % 2
    return np.array([(0, 255, 0), (255, 0, 255)], np.uint8)[which.astype(int)]


@pytest.mark.parametrize("quality", [30, 90])
def test_what_a_small_decoder_makes_a_mess_of_is_patched(
    photo: Codec, monkeypatch: pytest.MonkeyPatch, quality: float
) -> None:
    pixels, small = rings(), Codec("photo", decoder="small")
    bounds = cells.bounds(cells.activity(pixels), photo.package, round(10 * quality))
    data = photo.encode(pixels, quality, lossless=False)
    assert (cells.errors(pixels, small.decode(data)[0]) <= encoder.MESS * bounds).all()
    assert (cells.errors(pixels, photo.decode(data)[0]) <= bounds).all()
    monkeypatch.setattr(encoder, "DEARER", 1.0)
    data = photo.encode(pixels, quality, lossless=False)
    messy = cells.errors(pixels, small.decode(data)[0]) > 4 * bounds
    assert messy.any() == (quality == 30)
    assert (cells.errors(pixels, photo.decode(data)[0]) <= bounds).all()


def test_the_full_decoder_sees_what_is_in_doubt(photo: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, tuple[int, ...]]] = []
    decoder = Graphs.decoder

    def watched(graphs: Graphs, latent: INT16, *args: Any, small: bool = False, **settings: Any) -> Any:
        seen.append((small, latent.shape[:2]))
        return decoder(graphs, latent, *args, small=small, **settings)

    monkeypatch.setattr(Graphs, "decoder", watched)
    y, x = np.mgrid[:320, :640]
    soft = np.stack([x // 4, y // 3, 160 - x // 8], 2).astype(np.uint8)
    photo.encode(soft, 60, lossless=False)
    assert seen == [(True, (20, 40))]
    photo.encode(soft, 60, lossless=False, cell_psnr=10)  # a promise
    assert seen[1:] == [(False, (20, 40))]
    hard = soft.copy()
    hard[48:80, 40:150] = saturated(32, 110)
    del seen[:]
    photo.encode(hard, 60, lossless=False)
    assert seen[0] == (True, (20, 40))
    assert {small for small, _ in seen} == {True, False}
    assert all(w < 24 for small, (_, w) in seen if not small), seen


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_show_what_the_whole_does(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Of a picture of several windows and tiles, wherever its doubtful cells are."""
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    monkeypatch.setattr(windows, "WINDOW", 8)
    monkeypatch.setattr(pictures, "WINDOW", 8)
    pixels = np.full((333, 410, 3), 90, np.uint8)
    pixels[20:70, 30:140], pixels[200:290, 350:] = saturated(50, 110), rings()[:90, :60]
    pixels[300:, 3:40] = saturated(33, 37)
    codec = Codec("photo", threads=threads)
    data = codec.encode(pixels, 40, lossless=False)
    patched = codec.decode(data)[1].section(container.PATCHES)
    assert patched is not None
    monkeypatch.setattr(encoder, "UNSURE", -1.0)
    assert codec.encode(pixels, 40, lossless=False) == data


@pytest.mark.parametrize("shape", [(16, 120), (90, 14), (49, 90), (80, 66)])
def test_the_full_decoder_sees_what_is_thin(
    photo: Codec, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    """A row or column of cells, and pictures whose last cells have a pixel or two."""
    monkeypatch.setattr(encoder, "UNSURE", np.inf)
    pixels = saturated(*shape)
    shown = photo.decode(photo.encode(pixels, 60, lossless=False))[0]
    assert (cells.errors(pixels, shown) <= cells.bounds(cells.activity(pixels), photo.package, 600)).all()


def test_a_promise_that_cannot_be_kept_patches_all(photo: Codec) -> None:
    pixels = saturated(48, 64)
    assert (photo.decode(photo.encode(pixels, 20, lossless=False, cell_psnr=300))[0] == pixels).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_least_psnr_of_cells(tiny_codec: Codec, channels: int) -> None:
    pixels = np.random.default_rng(2).normal(120, 30, (70, 90, channels)).clip(0, 255).astype(np.uint8)
    pixels[:40, :50] = 99
    plain, _ = tiny_codec.decode(tiny_codec.encode(pixels, 60, lossless=False))
    assert worst_cell_db(pixels, plain) < 35
    data = tiny_codec.encode(pixels, 60, lossless=False, cell_psnr=35)
    shown, lat = tiny_codec.decode(data)
    assert worst_cell_db(pixels, shown) >= 35
    assert lat.section(container.PATCHES) is not None
    for x, y, w, h in ((0, 0, 90, 70), (17, 33, 1, 1), (40, 30, 33, 40), (80, 64, 10, 6)):
        part, _ = tiny_codec.decode(data, region=(x, y, w, h))
        difference = part.astype(int) - shown[y : y + h, x : x + w]
        assert abs(difference).max() <= 1
    assert tiny_codec.check(data) == lat
    for wrong in (-1, float("nan")):
        with pytest.raises(UsageError, match="cell_psnr"):
            tiny_codec.encode(pixels, cell_psnr=wrong)


@pytest.mark.parametrize("tile", [0, 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_files_that_skip_no_latent(tiny_codec: Codec, drawn, monkeypatch, tile: int, channels: int) -> None:
    if tile:
        monkeypatch.setattr(encoder, "TILED_FROM", 0)
        monkeypatch.setattr(encoder, "TILE", tile)
    pixels = drawn(100, 150, channels=channels)
    sessions = Sessions(tiny_codec.package)
    files = []
    for flags in (container.PROGRESSIVE, container.PROGRESSIVE | container.NO_SKIP):
        lat = encoder.Encoder(sessions, 300, flags=flags).encode(pixels)
        assert (lat.header.flags, lat.header.tile_units) == (flags, tile)
        files.append(container.pack(lat))
    shown, lat = tiny_codec.decode(files[1])
    assert len(files[1]) > len(files[0])
    assert tiny_codec.check(files[1]) == lat
    part, _ = tiny_codec.decode(files[1], region=(60, 50, 30, 20))
    assert abs(part.astype(int) - shown[50:70, 60:90]).max() <= 1


def test_latents_far_from_their_mean_are_not_skipped(tiny_codec: Codec, drawn, monkeypatch) -> None:
    sessions, pixels = Sessions(tiny_codec.package), drawn(64, 64)
    assert encoder.Encoder(sessions, 300).encode(pixels).header.flags == container.PROGRESSIVE
    monkeypatch.setattr(encoder, "LOST", 0)
    assert encoder.Encoder(sessions, 300).encode(pixels).header.flags == container.PROGRESSIVE | container.NO_SKIP


def test_exact_pixels_need_no_model(drawn) -> None:
    pixels, codec = drawn(50, 60), Codec(None)
    data = codec.encode(pixels, lossless=True)
    shown, lat = codec.decode(data)
    np.testing.assert_array_equal(shown, pixels)
    assert (lat.lossless, lat.header.fingerprint) == (True, container.NO_MODEL)
    part, _ = codec.decode(data, region=(7, 9, 33, 11))
    np.testing.assert_array_equal(part, pixels[9:20, 7:40])
    assert codec.check(data) == lat
    with pytest.raises(UsageError, match="only decodes"):
        codec.encode(pixels)


def test_exact_pixels_are_stored_where_that_is_shorter(photo: Codec, drawn) -> None:
    icon = np.kron(np.random.default_rng(5).integers(0, 2, (10, 12, 1)), np.full((8, 8, 3), 255)).astype(np.uint8)
    data = photo.encode(icon, 60)
    assert container.unpack(data).lossless
    assert len(data) < len(photo.encode(icon, 60, lossless=False))
    assert not container.unpack(photo.encode(drawn(128, 128), 60)).lossless


@pytest.mark.parametrize("name", ["static", "static-grey", "static-vae"])
def test_the_flag_says_nothing_to_models_without_a_hyperprior(golden: Path, name: str) -> None:
    codec = Codec(str(golden / f"tiny-{name}.aezm"))
    data = (golden / f"{name}.lat").read_bytes()
    shown, lat = codec.decode(data)
    flagged = container.pack(lat._replace(header=lat.header._replace(flags=container.NO_SKIP)))
    np.testing.assert_array_equal(codec.decode(flagged)[0], shown)
