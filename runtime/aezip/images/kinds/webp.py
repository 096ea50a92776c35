"""WebP, whose colours are RGB: so are its profiles."""

from __future__ import annotations

from .. import signalling
from ..picture import Picture
from ..signalling import Losses
from .base import Writer


class WebP(Writer):
    """Grey pictures get a profile of RGB."""

    def coloured(self, picture: Picture) -> tuple[Picture, Losses]:
        picture, lost = super().coloured(picture)
        picture, misfit = signalling.with_profile_of(picture, b"RGB ")
        return picture, (*lost, *misfit)
