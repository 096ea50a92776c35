"""Flagships: the package of a trained one, and the proofs before it is written (`graphs`, `package`, `proofs`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aezip_train.flagship import Flagship

from . import package, proofs
from .sample import picture


def export(model: Flagship, output: Path, *, name: str, facts: dict[str, Any], card: str) -> dict[str, Any]:
    """Write a package once every proof holds.  Returns the figures it was described with."""
    model = proofs.stored_weights(model)
    members = package.members_of(model, card)
    description = package.describe(model, name, members, facts)
    return package.write_proved(output, members, description, lambda path: proofs.all_of(model, path, picture()))
