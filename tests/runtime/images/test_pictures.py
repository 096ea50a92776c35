"""The table: every mode × alpha × metadata. What goes in comes out in mode, size, alpha bytes, metadata bytes."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from aezip import images
from aezip.bulk.jobs import Compression, Decompression
from aezip.codec import Codec
from aezip.errors import ImageError, SectionDamaged
from aezip.format.container import LATENTS, Header, Lat, Section, pack, unpack
from aezip.images import Picture, ReadOptions, Resolution, profiles

SIZE = (21, 34)  # height, width
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
METADATA = ("nothing", "icc", "exif", "xmp", "resolution", "all")
# mode, what is done with it: the mode that comes out
KINDS = {
    ("1", ""): "L",
    ("1", "key"): "LA",
    ("L", ""): "L",
    ("L", "key"): "LA",
    ("LA", ""): "LA",
    ("LA", "opaque"): "LA",
    ("La", ""): "LA",
    ("P", ""): "RGB",
    ("P", "grey"): "L",
    ("P", "key"): "RGBA",
    ("P", "table"): "RGBA",
    ("P", "grey key"): "LA",
    ("PA", ""): "RGBA",
    ("RGB", ""): "RGB",
    ("RGB", "grey"): "RGB",
    ("RGB", "key"): "RGBA",
    ("RGBX", ""): "RGB",
    ("RGBA", ""): "RGBA",
    ("RGBA", "opaque"): "RGBA",
    ("RGBA", "clear"): "RGBA",
    ("RGBa", ""): "RGBA",
    ("YCbCr", ""): "RGB",
    ("HSV", ""): "RGB",
    ("LAB", ""): "RGB",
    ("CMYK", ""): "RGB",
    ("I;16", ""): "L",
    ("I;16", "key"): "LA",
    ("I", ""): "L",
    ("F", ""): "L",
    ("F", "unit"): "L",
}
DEEP = ("I;16", "I", "F")


def icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cmyk_profile() -> bytes:
    """A printer's profile with a table of two steps a channel: Lab of naive inks."""
    corners = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    lightness = 100 * (1 - corners[:, 3]) * (1 - corners[:, :3] @ [0.45, 0.5, 0.1]).clip(0)
    tint = (1 - corners[:, 3:]) * corners[:, :3] @ np.array([[-37, -50], [74, -3], [-5, 93]])
    lab = np.column_stack((lightness * 2.55, tint.clip(-127, 127) + 128)).round().astype(np.uint8)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * int(v) for v in np.eye(3).ravel()))
    head = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table = head + identity + 4 * ramp + lab.tobytes() + 3 * ramp
    table += bytes(-len(table) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0\0\0\0"
    title = b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(4 + 4 + 3 + 67)
    title += bytes(-len(title) % 4)
    tags, at = [(b"desc", title), (b"cprt", text), (b"wtpt", white), (b"A2B0", table), (b"A2B1", table)], 132 + 60
    index = struct.pack(">I", len(tags))
    for name, data in tags:
        index += name + struct.pack(">II", at, len(data))
        at += len(data)
    profile = struct.pack(">I4sI4s4s4s", at, bytes(4), 0x02100000, b"prtr", b"CMYK", b"Lab ") + bytes(12) + b"acsp"
    profile += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return profile.ljust(128, b"\0") + index + b"".join(data for _, data in tags)


def exif(orientation: int = 6) -> bytes:
    data = Image.Exif()
    data[0x0112], data[0x010F] = orientation, "Maker"
    return data.tobytes()


def made(mode: str, how: str) -> Image.Image:
    """A picture of a mode, drawn by code."""
    h, w = SIZE
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.dstack((4 * x + 3 * y, 200 - 3 * x, 40 + 6 * y)).clip(0, 255).astype(np.uint8)
    grey = rgb[:, :, 0]
    alpha = np.where(x < 9, 0, np.where(y < 9, 255, 9 * x % 256)).astype(np.uint8)
    alpha = {"opaque": np.full_like(alpha, 255), "clear": np.zeros_like(alpha)}.get(how, alpha)
    if mode in DEEP:
        top = {"I;16": 256, "I": 257, "F": 1 / 255 if how == "unit" else 1}[mode]
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray((grey.astype(float) * top).astype(kind))
    elif mode in ("P", "PA"):
        image = Image.fromarray(grey // 2)
        image.putpalette([v for i in range(256) for v in ((i, i, i) if "grey" in how else (i, 255 - i, i // 2))])
        image = image.convert("PA") if mode == "PA" else image
    elif mode in ("LA", "La", "RGBA", "RGBa"):
        full = np.dstack((grey if mode[0] == "L" else rgb, alpha))
        image = Image.fromarray(full)
        image = image.convert(mode) if mode[-1] == "a" else image
    elif mode == "CMYK":
        image = Image.merge("CMYK", [Image.fromarray(v) for v in (*np.moveaxis(rgb, 2, 0), grey // 4)])
    elif mode == "LAB":
        image = Image.merge("LAB", [Image.fromarray(v) for v in np.moveaxis(rgb, 2, 0)])
    else:
        image = Image.fromarray(np.dstack([grey] * 3) if how == "grey" else rgb).convert(mode)
    if mode == "PA":
        image.putalpha(Image.fromarray(alpha))
    if "key" in how:
        image.info["transparency"] = (12, 191, 40) if mode == "RGB" else 0 if mode == "1" else image.getpixel((3, 0))
    if how == "table":
        image.info["transparency"] = bytes(range(0, 250, 10))
    return image


def alpha_of(image: Image.Image, mode: str) -> np.ndarray | None:
    """What Pillow makes of it."""
    if mode in DEEP:
        key = image.info.get("transparency")
        return None if key is None else np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
    if not image.has_transparency_data:
        return None
    premultiplied = {"La": "LA", "RGBa": "RGBA"}.get(mode)
    return np.asarray(image.convert(premultiplied or "RGBA").getchannel("A"))


@pytest.fixture(scope="module")
def codec(tiny: str) -> Codec:
    return Codec(tiny)


@pytest.mark.parametrize("metadata", METADATA)
@pytest.mark.parametrize(("mode", "how"), KINDS)
def test_the_table(mode: str, how: str, metadata: str, codec: Codec) -> None:
    everything = {
        "icc": ("icc_profile", icc()),
        "exif": ("exif", exif()),
        "xmp": ("xmp", XMP),
        "resolution": ("dpi", (300.0, 150.5)),
    }
    image = made(mode, how)
    chosen = dict(v for k, v in everything.items() if metadata in (k, "all"))
    if mode == "CMYK":
        chosen["icc_profile"] = cmyk_profile()
    image.info.update(chosen)
    want = alpha_of(image, mode)
    picture = images.from_pillow(image, ReadOptions(to_8bit=mode in DEEP))
    if metadata == "all":
        out = codec.decompress(codec.encode(picture.pixels, 60, sections=images.sections_of(picture)))
    else:  # no need of a model
        header = Header(SIZE[1], SIZE[0], picture.pixels.shape[2], 600, bytes(8))
        lat = Lat(header, (*images.sections_of(picture), Section(LATENTS, b"")))
        out = images.to_pillow(images.picture_of(picture.pixels, unpack(pack(lat))))
    kind = KINDS[mode, how]
    if mode == "P" and "grey" in how and "icc_profile" in chosen:
        kind = kind.replace("L", "RGB")  # a profile for RGB fits no grey picture
    assert (out.mode, out.size) == (kind, SIZE[::-1])
    if want is None:
        assert "A" not in out.mode
    else:
        np.testing.assert_array_equal(np.asarray(out.getchannel("A")), want)
    if mode in ("CMYK", "LAB"):
        chosen.pop("icc_profile", None)  # it is sRGB now
    assert out.info == chosen


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (16, 16), (34, 21), (64, 33)])
@pytest.mark.parametrize(("mode", "how"), KINDS)
def test_every_picture_without_loss(mode: str, how: str, size: tuple[int, int]) -> None:
    image = made(mode, how).resize(size, Image.Resampling.NEAREST)
    if mode == "CMYK":
        image.info["icc_profile"] = cmyk_profile()
    picture = images.from_pillow(image, ReadOptions(to_8bit=mode in DEEP))
    codec = Codec(None)
    data = codec.encode(picture.pixels, sections=images.sections_of(picture), lossless=True)
    again = images.picture_of(*codec.decode(data))
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.alpha is None) == (picture.alpha is None)
    if picture.alpha is not None:
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    assert codec.encode(again.pixels, sections=images.sections_of(again), lossless=True) == data


YCBCR = ("YCbCr",) if int(PIL.__version__.split(".")[0]) > 12 else ()  # older ones cannot read what they write
# kind of file: the modes that are written, and what it holds
FILES = {
    "png": (("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), {"icc_profile", "exif", "xmp", "dpi"}),
    "tiff": (("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", *YCBCR, "LAB", "I;16", "F"), {"icc_profile", "xmp", "dpi"}),
    "webp": (("RGB", "RGBA"), {"icc_profile", "exif", "xmp"}),
    "jpeg": (("L", "RGB", "CMYK"), {"icc_profile", "exif", "xmp", "dpi"}),
    "bmp": (("1", "L", "P", "RGB"), {"dpi"}),
    "gif": (("L", "P"), set()),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, (modes, _) in FILES.items() for mode in modes])
def test_the_table_of_files(kind: str, mode: str, codec: Codec) -> None:
    held = FILES[kind][1]
    given = {
        "icc_profile": cmyk_profile() if mode == "CMYK" else icc(),
        "exif": exif(1),
        "dpi": (300, 150),
        "xmp": XMP.replace(b"6", b"1"),
    }
    options = {name: value for name, value in given.items() if name in held}
    if kind == "png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", given["xmp"].decode())
    if kind == "tiff":
        options["tiffinfo"] = {700: options.pop("xmp")}
    source = io.BytesIO()
    made(mode, "").save(source, kind, **options)
    coded = Compression(intake=ReadOptions(to_8bit=mode in DEEP)).run(codec, source.getvalue(), "a.lat").data
    assert coded is not None
    decoded = Decompression().run(codec, coded, "a.png").data
    assert decoded is not None
    with Image.open(source) as before, Image.open(io.BytesIO(decoded)) as after:
        assert after.size == before.size
        alpha = before.convert("RGBA").getchannel("A") if before.has_transparency_data else None
        assert after.has_transparency_data == (alpha is not None)
        if alpha:
            assert after.getchannel("A").tobytes() == alpha.tobytes()
        for name in held:
            if name == "dpi":
                assert tuple(map(round, after.info["dpi"])) == (300, 150)
            elif name == "icc_profile" and after.mode in ("L", "LA"):
                assert after.info[name] == profiles.for_grey(given[name])  # PNG forbids another
            elif name != "icc_profile" or mode not in ("CMYK", "LAB"):
                assert after.info.get(name) == given[name], name


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "gif", "bmp"])
def test_files_without_loss(kind: str, codec: Codec) -> None:
    for mode in FILES[kind][0]:
        if mode in (*DEEP, "CMYK"):
            continue
        source = io.BytesIO()
        made(mode, "").save(source, kind, **({"lossless": True} if kind == "webp" else {}))
        coded = Compression(lossless=True).run(codec, source.getvalue(), "a.lat").data
        assert coded is not None
        decoded = Decompression().run(Codec(None), coded, "a.png").data
        assert decoded is not None
        with Image.open(source) as before, Image.open(io.BytesIO(decoded)) as after:
            np.testing.assert_array_equal(
                images.from_pillow(after).pixels, images.from_pillow(before).pixels, err_msg=mode
            )


@pytest.mark.parametrize("mode", DEEP)
def test_deep_samples_are_refused_or_rounded(mode: str) -> None:
    image = made(mode, "")
    with pytest.raises(ImageError, match=r"samples; expected 8-bit samples, or ReadOptions\(to_8bit=True\)"):
        images.from_pillow(image)
    picture = images.from_pillow(image, ReadOptions(to_8bit=True))
    top = {"I;16": 65535, "I": 65535, "F": 255}[mode]
    exact = np.floor(np.asarray(image).astype(np.float64) * 255 / top + 0.5)
    np.testing.assert_array_equal(picture.pixels[:, :, 0], exact)
    assert picture.notes[0].endswith(f"samples of 0 to {top} made 8-bit")


@pytest.mark.parametrize("value", [-1.0, 70000.0, float("nan"), float("inf")])
def test_ranges_that_nothing_is_known_of(value: float) -> None:
    with pytest.raises(ImageError, match="expected 0 to 1"):
        images.from_pillow(Image.fromarray(np.array([[0, value]], np.float32)), ReadOptions(to_8bit=True))


def test_inks_through_their_profile() -> None:
    image = Image.new("CMYK", (4, 4))
    with pytest.raises(ImageError, match="CMYK colours and no ICC profile"):
        images.from_pillow(image)
    image.info["icc_profile"] = icc()
    with pytest.raises(ImageError, match="not one of CMYK colours"):
        images.from_pillow(image)
    image.info["icc_profile"] = cmyk_profile()
    picture = images.from_pillow(image)
    assert picture.pixels.min() > 250
    assert picture.icc is None
    assert picture.notes == ("CMYK colours made sRGB through their ICC profile",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("prefix", [True, False])
def test_upright_is_what_pillow_makes_of_it(orientation: int, prefix: bool) -> None:
    image = made("RGBA", "")
    raw = exif(orientation)
    image.info.update(exif=raw if prefix else raw.removeprefix(b"Exif\0\0"), dpi=(300, 100))
    kept, turned = images.from_pillow(image), images.from_pillow(image, ReadOptions(upright=True))
    assert kept.exif == image.info["exif"]
    transposed = {5, 6, 7, 8}
    steps = {2: [0], 3: [3], 4: [1], 5: [5], 6: [4], 7: [6], 8: [2]}  # Image.Transpose
    want = image
    for step in steps.get(orientation, []):
        want = want.transpose(step)
    assert turned.alpha is not None
    np.testing.assert_array_equal(turned.alpha, np.asarray(want.getchannel("A")))
    np.testing.assert_array_equal(turned.pixels[turned.alpha > 0], np.asarray(want)[:, :, :3][turned.alpha > 0])
    assert turned.resolution is not None
    assert (turned.resolution.x == 100) == (orientation in transposed)
    assert turned.exif is not None
    again = Image.Exif()
    again.load(turned.exif)
    assert (again[0x0112], again[0x010F]) == (1, "Maker")
    assert sum(a != b for a, b in zip(turned.exif, image.info["exif"], strict=True)) == (orientation != 1)


def test_orientation_in_xmp_and_stripping() -> None:
    image = made("RGB", "")
    image.info["xmp"] = XMP
    picture = images.from_pillow(image, ReadOptions(upright=True))
    assert picture.pixels.shape == (34, 21, 3)
    assert picture.xmp == XMP.replace(b'"6"', b'"1"')
    picture = images.from_pillow(image, ReadOptions(strip=True))
    assert picture.pixels.shape == (34, 21, 3)
    assert images.sections_of(picture) == ()


RESOLUTIONS = {
    "a.png": [(Fraction(2835), 3), (Fraction(4, 3), 0)],
    "a.jpg": [(Fraction(300), 1), (Fraction(118), 2), (Fraction(3), 0)],
    "a.tiff": [(Fraction(901, 3), 1), (Fraction(118), 2)],
    "a.bmp": [(Fraction(3780), 3)],
}


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_resolutions_number_for_number(name: str, tmp_path) -> None:
    for number, unit in RESOLUTIONS[name]:
        resolution = Resolution(number, 2 * number.limit_denominator(50), unit)
        if unit == 0:
            resolution = Resolution(Fraction(4), Fraction(3), 0)
        assert Resolution.unpack(resolution.pack()) == resolution
        lost = images.write(tmp_path / name, Picture(np.zeros((4, 4, 3), np.uint8), resolution=resolution), force=True)
        assert lost == ()
        assert images.read(tmp_path / name).resolution == resolution


@pytest.mark.parametrize("data", [b"", bytes(17), b"\4" + b"\1\0\0\0" * 4, b"\1" + b"\1\0\0\0" * 5])
def test_resolutions_that_are_damaged(data: bytes) -> None:
    with pytest.raises(SectionDamaged):
        Resolution.unpack(data)


def test_one_frame_of_several(tmp_path) -> None:
    frames = [Image.new("L", (9, 9), v) for v in (10, 100, 200)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    for number, value in enumerate((10, 100, 200), 1):
        assert images.read(tmp_path / "a.tiff", ReadOptions(frame=number)).pixels[0, 0, 0] == value
    with pytest.raises(ImageError, match=r"not a frame 4; expected ReadOptions\(frame=N\), 1 to 3"):
        images.read(tmp_path / "a.tiff", ReadOptions(frame=4))


def test_the_tags_of_a_tiff_become_exif(tmp_path) -> None:
    source = Image.Exif()
    source[0x010F], source[0x0112] = "Maker", 6
    source[0x8769] = {0x9003: "2024:01:02 03:04:05"}
    made("RGB", "").save(tmp_path / "a.tiff", exif=source.tobytes())
    picture = images.read(tmp_path / "a.tiff")
    assert picture.pixels.shape == (34, 21, 3)  # Pillow has turned it
    found = Image.Exif()
    assert picture.exif is not None
    found.load(picture.exif)
    assert (found[0x010F], found.get(0x0112)) == ("Maker", None)
    assert found.get_ifd(0x8769)[0x9003] == "2024:01:02 03:04:05"


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_files_that_hold_alpha(suffix: str, tmp_path) -> None:
    for channels in (1, 3):
        picture = Picture(np.full((5, 6, channels), 9, np.uint8), alpha=np.arange(30, dtype=np.uint8).reshape(5, 6))
        images.write(tmp_path / f"a.{suffix}", picture, force=True)
        again = images.read(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(again.alpha, picture.alpha)


def test_an_opaque_alpha_goes_into_any_format() -> None:
    picture = Picture(np.zeros((5, 6, 3), np.uint8), alpha=np.full((5, 6), 255, np.uint8))
    data, lost = images.build(picture, "jpg")
    assert lost == ()
    assert Image.open(io.BytesIO(data)).mode == "RGB"


def test_a_lat_file_is_no_input() -> None:
    with pytest.raises(ImageError, match=r"is a \.lat file already"):
        images.parse(b"\xaeLAT\r\n" + bytes(30))


def test_a_region_of_a_picture(codec: Codec) -> None:
    picture = images.from_pillow(made("RGBA", ""))
    data = codec.encode(picture.pixels, 60, sections=images.sections_of(picture))
    part = images.picture_of(picture.pixels[3:13, 5:25], unpack(data), (5, 3, 20, 10))
    assert picture.alpha is not None
    np.testing.assert_array_equal(part.alpha, picture.alpha[3:13, 5:25])
