"""Netpbm: samples of any depth and nothing else; images/netpbm.py, which reads and writes them, is loaded at need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..headers import file_of
from ..picture import Picture
from ..signalling import Losses
from .base import Reader, Writer

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes


class PpmReader(Reader):
    """Samples whose range may have any bits."""

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        from .. import netpbm

        return netpbm.read(file_of(image))


class Ppm(Writer):
    """PGM or PPM."""

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return picture, ()

    def encoded(self, picture: Picture) -> bytes:
        from .. import netpbm

        return netpbm.write(picture)


class Pam(Ppm):
    """PAM."""

    def encoded(self, picture: Picture) -> bytes:
        from .. import netpbm

        return netpbm.write_pam(picture)
