"""Netpbm: PGM and PPM, or PAM with alpha; samples of any depth and nothing else."""

from __future__ import annotations

from .. import netpbm
from ..picture import Picture
from ..signalling import Losses
from .base import Writer


class Ppm(Writer):
    """PGM or PPM."""

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return picture, ()

    def encoded(self, picture: Picture) -> bytes:
        return netpbm.write(picture)


class Pam(Ppm):
    """PAM."""

    def encoded(self, picture: Picture) -> bytes:
        return netpbm.write_pam(picture)
