"""The network's graphs at one quality: arrays in, arrays out.  What runs them: `sessions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..format.averages import averaged
from ..format.depth import Samples, fine_of
from ..format.geometry import LATENT_STRIDE, LATENTS_PER_HYPER, grid
from ..model.kinds import GraphName
from ..model.ladder import Rung, rung
from ..model.packages import Package
from .sessions import Sessions

INT16 = NDArray[np.int16]


@dataclass(frozen=True)
class Graphs:
    """A package's graphs, and what the quality sets in them.  C latent channels, Z hyper-latent channels."""

    sessions: Sessions
    rung: Rung

    @classmethod
    def at(cls, sessions: Sessions, quality: int) -> Graphs:
        """quality: 0 … 1000."""
        return cls(sessions, rung(sessions.package.ladder, quality))

    @property
    def package(self) -> Package:
        return self.sessions.package

    def encoder(self, image: NDArray[np.uint8] | NDArray[np.float32]) -> INT16:
        """image [H, W, 3 or 1] in grey levels, sides multiples of 16 → latents in 1/16 of a step [H/16, W/16, C]."""
        shape = (*grid(image.shape), len(self.rung.gain))
        name = GraphName("encoder", fine=image.dtype != np.uint8)
        return self._transform(name, ("image", image), {"gain": self.rung.gain}, ("latent", shape))

    def hyper(self, latent: INT16) -> INT16:
        """Latents in 1/16 of a step [4a, 4b, C] → hyper-latents [a, b, Z], within ±RADIUS_MAX."""
        shape = (*grid(latent.shape, LATENTS_PER_HYPER), len(self.rung.hyper_index))
        return self._transform(GraphName("hyper"), ("latent", latent), self._gains("hyper_gain"), ("hyper", shape))

    def prior(self, hyper: INT16) -> tuple[INT16, NDArray[np.uint8], dict[str, NDArray[Any]]]:
        """hyper [a, b, Z] → of the first half mean in 1/16 and index [2, 2a, 2b, C], and what the context wants.

        A half is laid out as `hyperprior.halves` has it; an index is of a table and a step.
        """
        half = 2, 2 * hyper.shape[0], 2 * hyper.shape[1], len(self.rung.gain)
        inputs = {"hyper": hyper[None], **self._gains("hyper_inverse", "hyper_offset", "mean_gain", "shift")}
        names = [output.name for output in self.sessions.session(GraphName("prior"), inputs).get_outputs()]
        shapes = dict.fromkeys(names, (2, None, None, None)) | dict.fromkeys(("mean", "index"), half)
        found = dict(zip(shapes, self.sessions.run(GraphName("prior"), inputs, shapes), strict=True))
        return found.pop("mean"), found.pop("index"), found

    def context(self, carried: dict[str, NDArray[Any]], known: INT16) -> tuple[INT16, NDArray[np.uint8]]:
        """Decoded first half in 1/16 [2, 2a, 2b, C] → mean and index of the second half, alike."""
        inputs = {**carried, "known": known, **self._gains("context_gain", "mean_gain", "shift")}
        mean, index = self.sessions.run(GraphName("context"), inputs, {"mean": known.shape, "index": known.shape})
        return mean, index

    def decoder(self, latent: INT16, scale: int = 1, *, fine: bool = False, small: bool = False) -> Samples:
        """Latents in 1/16 [h, w, C] → image [16h, 16w, 3 or 1]; or one `scale` (2, 4, 8 or 16) times smaller.

        fine: in 1/256 of a grey level, uint16, rather than in levels, uint8; small: by the small decoder.
        """
        role, own = self.package.decoder(scale)
        side = LATENT_STRIDE // own
        shape = (side * latent.shape[0], side * latent.shape[1], self.package.about.channels)
        name = GraphName(role, small, fine)
        image = self._transform(name, ("latent", latent), self._gains("inverse_gain"), ("image", shape))
        return averaged(fine_of(image) if fine else image, scale // own)

    def _gains(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self.rung, name) for name in names}

    def _transform(self, name: GraphName, item: tuple[str, Any], gains: Any, output: tuple[str, Any]) -> NDArray[Any]:
        return self.sessions.transform(name, item, gains, output, self.rung.quality)
