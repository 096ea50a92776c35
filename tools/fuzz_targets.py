"""What is done with a hostile file of each target (tools/fuzz.py): everything that reads it."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from unittest import mock

import fuzz_exact
import fuzz_mutations as mutations
import fuzz_packages
import numpy as np

from aezip import Codec, coding, images
from aezip.coding import exact_pixels, lossy
from aezip.entropy import coder
from aezip.errors import AezipError
from aezip.format import container, exact, facts, patches, scales
from aezip.format import depth as depths
from aezip.model import packages, store
from aezip.model.ladder import rung

MAX_PIXELS = 2**20


class Finding(Exception):
    """An input that passed where it must not, or two results that should be one."""


class Targets:
    """What is done with an input of each target; `stage` says how far it came."""

    def __init__(self, corpus: mutations.Corpus) -> None:
        self.corpus, self.stage = corpus, ""
        self.codec = Codec(str(corpus.package), threads=1)
        self._compiled = coder.chosen()[0] == "compiled"
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self._path = Path(self._folder.name) / "mutated.aezm"

    def close(self) -> None:
        """Remove what was written."""
        self._folder.cleanup()

    def make(self, target: str, rng: random.Random) -> bytes:
        """The input."""
        self.stage = "made"
        if target == "stream" and rng.random() < 0.15:
            return self._symbols_made_up(rng)
        makers = {"exact": fuzz_exact, "package": fuzz_packages}.get(target, mutations)
        made: bytes = getattr(makers, f"mutate_{target}")(rng, self.corpus)
        return made

    def run(self, target: str, data: bytes, rng: random.Random) -> None:
        """Put an input through.  Raises AezipError, or what should never be raised."""
        getattr(self, f"_{target}")(data, rng)

    def _bytes(self, data: bytes, rng: random.Random) -> None:
        self.stage = "unpack"
        container.unpack(data)
        raise Finding("accepted, though its bytes were changed")

    def _sections(self, data: bytes, rng: random.Random) -> None:
        self.stage = "unpack"
        lat = container.unpack(data, MAX_PIXELS)
        self.stage = "contents"
        images.check_sections(lat)
        h = lat.header
        picture = images.picture_of(np.zeros((h.height, h.width, h.channels), np.uint8), lat, None)
        if rng.random() < 0.25:
            self.stage = "image file"
            images.build(picture, rng.choice(tuple(images.FORMATS)))

    def _stream(self, data: bytes, rng: random.Random) -> None:
        self._latents(data, rng)
        if rng.random() < 0.5:
            self.stage = "pixels"
            pixels, lat = self.codec.decode(data, max_pixels=MAX_PIXELS)
            if pixels.shape != (lat.header.height, lat.header.width, lat.header.channels):
                raise Finding(f"pixels of shape {pixels.shape}")

    def _early(self, data: bytes, rng: random.Random) -> None:
        """What a reader shows of a beginning, at any scale."""
        self.stage, scale = "pixels", rng.choice(scales.SCALES)
        pixels, lat = self.codec.decode(data, max_pixels=MAX_PIXELS, partial=True, scale=scale)
        h = lat.header
        if pixels.shape != (-(-h.height // scale), -(-h.width // scale), h.channels):
            raise Finding(f"pixels of shape {pixels.shape}")
        self.stage = "contents"
        images.picture_of(pixels, lat, scale=scale)

    def _latents(self, data: bytes, rng: random.Random) -> None:
        """Every symbol; now and then by the other coder, too, who has to say the same."""
        self.stage = "unpack"
        lat = container.unpack(data, MAX_PIXELS)
        self.stage = "symbols"
        if not self._compiled or rng.random() > 0.1 or lat.header.width * lat.header.height > 2**14:
            self.codec.check(data, max_pixels=MAX_PIXELS)
            return
        said = []
        for name in ("numpy", "compiled"):
            try:
                with mock.patch.dict(os.environ, {coder.VARIABLE: name}):
                    found, _ = lossy.decode_latents(self.codec._for(lat.header.fingerprint), lat)
                said.append(found.tobytes().hex())
            except AezipError as error:
                said.append(f"{type(error).__name__}: {error}")
        if said[0] != said[1]:
            raise Finding(f"numpy says {said[0][:200]!r}, the compiled coder {said[1][:200]!r}")
        self.codec.check(data, max_pixels=MAX_PIXELS)

    _header = _latents

    def _exact(self, data: bytes, rng: random.Random) -> None:
        """Exact pixels and patches: in part and whole the same, and written again the same."""
        self.stage = "unpack"
        lat = container.unpack(data, MAX_PIXELS)
        self.stage = "facts"
        said = facts.facts_of("", lat, len(data), {})
        h, depth, kind = lat.header, lat.depth, depths.kind(lat.depth)
        size, patch = (h.height, h.width, h.channels), lat.section(container.PATCHES)
        x, y = rng.randrange(h.width), rng.randrange(h.height)
        region = x, y, rng.randint(1, h.width - x), rng.randint(1, h.height - y)
        within = slice(y, y + region[3]), slice(x, x + region[2])
        self.stage = "pixels"
        if lat.lossless:
            pixels, scale = exact_pixels.decode(lat), rng.choice(scales.SCALES)
            exact_pixels.decode(lat, region, scale)
            if pixels.shape != size or (exact_pixels.decode(lat, region) != pixels[within]).any():
                raise Finding(f"a region {region} that is not as in the whole")
            if pixels.size < 2**16 and (exact.decode(exact.encode(pixels), *size, depth=depth) != pixels).any():
                raise Finding("pixels that are not kept")
        elif patch is not None:
            pixels = np.zeros(size, kind)
            patches.check(patch, *size, depth)
            patches.lay(pixels, patch, *size[:2], (0, 0, *size[1::-1]), 1, depth)
            part = np.zeros(pixels[within].shape, kind)
            patches.lay(part, patch, *size[:2], region, 1, depth)
            scale = rng.choice(scales.SCALES)
            small = scales.reduced(region, scale)
            patches.lay(np.zeros((small[3], small[2], h.channels), kind), patch, *size[:2], small, scale, depth)
            if (part != pixels[within]).any():
                raise Finding(f"patches of a region {region} that are not as in the whole")
            if said["patched_cells"] != patches.which(patch, *size[:2]).sum():
                raise Finding(f"{said['patched_cells']} patched cells")

    def _symbols_made_up(self, rng: random.Random) -> bytes:
        """A sound stream of symbols that no picture has."""
        package, level = self.codec.package, rng.randrange(1001)
        found = coding.at(self.codec._encoding, level)
        step = found.graphs.rung
        h, w = rng.randint(1, 6), rng.randint(1, 6)
        numbers = np.random.default_rng(rng.getrandbits(32))
        reach, wide = rng.choice((0, 1, 30, 1023)), rng.choice((1, 100, 32767))
        hyper = numbers.integers(-reach, reach + 1, (-(-h // 4), -(-w // 4), len(step.hyper_gain)), np.int16)
        cells = (*(4 * n for n in hyper.shape[:2]), len(step.gain))
        latent = numbers.integers(-wide, wide + 1, cells, np.int16)
        stream = coder.encode(found.symbols(latent, h, w, hyper, rng.randrange(2))[0], package.tables)
        header = container.Header(
            16 * w - rng.randrange(16), 16 * h - rng.randrange(16), rng.choice((1, 3)), level, package.fingerprint
        )
        return container.pack(container.Lat(header, (container.Section(container.LATENTS, stream),)))

    def _package(self, data: bytes, rng: random.Random) -> None:
        self._path.write_bytes(data)
        self.stage = "describe"
        about = packages.describe(self._path)
        self.stage = "check"
        packages.check(about)
        rung(packages.Package(about).ladder, rng.randrange(1001))
        if rng.random() < 0.5:
            self.stage = "run"
            store._read.cache_clear()  # another package under the same name
            mutated = Codec(str(self._path), threads=1)
            mutated.decode(self.corpus.written_by(rng, about.fingerprint), max_pixels=MAX_PIXELS)
            self.stage = "run encoder"
            picture = self.corpus.picture(rng)
            mutated.encode(picture if rng.random() < 0.7 else picture.astype(np.uint16) * 257)
