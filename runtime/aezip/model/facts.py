"""What is known of the installed models, for people and as JSON."""

from __future__ import annotations

from typing import Any

from .packages import SUFFIX, PackageInfo
from .store import release_of


def name_of(model: PackageInfo) -> str:
    """By which it is found."""
    return model.path.name.partition(SUFFIX)[0]


def model_facts(model: PackageInfo) -> dict[str, Any]:
    """One installed model, ready for JSON."""
    return {
        "name": name_of(model),
        "release": release_of(model.fingerprint),
        "fingerprint": model.fingerprint.hex(),
        "half": model.half,
        "qualities": model.qualities,
        "bytes": model.size,
        "path": str(model.path),
        "summary": model.summary,
    }


def model_lines(model: PackageInfo) -> list[str]:
    """The same and more as lines to read."""
    about = model.description
    training = about.get("training")
    does = {
        "encoder": "encodes only",
        "decoder": "decodes only",
        "denoise": "takes noise out of pictures",
        "colorize": "gives grey pictures colours",
        "inpaint": "fills holes in pictures",
    }
    rows = [
        ("summary", model.summary),
        ("path", str(model.path)),
        ("size", f"{model.size:,} B"),
        ("fingerprint", model.fingerprint.hex()),
        ("release", release_of(model.fingerprint)),
        ("does", does.get(model.task or model.half or "", "encodes and decodes")),
        ("family", about.get("family")),
        ("training", ", ".join(f"{k} {v}" for k, v in training.items()) if isinstance(training, dict) else None),
        ("licence", about.get("licence")),
    ]
    return [name_of(model), *(f"  {name:<11} {value}" for name, value in rows if value)]
