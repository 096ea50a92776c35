"""What this installation is and whether it is exact: the facts behind `aezip doctor`.

`digest` hashes the prior's outputs for latents that are made by arithmetic alone: a model has the same digest on every
machine. `examine` compares the outputs of each provider with those of the same graphs without optimisation on one
thread.

`examine` makes the pixels again of which a model's description holds a digest (`pixels_digest`).
"""

from __future__ import annotations

import hashlib
import platform
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__, coding
from ..engine.cores import cores
from ..engine.graphs import INT16
from ..engine.library import builds, onnxruntime, prepare
from ..engine.sessions import PROVIDERS, Sessions
from ..entropy import coder
from ..errors import AezipError
from ..model.packages import Package
from ..model.store import find_codec

LEVELS = (0, 300, 600, 1000)  # qualities that go into the digests
SIDE, REACH = 6, 32  # of latents made up for pixels
PIXELS = {"full": "pixels_digest", "small": "small_pixels_digest"}  # in a package's description, by decoder
TIMED = (512, 768)  # pixels, rows and columns


def examine(model: str = "photo", threads: int | None = None) -> dict[str, Any]:
    """All facts, ready for JSON.  Raises ModelNotFound, ModelUnfit, PackageDamaged, UsageError."""
    ort = onnxruntime()
    package = find_codec(model)
    name, why = coder.chosen()
    want = digest(Sessions(package, threads=1, optimisation="disabled"))
    there = ort.get_available_providers()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "onnxruntime": ort.__version__,
        "builds": builds(),
        "threads": threads or cores(),
        "cores": cores(),
        "coder": name,
        "coder_why": why,
        "model": package.about.name,
        "fingerprint": package.fingerprint.hex(),
        "digest": want,
        "pixels": " and ".join(_said(package).values()) or None,
        "providers": [_provider(package, p, threads, want) for p, known in PROVIDERS.items() if known in there],
        "absent": [p for p, known in PROVIDERS.items() if known not in there],
    }


def digest(sessions: Sessions) -> str:
    """SHA-256 (hex, 16 digits) of the integers that choose tables.  Raises PackageDamaged."""
    seen = hashlib.sha256()
    for level in LEVELS:
        for array in coding.at(sessions, level).integers(_mixed):
            seen.update(array.astype("<i2").tobytes())
    return seen.hexdigest()[:16]


def pixels_digest(sessions: Sessions) -> str:
    """The same of pixels that the decoder makes, as FORMAT.md §7 says.  Raises PackageDamaged."""
    seen = hashlib.sha256()
    for level in LEVELS:
        graphs = coding.at(sessions, level).graphs
        seen.update(graphs.decoder(_mixed((SIDE, SIDE, len(graphs.rung.gain)), REACH)).tobytes())
    return seen.hexdigest()[:16]


def _mixed(shape: tuple[int, ...], reach: int) -> INT16:
    """Whole numbers within ±reach, well mixed, from nothing but their places (Knuth's multiplicative hash)."""
    hashed = np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(2654435761) >> np.uint64(8)
    return np.asarray((hashed % np.uint64(2 * reach + 1)).astype(np.int16).reshape(shape) - np.int16(reach), np.int16)


def _said(package: Package) -> dict[str, str]:
    """Digests of pixels that a package's decoders make everywhere."""
    about = package.about
    return {
        which: about.description[key] for which, key in PIXELS.items() if key in about.description and about.decodes
    }


def _provider(package: Package, name: str, threads: int | None, want: str) -> dict[str, Any]:
    """Digest on one provider, and how long its transforms take."""
    facts: dict[str, Any] = {"name": name, "onnxruntime": PROVIDERS[name]}
    sessions, said = Sessions(package, name, threads, on_cpu=()), _said(package)
    try:
        prepare(name)
        facts["digest"] = digest(sessions)
        if said:
            made = {}
            for which in said:
                own = sessions if which == "full" else Sessions(package, name, threads, on_cpu=(), decoder=which)
                made[which] = pixels_digest(own)
            facts.update(pixels=" and ".join(made.values()), exact_pixels=made == said)
        graphs = coding.at(sessions, 600).graphs
        image = (_mixed((*TIMED, package.about.channels), 100) + 128).astype(np.uint8)
        latent = _mixed((TIMED[0] // 16, TIMED[1] // 16, len(graphs.rung.gain)), REACH)
        if package.about.half != "decoder":
            facts["encode_ms"] = _time_ms(lambda: graphs.encoder(image))
        if package.about.decodes:
            facts["decode_ms"] = _time_ms(lambda: graphs.decoder(latent))
    except AezipError as error:
        return {**facts, "digest": None, "error": error.finding}
    facts["exact"] = facts["digest"] == want
    return facts


def _time_ms(what: Callable[[], object]) -> float:
    """Shortest of some runs after a first one."""
    return round(1000 * min(timeit.repeat(what, number=1, repeat=4)[1:]), 1)
