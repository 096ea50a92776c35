"""Exact pixels: uint8 or uint16 [H, W, C] ↔ bytes, without loss; the body of the sections `PIXL` and `PTCH`.

Few colours are stored as samples of 1, 2 or 4 bits, or as places in a palette; anything else as bytes, red and blue as
their differences from green where that is shorter. They lie in `bands`; each row says its prediction. Samples of 9 to
16 bits take 16; of their differences the high bytes of a row stand before the low ones.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Image8
from ..errors import SectionDamaged
from . import bands
from . import depth as depths
from .container import DEEPEST, PLAIN
from .depth import Samples

BAND_BYTES = 2**22  # of a band's rows, before they are deflated
PALETTE, GREEN = 1, 2  # flags
WAYS = "none", "least"  # to predict samples
FEW = 16  # colours, which are always tried
LEVEL = 9
_WHAT = "exact pixels"
_SAMPLES, _SAMPLE = 6, 4  # what is estimated from: groups of rows, rows of a group
_ROWS = 64  # where colours are counted first
_BAND_PIXELS = 2**14  # of a band that is tried
_TRIED_BYTES = 2**18  # of the rows that choose how the rest is written


class _Layout(NamedTuple):
    """How samples lie in a row."""

    bits: int  # of a sample
    samples: int  # of a pixel
    width: int  # pixels

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return -(-self.width * self.samples * self.bits // 8)

    @property
    def rows(self) -> int:
        """Rows of a band."""
        return max(1, BAND_BYTES // self.row)


def encode(pixels: Samples) -> bytes:
    """Pixels, C 1 or 3 → bytes."""
    height, width, channels = pixels.shape
    if pixels.dtype == np.uint16:
        return _written(pixels.reshape(height, -1), _Layout(DEEPEST, channels, width), b"")
    colours, places = _colours(pixels)
    grey = _grey_bits(colours) if channels == 1 and colours is not None and len(colours) > 2 else 8
    if grey < 8:
        body = (pixels[..., 0] >> (8 - grey)).astype(np.uint8)
        return _written(_packed(body, grey), _Layout(grey, 1, width), b"")
    found = []
    if colours is not None and places is not None and (channels == 3 or len(colours) <= FEW):
        bits = next(b for b in (1, 2, 4, 8) if len(colours) <= 2**b)
        palette = bytes((len(colours) - 1,)) + colours.tobytes()
        found.append(_written(_packed(places, bits), _Layout(bits, 1, width), palette))
    if not found or channels == 3:
        found.append(_written(pixels.reshape(height, -1), _Layout(8, channels, width), b""))
    return min(found, key=len)


def estimate(pixels: Samples) -> float:
    """About how many bytes `encode` would make, from a few rows; cheap beside a transform, and rough.

    A few rows do not tell it of few colours. So of up to FEW it is 0; of a palette's it is what the brightness of all
    rows takes, deflated fast.
    """
    height, width, channels = pixels.shape
    deep = pixels.dtype == np.uint16
    some = None if deep else _numbers(pixels[:: max(1, height // _ROWS)])
    if some is not None and _are_few(some, FEW):
        return 0.0
    if some is not None and channels == 3 and _are_few(some):
        grey = ((pixels[..., 0] + 2 * pixels[..., 1].astype(np.uint16) + pixels[..., 2]) >> 2).astype(np.uint8)
        layout = _Layout(PLAIN, 1, width)
        return float(min(len(zlib.compress(_predicted(grey, layout, way, False).tobytes(), 1)) for way in WAYS))
    tops = np.linspace(0, max(0, height - _SAMPLE), min(_SAMPLES, -(-height // _SAMPLE))).astype(int)
    layout = _Layout(DEEPEST if deep else PLAIN, channels, width)
    size = sum(
        len(zlib.compress(_predicted(part.reshape(len(part), -1), layout, "least", channels == 3).tobytes(), 1))
        for part in (pixels[top : top + _SAMPLE] for top in tops)
    )
    return float(size * height / min(height, len(tops) * _SAMPLE))


def estimate_of_band(pixels: Samples) -> float:
    """The same from a band in the middle: slower, and nearer where rows repeat what stands far above them."""
    height, width, _ = pixels.shape
    rows = min(height, max(8, _BAND_PIXELS // width))
    top = (height - rows) // 2
    return float(len(encode(pixels[top : top + rows])) * height / rows)


def decode(
    data: bytes,
    height: int,
    width: int,
    channels: int,
    region: tuple[int, int, int, int] | None = None,
    depth: int = PLAIN,
) -> Samples:
    """Bytes → the pixels of a picture of this size and depth, or of the region (x, y, w, h) of it.

    Raises SectionDamaged. Allocates no more than the region and a band.
    """
    x, y, w, h = region or (0, 0, width, height)
    layout, flags, colours, start = _head(data, width, channels, depth)
    out: Samples = np.empty((h, w, channels), depths.kind(depth))
    for band in bands.touched(memoryview(data)[start:], height, layout.rows, slice(y, y + h), _WHAT):
        size = band.height, 1 + layout.row
        body = bands.inflated(band.data, size[0] * size[1], f"a band of {_WHAT}")
        rows = _unpredicted(np.frombuffer(body, np.uint8).reshape(size), layout)
        part = _pixels(rows[band.inside], layout, flags, colours)
        depths.check(part, depth)
        out[band.place] = part[:, x : x + w]
    return out


# ---------------------------------------------------------------- writing


def _colours(pixels: Image8) -> tuple[Image8 | None, NDArray[np.uint8] | None]:
    """Up to 256 colours, by brightness [n, C], and each pixel's place among them [H, W]; None where there are more."""
    channels = pixels.shape[2]
    packed = _numbers(pixels)
    if not _are_few(packed[:: max(1, len(packed) // _ROWS)]):
        return None, None
    found, places = np.unique(packed, return_inverse=True)
    if len(found) > 256:
        return None, None
    colours = np.stack([(found >> (8 * (channels - 1 - c))) & 255 for c in range(channels)], 1).astype(np.uint8)
    if len(found) == 2:  # long runs of zeros for what there is more of
        order = np.array([1, 0] if places.mean() > 0.5 else [0, 1])
    else:
        order = np.argsort(colours.astype(int).sum(1), kind="stable")
    rank = np.empty(len(order), np.uint8)
    rank[order] = np.arange(len(order))
    return colours[order], rank[places.reshape(packed.shape)]


def _numbers(pixels: Image8) -> NDArray[np.uint32]:
    """Each pixel's colour as one number [H, W]."""
    numbers: NDArray[np.uint32] = pixels[..., 0].astype(np.uint32)
    for c in range(1, pixels.shape[2]):
        numbers = np.asarray(numbers << 8 | pixels[..., c], np.uint32)
    return numbers


def _are_few(numbers: NDArray[np.uint32], most: int = 256) -> bool:
    """Whether there are at most so many colours; rows [n, W] of photographs mostly have more, each."""
    return all(len(np.unique(part)) <= most for part in (numbers[:1], numbers[:, ::8], numbers))


def _grey_bits(colours: Image8) -> int:
    """The fewest bits that evenly spaced greys from black to white with these among them take."""
    return next(bits for bits in (1, 2, 4, 8) if not (colours % (255 // (2**bits - 1))).any())


def _packed(samples: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Samples [H, W] → bytes [H, row], the leftmost in the highest bits."""
    if bits == 8:
        return samples
    each = 8 // bits
    padded = np.pad(samples, ((0, 0), (0, -samples.shape[1] % each))).reshape(len(samples), -1, each)
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return np.asarray(np.bitwise_or.reduce(padded << shifts, axis=2), np.uint8)


def _written(rows: Samples, layout: _Layout, palette: bytes) -> bytes:
    """Head and bands of bytes or samples of 16 bits [H, …], the shorter of several ways."""
    ways = [(way, green) for way in WAYS for green in ((False, True) if layout.samples == 3 else (False,))]
    if len(ways) > 1:
        some = rows[: max(1, _TRIED_BYTES // layout.row)]
        ways.sort(key=lambda way: len(zlib.compress(_predicted(some, layout, *way).tobytes(), 6)))
    way, green = ways[0]
    deflated = [
        zlib.compress(_predicted(rows[top : top + layout.rows], layout, way, green).tobytes(), LEVEL)
        for top in range(0, len(rows), layout.rows)
    ]
    flags = (PALETTE if palette else 0) | (GREEN if green else 0)
    return bytes((layout.bits, flags)) + palette + bands.pack(deflated)


def _predicted(rows: Samples, layout: _Layout, way: str, green: bool) -> NDArray[np.uint8]:
    """Rows [n, …] → prediction and differences [n, 1 + row]."""
    if green:
        rgb = rows.reshape(len(rows), -1, 3)
        rows = np.stack([rgb[..., 0] - rgb[..., 1], rgb[..., 1], rgb[..., 2] - rgb[..., 1]], 2).reshape(rows.shape)
    out = np.empty((len(rows), 1 + layout.row), np.uint8)
    if way == "none":
        out[:, 0], out[:, 1:] = 0, _in_bytes(rows)
        return out
    choices = bands.predicted(rows, layout.samples)
    size = np.stack([np.minimum(c, -c).sum(1, dtype=np.int64) for c in choices])  # of numbers that have a sign
    out[:, 0] = size.argmin(0)
    for prediction, choice in enumerate(choices):
        mine = out[:, 0] == prediction
        out[mine, 1:] = _in_bytes(choice[mine])
    return out


def _in_bytes(differences: Samples) -> NDArray[np.uint8]:
    """Those of 8 bits as they are; of 16 bits d ≥ 0 as 2d and d < 0 as −2d − 1, all high bytes before all low ones."""
    if differences.dtype == np.uint8:
        return differences
    folded = differences << 1 ^ -(differences >> 15)
    return np.concatenate([folded >> 8, folded & 255], 1).astype(np.uint8)


def _of_bytes(rows: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The inverse for 16 bits."""
    high, low = np.split(rows.astype(np.uint16), 2, axis=1)
    folded = high << 8 | low
    return np.asarray(folded >> 1 ^ -(folded & 1))


# ---------------------------------------------------------------- reading


def _head(data: bytes, width: int, channels: int, depth: int) -> tuple[_Layout, int, Image8 | None, int]:
    """Layout, flags, palette [n, C], and where the lengths of the bands begin."""
    if len(data) < 2:
        raise SectionDamaged(f"exact pixels of {len(data)} bytes", "a head")
    bits, flags = data[0], data[1]
    single = bool(flags & PALETTE) or channels == 1
    known, most = ((1, 2, 4, 8), PALETTE | GREEN) if depth == PLAIN else ((DEEPEST,), GREEN)
    if bits not in known or flags & ~most or (bits < 8 and not single) or (flags & GREEN and single):
        raise SectionDamaged(f"exact pixels of {bits} bits with the flags {flags}", "samples that pictures have")
    layout = _Layout(bits, 1 if single else channels, width)
    if not flags & PALETTE:
        return layout, flags, None, 2
    count = data[2] + 1 if len(data) > 2 else 0
    end = 3 + count * channels
    if not count or count > 2**bits or len(data) < end:
        raise SectionDamaged(f"a palette of {count} colours for {bits} bits", f"up to {2**bits}, all of them there")
    return layout, flags, np.frombuffer(data[3:end], np.uint8).reshape(count, channels), end


def _unpredicted(band: NDArray[np.uint8], layout: _Layout) -> Samples:
    """Prediction and differences [n, 1 + row] → rows of bytes or samples of 16 bits [n, …].  Raises SectionDamaged."""
    prediction = band[:, 0]
    if prediction.max(initial=0) > bands.LEFT | bands.UP:
        raise SectionDamaged(f"a row has the prediction {prediction.max()}", "0 to 3")
    rows: Samples = _of_bytes(band[:, 1:]) if layout.bits == DEEPEST else band[:, 1:].copy()
    lefts = np.flatnonzero(prediction & bands.LEFT)
    if len(lefts):
        cells = rows[lefts].reshape(len(lefts), -1, layout.samples)
        rows[lefts] = cells.cumsum(axis=1, dtype=rows.dtype).reshape(len(lefts), -1)
    bands.summed_down(rows, prediction & bands.UP > 0)
    return rows


def _pixels(rows: Samples, layout: _Layout, flags: int, colours: Image8 | None) -> Samples:
    """Rows [n, …] → [n, W, C].  Raises SectionDamaged."""
    samples = rows
    if layout.bits < 8:
        shifts = np.arange(8 - layout.bits, -1, -layout.bits, dtype=np.uint8)
        samples = (rows[:, :, None] >> shifts & (2**layout.bits - 1)).reshape(len(rows), -1)[:, : layout.width]
    if colours is not None:
        if samples.max(initial=0) >= len(colours):
            raise SectionDamaged(f"a place {samples.max()} in a palette of {len(colours)} colours", "one of them")
        return np.asarray(colours[samples])
    if layout.bits < 8:
        samples = samples * np.uint8(255 // (2**layout.bits - 1))
    pixels = samples.reshape(len(rows), layout.width, layout.samples)
    if flags & GREEN:
        pixels = pixels.copy()
        pixels[..., 0] += pixels[..., 1]
        pixels[..., 2] += pixels[..., 1]
    return pixels
