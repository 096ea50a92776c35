"""The families of models, each with how it is trained and what exports it.

A recipe's `family` is one of FAMILIES. `aezip-train` and `aezip-export` find all else here.
"""

from __future__ import annotations

from typing import NamedTuple

from .loop import Training
from .recipe import Recipe
from .train_autoencoder import NETWORKS, AutoencoderTraining
from .train_flagship import FlagshipTraining
from .train_restorer import RestorerTraining
from .train_small import SmallTraining


class Family(NamedTuple):
    """One kind of model."""

    training: type[Training]  # builds the network of a recipe, trains it, and loads it from a run
    exporter: str  # the module of `aezip_export` that writes what `training.load` returns as a package


FAMILIES = {
    "flagship": Family(FlagshipTraining, "flagships"),
    "restorer": Family(RestorerTraining, "restorers"),
    "small": Family(SmallTraining, "small"),
    **{name: Family(AutoencoderTraining, "autoencoders") for name in NETWORKS},
}


def family_of(recipe: Recipe) -> Family:
    """The family that a recipe names.  Raises ValueError."""
    if recipe.family not in FAMILIES:
        known = " or ".join(FAMILIES)
        raise ValueError(f"recipe {recipe.name}: family is '{recipe.family}'; expected {known}")
    return FAMILIES[recipe.family]
