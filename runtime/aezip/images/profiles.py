"""ICC profiles: made for colours that a file names by H.273 code points or by chunks of PNG, and applied.

A profile made here has a matrix and curves (ICC.1:2022, version 4), the same bytes on every machine. PQ and HLG, which
no curve of a picture holds, are kept in the tag `cicp` beside a curve that reaches white at 203 cd/m² (BT.2408).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..format.colour import BT709, HLG, SRGB, UNSPECIFIED, Cicp
from ..format.container import PLAIN
from . import h273

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..arrays import Samples

_D50 = (0.9642, 1.0, 0.8249)
_SRGB_CHUNKS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # cHRM's order: white first
_SAMPLES = 1024  # of a curve that is no formula
_ROWS = 128


class Made(NamedTuple):
    """The profile of a picture's colours."""

    icc: bytes | None = None  # None: sRGB
    note: str = ""  # what it is not able to say


def of_cicp(cicp: Cicp, channels: int) -> Made:
    """The profile of H.273 code points, for grey (1) or RGB (3).  What they leave open is as in sRGB."""
    known = specified(cicp)
    if known is None:
        return Made(None, f"{cicp} (not known; taken as sRGB)")
    if known.transfer == SRGB and (known.primaries == BT709 or channels == 1):
        return Made()
    curve = _sampled(known.transfer) if known.hdr else _formula(h273.CURVES[known.transfer])
    icc = _profile(h273.PRIMARIES[known.primaries], curve, str(known), channels, known.pack())
    kept = "kept in an ICC profile, which not every viewer understands"
    if channels == 1:  # for which ICC has no tag `cicp`
        kept = "an ICC profile of grey does not name them, and its light ends at 203 cd/m²"
    return Made(icc, f"{known} ({kept})" if known.hdr else "")


def specified(cicp: Cicp) -> Cicp | None:
    """The code points of full range, what they leave open as in sRGB; None if they are not known."""
    primaries = BT709 if cicp.primaries == UNSPECIFIED else cicp.primaries
    transfer = SRGB if cicp.transfer == UNSPECIFIED else cicp.transfer
    found = Cicp(primaries, transfer)
    return found if primaries in h273.PRIMARIES and (found.hdr or transfer in h273.CURVES) else None


def code_points(icc: bytes | None) -> Cicp | None:
    """What the tag `cicp` of a profile says, if it is whole and of RGB."""
    found = _tag(icc or b"", b"cicp")
    if not found or len(found) < 12 or found[10] or found[11] > 1:
        return None
    return Cicp.unpack(found[8:12])


def of_chunks(gamma: float | None, chromaticity: tuple[float, ...] | None, channels: int) -> Made:
    """The profile of PNG's gAMA (1 / 2.2 is written for sRGB) and cHRM."""
    srgb_curve = gamma is None or not gamma > 0 or abs(gamma - 1 / 2.2) < 0.006
    near = (
        chromaticity is None
        or channels == 1
        or all(abs(a - b) < 0.002 for a, b in zip(chromaticity, _SRGB_CHUNKS, strict=True))
    )
    if srgb_curve and near:
        return Made()
    curve = h273.SRGB_CURVE if srgb_curve or not gamma else (1 / gamma,)
    points = h273.BT709
    if not near and chromaticity:
        x, y = chromaticity[::2], chromaticity[1::2]
        white, *points_of = zip(x, y, strict=True)
        points = (points_of[0], points_of[1], points_of[2], white)
    named = f"gamma {1 if srgb_curve or not gamma else gamma:.5g} of a PNG"
    try:
        return Made(_profile(points, _formula(curve), "PNG colours" if srgb_curve else named, channels))
    except (ArithmeticError, ValueError, struct.error):
        return Made(None, "chunks gAMA and cHRM that name no colours are ignored")


def for_grey(icc: bytes) -> bytes | None:
    """The grey profile with the curve of an RGB profile, None if that has tables in place of curves."""
    curve = _tag(icc, b"gTRC")
    return _profile(h273.BT709, curve, "grey of an RGB profile", 1) if curve else None


def for_rgb(icc: bytes) -> bytes | None:
    """The RGB profile in which equal channels look as in a grey profile, None if that has no curve."""
    curve = _tag(icc, b"kTRC")
    return _profile(h273.BT709, curve, "RGB of a grey profile", 3) if curve else None


def to_srgb(pixels: Samples, icc: bytes, depth: int = PLAIN) -> Samples:
    """Colours [H, W, C] of a profile as sRGB; the same array if they are.

    depth: bits of a sample.  Raises ValueError.
    """
    import numpy as np

    space, grey = icc[16:20], pixels.shape[2] == 1
    if space not in ((b"RGB ", b"GRAY") if grey else (b"RGB ",)):
        raise ValueError(f"a profile of {space.decode('latin-1').strip()} colours")
    converted = (_transform if depth == PLAIN else _by_curves)(icc, grey, depth)
    top = 2**depth - 1
    steps = np.rint(np.linspace(0, top, 18)).astype(pixels.dtype)
    probe = np.stack(np.meshgrid(*[steps] * pixels.shape[2], indexing="ij"), -1).reshape(1, -1, pixels.shape[2])
    if np.abs(converted(probe).astype(int) - probe).max() <= 2 * top // 255:
        return pixels
    strips = range(0, pixels.shape[0], _ROWS)
    return np.concatenate([converted(pixels[top : top + _ROWS]) for top in strips])


