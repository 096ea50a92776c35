"""The codec: pictures ↔ bytes of a `.lat` file.

    encode     coding.encoder (transforms, each tile's `Coding`, and a look at what readers will show) → container.pack
    decode     container.unpack → coding.lossy, or coding.exact_pixels

`encode` and `decode` work on arrays, without Pillow and click; `compress` and `decompress` on Pillow images.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from .arrays import Region
from .coding import arguments, encoder, exact_pixels, lossy
from .coding.windows import Pixels as Pixels
from .engine import timing
from .engine.sessions import Sessions
from .errors import FormatError, HalfPackage, UsageError, about
from .format import alpha, container
from .format.container import DEFAULT_MAX_PIXELS, PLAIN, Lat, Section
from .format.depth import is_narrow
from .model import archives, store
from .model.kinds import SMALL
from .model.packages import Package
from .quality import targets
from .storage import places

if TYPE_CHECKING:
    from PIL import Image

    from . import images

LARGE = 2**25  # pixels from which memory, wanted next by an image file's encoder, is worth opening graphs again
BATCH = 8  # pictures


class Codec:
    """Compresses with one model; decompresses files of any installed one.

    Any codec reads what any other wrote, whatever their settings. Threads may share a codec. A pickled codec
    opens its model again where it is loaded.

    Args:
        model: A name that `aezip models` lists, or the path of a package; None to decode only.
        provider: Where the transforms run: cpu, cuda, tensorrt, openvino, coreml, directml, migraphx, rocm.
        threads: Number of onnxruntime's threads. None: its own choice.
        decoder: `full`, or `small` for the faster and less precise decoder that a package may hold.
        batch: How many pictures of one size and quality, from as many threads, go through a transform together, at
            most. None: 1 on the CPU, which gains nothing from more, and 8 elsewhere.
        offline: Fetch no model from the places that the user added (`aezip models add`).

    Raises:
        ModelNotFound: There is no such model.
        ModelUnfit: The model codes no pictures.
        PackageDamaged: The package is not as it was written.
        ProviderError: This onnxruntime has no such provider.
        UsageError: A setting is outside its range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = "photo",
        *,
        provider: str = "cpu",
        threads: int | None = None,
        decoder: str = "full",
        batch: int | None = None,
        offline: bool = False,
    ) -> None:
        arguments.check_settings(provider, threads, decoder, batch)
        name = arguments.check_model(model) if model is not None else None
        self._lasting = os.path.abspath(name) if name and store.is_path(name) else name
        self.provider, self.threads, self.decoder = provider, threads, decoder
        self.batch, self.offline = batch or (1 if provider == "cpu" else BATCH), offline
        self._opened: dict[bytes, Sessions] = {}
        self._beside: dict[Path, None] = {}  # folders of archives, in the order in which they were met
        self._lock = Lock()
        self._own = store.package(name) if name is not None else None
        if self._own:
            self._encoding = self._of(self._own)
            if self._own.about.half != "encoder" and decoder == "full":
                self._opened[self._own.fingerprint] = self._encoding

    def __reduce__(self) -> tuple[Any, ...]:
        settings = partial(type(self), provider=self.provider, threads=self.threads, decoder=self.decoder)
        return partial(settings, batch=self.batch, offline=self.offline), (self._lasting,)

    def __enter__(self) -> Codec:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory of all graphs back.  They open again if the codec is used again."""
        with self._lock:
            for sessions in ([self._encoding] if self._own else []) + list(self._opened.values()):
                sessions.close()

    @property
    def package(self) -> Package:
        """The model that pictures are compressed with.

        Raises:
            UsageError: The codec only decodes.
            HalfPackage: The model only decodes.
        """
        if self._own is None:
            raise UsageError("this codec only decodes", "a model to compress with")
        self._own.require("encoder")
        return self._own

    def prepare(self, *, fine: bool = False) -> None:
        """Begin to open what `encode` needs, so that it need not wait for it.  Raises what `package` does.

        Args:
            fine: What it needs for uint16.
        """
        names = self.package.encoding(fine)  # first, for there may be none
        self._encoding.prepare(*names)

    def look_beside(self, path: str | os.PathLike[str]) -> None:
        """Find models, from now on, that the archive of a file carries: in `.aezip` of its folder, and of those above.

        `decompress` does it by itself for a path.

        Args:
            path: A `.lat` file. URLs carry nothing.
        """
        self._beside.update(dict.fromkeys(archives.folders_of(os.fspath(path))))

    def encode(
        self,
        pixels: Pixels,
        quality: float = 60,
        *,
        sections: tuple[Section, ...] = (),
        effort: int = 1,
        lossless: bool | None = None,
        cell_psnr: float = 0.0,
        depth: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> bytes:
        """Pixels → a `.lat` file.

        A whole model makes pixels of the latents before the file is returned, and stores cells of 16 × 16 pixels
        exactly that came out worse than those of photographs, or of which its small decoder makes a mess. An encoder
        half cannot.

        Args:
            pixels: uint8 or uint16 [H, W, 3], [H, W, 1] or [H, W].
            quality: 0 … 100, in tenths.
            sections: Sections to put into the file, such as metadata.
            effort: 0 rounds latents; 1 weighs the bits of each against its error.
            lossless: Whether every pixel is kept. None: if that makes a smaller file (scans, icons, charts), and of
                uint16 if they are within a sixteenth of their range, of which coding with loss would leave little.
            cell_psnr: The lowest PSNR in dB of any cell of 16 × 16 pixels. 0: what is usual for photographs. It needs a
                whole model.
            depth: Bits of a sample of uint16, 9 to 16; they are from 0 to 2^depth − 1. None: 16.
            max_pixels: Limit on H · W.

        Returns:
            The file's bytes.

        Raises:
            ImageError: The array has another shape or type.
            LimitExceeded: The picture is larger than `max_pixels`, or than 2²⁰ pixels a side.
            ModelUnfit: The picture has colours, and the model is for grey ones.
            HalfPackage: The model only decodes; or it only encodes, and `cell_psnr` is given.
            UsageError: A parameter is outside its range or of another type, or the codec only decodes.
        """
        (pixels, depth), level = arguments.check_pixels(pixels, max_pixels, depth), arguments.check_quality(quality)
        effort, error = arguments.check_effort(effort), arguments.check_cell_psnr(cell_psnr)
        lossless = arguments.check_lossless(lossless)
        if lossless or (lossless is None and is_narrow(pixels, depth)):
            return exact_pixels.encode(pixels, sections, depth)
        self.prepare(fine=depth > PLAIN)
        coder = encoder.Encoder(self._encoding, level, effort)
        if self.package.about.half:
            if cell_psnr:
                finding = "the encoder half of a model cannot see how its cells come out"
                raise HalfPackage(finding, "the whole model, or no cell_psnr", file=str(self.package.about.path))
            data = container.pack(coder.encode(pixels, sections, depth))
        else:
            data = coder.encode_verified(pixels, sections, depth, error)
        if pixels.shape[0] * pixels.shape[1] > LARGE:
            self._encoding.close()
        return data if lossless is False else exact_pixels.shorter(data, pixels, sections, depth)

    def decode(
        self,
        data: bytes,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        region: Region | None = None,
        scale: int = 1,
        partial: bool = False,
        to_8bit: bool = False,
    ) -> tuple[Pixels, Lat]:
        """A `.lat` file → pixels, and its header and sections.

        Args:
            data: The file's bytes.
            max_pixels: Limit on the picture's pixels.
            region: x, y, width, height of the part to decode, in pixels. Only the tiles that it touches are decoded.
                None: the whole picture.
            scale: 2, 4, 8 or 16 for a picture that is this many times smaller; from 4 on it takes less time. Its sides
                are rounded up. A region still counts pixels of the whole.
            partial: Also decode a file that is cut off within its latents, as far as possible. The `missing` of the
                result is the number of missing bytes. What is there is not checked, so it may be damaged.
            to_8bit: Make samples of more bits 8-bit.

        Returns:
            [H, W, C], C 1 or 3, uint8; or uint16 of the file's depth; and the file's header and sections.

        Raises:
            FormatError: The file is damaged.
            LimitExceeded: It has more pixels than `max_pixels`.
            ModelUnfit: The model has no small decoder.
            UnknownFingerprint: The model that wrote the file is not installed.
            PackageDamaged: The package is not as it was written.
            UsageError: The region is not inside the picture, or there is no such scale or limit.
        """
        scale = arguments.check_scale(scale)
        with timing.stage("container"):
            lat = container.unpack(data, max_pixels, partial=partial)
        region = arguments.check_region(region, lat.header)
        if lat.lossless:
            return exact_pixels.decode(lat, region, scale, to_8bit), lat
        sessions = self._for(lat.header.fingerprint)
        sessions.package.require("decoder")
        depth = PLAIN if to_8bit else lat.depth
        sessions.prepare(*sessions.package.decoding(scale, fine=depth > PLAIN))
        pixels = lossy.decode(sessions, lat, region, scale, depth)
        if pixels.size > LARGE * lat.header.channels:
            sessions.close()
        return pixels, lat

    def check(self, data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Lat:
        """Check a `.lat` file: checksums, structure, every symbol.  Raises what `decode` does.

        Args:
            data: The file's bytes.
            max_pixels: Limit on the picture's pixels.

        Returns:
            The file's header and sections.
        """
        lat = container.unpack(data, max_pixels)
        if lat.lossless:
            exact_pixels.decode(lat)
        else:
            lossy.check(self._for(lat.header.fingerprint), lat)
        opacity = lat.section(container.ALPHA)
        if opacity is not None:
            alpha.decode(opacity, lat.header.height, lat.header.width, depth=lat.depth)
        return lat

    def compress(
        self,
        image: Image.Image | Pixels | str | os.PathLike[str],
        quality: float = 60,
        *,
        target_size: int | None = None,
        target_bpp: float | None = None,
        target_psnr: float | None = None,
        target_ssimulacra2: float | None = None,
        effort: int = 1,
        lossless: bool | None = None,
        cell_psnr: float = 0.0,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        read: images.ReadOptions | None = None,
        icc_profile: bytes | None = None,
        exif: bytes | Image.Exif | None = None,
        xmp: bytes | None = None,
    ) -> bytes:
        """A picture → a `.lat` file, with the picture's alpha and metadata.

        Args:
            image: A Pillow image of any mode, the path of an image file, or an array as of `encode`.
            quality: 0 … 100, in tenths.
            target_size: Instead of `quality`, the best one whose file has at most this many bytes.
            target_bpp: The same with at most this many bits per pixel.
            target_psnr: Instead of `quality`, the lowest one with this PSNR in dB, or more.
            target_ssimulacra2: The same with this SSIMULACRA2, below 100.
            effort: As in `encode`.
            lossless: As in `encode`.
            cell_psnr: As in `encode`.
            max_pixels: As in `encode`.
            read: How the image is read: `ReadOptions(upright=True)`, …; of an array only `to_8bit` counts.
            icc_profile: Replaces the picture's own. b"" drops it, None keeps it.
            exif: The same for EXIF.
            xmp: The same for XMP.

        Returns:
            The file's bytes.

        Raises:
            InputNotFound: There is no such file.
            ImageError: The file or image cannot be read. The other errors are those of `encode`.
            TargetMissed: No quality reaches the target.
        """
        from . import images

        lossless = arguments.check_lossless(lossless)
        target = targets.asked(target_size, target_bpp, target_psnr, target_ssimulacra2)
        if lossless and target:
            raise UsageError(f"lossless=True and a target of {target}", "one of them: it keeps every pixel")
        if not isinstance(read, images.ReadOptions | None):
            raise UsageError(f"read is a {type(read).__name__}", "ReadOptions")
        picture = _taken(image, (read or images.AS_IT_IS)._replace(deep=True), max_pixels)
        given = {"icc_profile": icc_profile, "exif": exif, "xmp": xmp}
        picture = images.replaced(picture, {name: value for name, value in given.items() if value is not None})
        how: dict[str, Any] = {"effort": effort, "cell_psnr": cell_psnr, "max_pixels": max_pixels}
        how |= {"sections": images.sections_of(picture), "lossless": lossless, "depth": picture.depth}
        if target is None:
            return self.encode(picture.pixels, quality, **how)
        return targets.encode(self, target, picture.pixels, **how).data

    def decompress(
        self,
        data: bytes | str | os.PathLike[str],
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        region: Region | None = None,
        scale: int = 1,
        partial: bool = False,
        to_8bit: bool = False,
        tone_map: bool = False,
    ) -> Image.Image:
        """A `.lat` file → a Pillow image, with alpha and metadata.

        Args:
            data: The file's bytes, or its path.
            max_pixels: As in `decode`.
            region: As in `decode`.
            scale: As in `decode`.
            partial: As in `decode`, which also tells how much is missing.
            to_8bit: Make grey of more bits 8-bit, too.
            tone_map: Make pictures of high dynamic range (PQ, HLG) or of other colours sRGB.

        Returns:
            The image, of mode L, LA, RGB, RGBA, or I;16 of grey of more bits; others are made 8-bit, for Pillow has no
            such modes. `.info` holds icc_profile, exif, xmp and dpi, if the file has them.

        Raises:
            InputNotFound: There is no such file. The other errors are those of `decode`.
        """
        from . import images

        name = os.fspath(data) if isinstance(data, (str, os.PathLike)) else None
        with about(name):
            if name is not None:
                self.look_beside(name)
                data = places.read(name, FormatError)
            how: dict[str, Any] = {"region": region, "scale": scale}
            pixels, lat = self.decode(cast("bytes", data), max_pixels=max_pixels, partial=partial, **how)
            picture = images.picture_of(pixels, lat, **how)
            picture = images.tone_mapped(picture) if tone_map else picture
            return images.to_pillow(images.in_8_bits(picture) if to_8bit else picture)

    def _for(self, fingerprint: bytes) -> Sessions:
        with self._lock:
            if fingerprint not in self._opened:
                own = self._own.about if self._own else None
                how: Any = {"offline": self.offline, "member": f"{SMALL}.onnx" if self.decoder == "small" else ""}
                found = store.find_fingerprint(fingerprint, own, list(self._beside), **how)
                self._opened[fingerprint] = self._of(Package(found), self.decoder)
            return self._opened[fingerprint]

    def _of(self, package: Package, decoder: str = "full") -> Sessions:
        return Sessions(package, self.provider, self.threads, decoder=decoder, batch=self.batch)


def _taken(
    image: Image.Image | Pixels | str | os.PathLike[str], intake: images.ReadOptions, max_pixels: int
) -> images.Picture:
    from . import images

    if isinstance(image, (str, os.PathLike)):
        return images.read(image, intake, max_pixels)
    if images.is_pillow(image):
        return images.from_pillow(cast("Image.Image", image), intake)
    pixels, depth = arguments.check_pixels(image, max_pixels)
    picture = images.Picture(pixels, depth=depth)
    return images.in_8_bits(picture) if intake.to_8bit else picture
