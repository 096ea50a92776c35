"""Released models: names with versions, whose files every later aezip decodes.

`weights/releases.json` lists them, the oldest first: name, version, fingerprint, file. The newest of a name is the
whole package that writes, `weights/NAME.aezm`; each older one is its decoder half, `weights/released/NAME-N.aezm.xz`.
Entries are added by `tools/release_model.py` and never change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

REGISTRY = "releases.json"


class Release(NamedTuple):
    """A released model."""

    name: str
    version: int  # from 1
    fingerprint: bytes
    file: str  # below the folder of the registry

    @property
    def full_name(self) -> str:
        """NAME-VERSION."""
        return f"{self.name}-{self.version}"


def releases(folder: Path) -> list[Release]:
    """All of the registry in a folder of aezip's own, the oldest first."""
    return [
        Release(entry["name"], entry["version"], bytes.fromhex(entry["fingerprint"]), entry["file"])
        for entry in json.loads((folder / REGISTRY).read_bytes())
    ]


def text(listed: list[Release]) -> bytes:
    """The registry's bytes."""
    entries = [{**release._asdict(), "fingerprint": release.fingerprint.hex()} for release in listed]
    lines = ",\n".join(f" {json.dumps(entry)}" for entry in entries)
    return f"[\n{lines}\n]\n".encode() if entries else b"[]\n"