def _transform(icc: bytes, grey: bool, _: int) -> Callable[[Samples], Samples]:
    """Samples of 8 bits → sRGB, by Little CMS.  Raises ValueError."""
    import numpy as np
    from PIL import Image, ImageCms

    mode = "L" if icc[16:20] == b"GRAY" else "RGB"
    try:
        transform: Any = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as e:
        raise ValueError(str(e)) from e

    def converted(part: Samples) -> Samples:
        given = part[:, :, 0] if mode == "L" else np.repeat(part, 3, 2) if grey else part
        made = ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(given)), transform)
        assert made is not None
        return np.asarray(made)[:, :, 1:2] if grey else np.asarray(made)

    return converted


def _by_curves(icc: bytes, grey: bool, depth: int) -> Callable[[Samples], Samples]:
    """Samples of any depth → sRGB, by a profile's curves and matrix.  Raises ValueError for one of tables."""
    import numpy as np

    names = (b"kTRC",) if icc[16:20] == b"GRAY" else (b"gTRC",) if grey else (b"rTRC", b"gTRC", b"bTRC")
    if _tag(icc, b"A2B0") or _tag(icc, b"A2B1"):
        raise ValueError("a profile of tables")
    top = 2**depth - 1
    light = np.stack([_light_of(_tag(icc, name), top + 1) for name in names])
    if not grey:
        colours = np.column_stack([_point(_tag(icc, name)) for name in (b"rXYZ", b"gXYZ", b"bXYZ")])
        srgb = h273.adaptation(h273.BT709[3], _D50) @ h273.to_xyz(h273.BT709)
        matrix = (np.linalg.inv(srgb) @ colours).T

    def converted(part: Samples) -> Samples:
        found = np.stack([light[i][part[:, :, i]] for i in range(part.shape[2])], -1)
        found = found if grey else found @ matrix
        return np.asarray(np.rint(h273.srgb_of(found.clip(0, 1)) * top), part.dtype)

    return converted


def _light_of(curve: bytes | None, count: int) -> NDArray[np.float64]:
    """Light of so many samples by the data of a curve's tag.  Raises ValueError."""
    import numpy as np

    signal = np.linspace(0, 1, count)
    try:
        if curve and curve[:4] == b"curv":
            number = struct.unpack_from(">I", curve, 8)[0]
            table = np.array(struct.unpack_from(f">{number}H", curve, 12))
            if number > 1:
                return np.interp(signal, np.linspace(0, 1, number), table / 65535)
            return np.asarray(signal ** (table[0] / 256 if number else 1))
        if curve and curve[:4] == b"para":
            kind = struct.unpack_from(">H", curve, 8)[0]
            g, *more = (v / 65536 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", curve, 12))
            parameters = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
            parameters[: len(more)] = more
            a, b, c, d, e, f = parameters
            power = np.maximum(a * signal + b, 0) ** g
            if kind < 3:
                return np.asarray(power + (c if kind == 2 else 0), np.float64)
            return np.asarray(np.where(signal >= d, power + e, c * signal + f), np.float64)
    except (struct.error, IndexError) as e:
        raise ValueError("a damaged curve") from e
    raise ValueError("no curve")


def _point(colour: bytes | None) -> tuple[float, ...]:
    """X, Y, Z of a tag.  Raises ValueError."""
    if not colour or len(colour) < 20:
        raise ValueError("no colours")
    return tuple(v / 65536 for v in struct.unpack_from(">3i", colour, 8))


def _tag(icc: bytes, name: bytes) -> bytes | None:
    """The data of a profile's tag."""
    try:
        for i in range(min(struct.unpack_from(">I", icc, 128)[0], 100)):
            kind, at, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
            if kind == name:
                return bytes(icc[at : at + size])
    except struct.error:
        pass
    return None


def _formula(parameters: tuple[float, ...]) -> bytes:
    """A parametric curve: a power, or sRGB's kind of function."""
    kind = 0 if len(parameters) == 1 else 3
    return b"para" + struct.pack(">IHH", 0, kind, 0) + b"".join(_fixed(v) for v in parameters)


def _sampled(transfer: int) -> bytes:
    """Light of a PQ or HLG signal of grey, 1 at reference white and above."""
    import numpy as np

    scene = h273.light_of(transfer, np.linspace(0, 1, _SAMPLES))
    light = h273.displayed(scene, scene) if transfer == HLG else scene
    samples = np.rint(65535 * np.minimum(light, 1)).astype(">u2").tobytes()
    return bytes(b"curv" + struct.pack(">II", 0, _SAMPLES) + samples)


def _profile(points: Any, curve: bytes, name: str, channels: int, cicp: bytes = b"") -> bytes:
    """A display profile.  points: x, y of red, green, blue and white; cicp: the data of that tag."""
    adapt = h273.adaptation(points[3], _D50)
    tags = [
        (b"desc", _text(name)),
        (b"cprt", _text("CC0")),
        (b"wtpt", _xyz(_D50)),
        (b"chad", b"sf32" + bytes(4) + b"".join(_fixed(v) for v in adapt.ravel())),
    ]
    if channels == 1:
        tags.append((b"kTRC", curve))
    else:
        colours = adapt @ h273.to_xyz(points)
        tags += [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours.T, strict=True)]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    if cicp and channels == 3:
        tags.append((b"cicp", b"cicp" + bytes(4) + cicp))
    return _packed(tags, b"GRAY" if channels == 1 else b"RGB ")


def _packed(tags: list[tuple[bytes, bytes]], space: bytes) -> bytes:
    """Header, index and data; equal data are there once."""
    body, places = b"", dict[bytes, int]()
    start = 132 + 12 * len(tags)
    for _, data in tags:
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
    index = struct.pack(">I", len(tags)) + b"".join(struct.pack(">4sII", k, places[d], len(d)) for k, d in tags)
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(_fixed(v) for v in _D50)
    return head.ljust(128, b"\0") + index + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(float(value) * 65536))


def _xyz(values: Any) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(v) for v in values)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(data), 28) + data
