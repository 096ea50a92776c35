"""Half a codec, for devices: arrays in, bytes out; or bytes in, arrays out.

    encoder = aezip.embed.Encoder("camera.aezm", size=(1080, 1920))
    data = encoder.encode(image, quality=60)            # as `aezip compress` writes it, byte for byte
    decoder = aezip.embed.Decoder("screen.aezm")
    image = decoder.decode(data)                        # uint8 [H, W, 3], or [H, W] if it is grey

Needs numpy and onnxruntime. Each opens the graphs of its own direction only, so half a package will do
(`aezip models split`). Read on in the order in which a picture goes: `tiles`, `graphs`, `latents`, `tables`,
`rans`, `container`; each holds both directions of its stage.

With `size`, the first picture takes all the memory that onnxruntime will ever hold, and later ones take no more;
such a half works on one picture at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import codec
from .coding import hyperprior, windows
from .engine.graphs import INT16, Graphs, check_settings, open_session
from .errors import ImageError, LimitExceeded, UnknownFingerprint, UsageError
from .format import container
from .format.container import DEFAULT_MAX_PIXELS, Header, Lat, Section
from .model import store
from .model.ladder import Rung, rung
from .model.packages import Package

if TYPE_CHECKING:
    import onnxruntime

Size = tuple[int, int]  # rows, columns


class Encoder:
    """Pictures → `.lat` files.

    model: name or path of a package that encodes; size: rows and columns of every picture, None for any;
    threads: of onnxruntime, None for its own choice. Raises ModelNotFound, PackageDamaged, HalfPackage, UsageError.
    """

    def __init__(self, model: str = "photo", *, size: Size | None = None, threads: int | None = None) -> None:
        self._graphs, self._size = _open(model, "encoder", size, threads), size

    def encode(self, image: NDArray[np.uint8], quality: float = 60) -> bytes:
        """uint8 [H, W, 3], [H, W, 1] or [H, W], quality 0 … 100 → a whole file.

        Raises ImageError, LimitExceeded, UsageError.
        """
        pixels = codec.check_pixels(image)
        level = codec.check_quality(quality)
        h, w, channels = pixels.shape
        if self._size and tuple(self._size) != (h, w):
            raise ImageError(_shown((h, w)), f"{_shown(self._size)}, the size of this encoder")
        package = self._graphs.package
        tile = codec.tile_of(h, w)
        streams = windows.encode(self._graphs, pixels, rung(package.ladder, level), tile, effort=1)
        body = Section(container.LATENTS, hyperprior.pack_streams(streams))
        return container.pack(Lat(Header(w, h, channels, level, package.fingerprint, tile), (body,)))


class Decoder:
    """`.lat` files of one model → pictures; alpha and metadata are left where they are.

    Parameters and errors as of Encoder, of a package that decodes; max_pixels: larger pictures are refused.
    """

    def __init__(
        self, model: str = "photo", *, size: Size | None = None, threads: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self._graphs, self._size, self._max_pixels = _open(model, "decoder", size, threads), size, max_pixels

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """A whole file → uint8 [H, W, 3], or [H, W] for a grey one.  Raises FormatError and its kinds."""
        lat = container.unpack(data, self._max_pixels)
        header, package = lat.header, self._graphs.package
        if header.fingerprint != package.fingerprint:
            found, expected = header.fingerprint.hex(), package.fingerprint.hex()
            raise UnknownFingerprint(f"written by the model {found}", f"{expected}, which this decoder holds")
        if self._size and tuple(self._size) != (header.height, header.width):
            found = _shown((header.height, header.width))
            raise LimitExceeded(found, f"{_shown(self._size)}, the size of this decoder")
        whole = 0, 0, header.width, header.height
        pixels = windows.decode(self._graphs, lat, rung(package.ladder, header.quality), whole)
        return pixels if header.channels == 3 else pixels[:, :, 0]


class _Planned(Graphs):
    """Graphs for pictures of one size: a session for each shape that occurs, its outputs in arrays made once.

    Dimensions are fixed when a session opens, so that the arena's memory of the first run serves all that follow.
    onnxruntime's memory patterns stay off: they take as much again in the second run.
    """

    def __init__(self, package: Package, threads: int | None) -> None:
        super().__init__(package, threads=threads)
        self._plans: dict[tuple[str, int, int], _Plan] = {}

    def encoder(self, image: NDArray[np.uint8], rung: Rung) -> INT16:
        """As Graphs; a copy, since the next window is made while this one is coded."""
        latent: INT16 = super().encoder(image, rung).copy()
        return latent

    def _session(self, name: str, inputs: dict[str, Any]) -> Any:
        first = _FIRST[name]
        rows, columns = (_PIXELS[first] * n for n in inputs[first].shape[1:3])
        key = name, rows, columns
        if key not in self._plans:
            dimensions = {"N": 1, "H": rows, "W": columns, "h": rows // 16, "w": columns // 16,
                          "p": rows // 32, "q": columns // 32, "a": rows // 64, "b": columns // 64}
            session = open_session(self.package, name, "cpu", self.threads, dimensions=dimensions)
            self._plans[key] = _Plan(session)
        return self._plans[key]


class _Plan:
    """A session whose shapes are all known, and the arrays its outputs are written to, again and again."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session, self._binding = session, session.io_binding()
        self._made: dict[str, NDArray[Any]] = {}
        for output in session.get_outputs():
            array = np.empty(output.shape, _KINDS[output.type])
            self._binding.bind_output(output.name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            self._made[output.name] = array

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[NDArray[Any]]:
        """As of a session; what is returned lasts until the next run."""
        held = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        for name, value in held.items():
            self._binding.bind_cpu_input(name, value)
        self._session.run_with_iobinding(self._binding)
        return [self._made[name] for name in outputs]


_FIRST = {"encoder": "image", "hyper": "latent", "prior": "hyper", "context": "known", "decoder": "latent"}
_PIXELS = {"image": 1, "latent": 16, "known": 32, "hyper": 64}  # to one element
_KINDS = {"tensor(uint8)": np.uint8, "tensor(int16)": np.int16, "tensor(float)": np.float32}


def _open(name: str, half: str, size: Size | None, threads: int | None) -> Graphs:
    """The graphs of a package that has this half, with all but the graphs read and checked."""
    check_settings("cpu", threads)
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise UsageError(f"size {size}", "rows and columns, 1 or more")
    package = store.find_codec(name)
    package.require(half)
    package.tables.check()
    package.ladder.check()
    return Graphs(package, threads=threads) if size is None else _Planned(package, threads)


def _shown(size: Size) -> str:
    return f"{size[1]}×{size[0]} pixels"
