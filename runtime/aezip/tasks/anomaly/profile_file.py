"""An anomaly profile ↔ its file: an .npz of plain arrays, a description in JSON among them.

Whitening matrices are stored as float16, each column in units of its largest number, of square ones the triangle.
Distances are within 0.1 % of those before. A profile takes a third of a megabyte, by places up to 12 MB; with a trained
network 1 to 3 MB more.
"""

from __future__ import annotations

import io
import json
import os
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputNotFound, PackageDamaged, ProfileDamaged, about, finding_of
from ...model import onnx_check
from ...model.kinds import GraphName
from ...model.packages import UNREADABLE, arrays_of
from ...storage.files import read_bytes
from . import filters
from .detector import LEAST, NARROWEST, THINNEST, Detector, Standard
from .gaussian import Gaussian, Scale
from .measures import LEVELS, MEASURES, Profile, Statistics
from .places import Places

VERSION, TRAINED = 3, 4  # without and with a network
MAX_BYTES = 2**28
TRIANGLES = MEASURES[:-1]
MAPS = "network_mean", "network_spread", "logit_mean", "logit_spread"
WIDEST = 8192  # coordinates
_EXPECTED = "a file written by aezip anomaly fit"


def pack(profile: Profile) -> bytes:
    """The bytes of a profile's file."""
    about: dict[str, Any] = {
        "aezip_anomaly_profile": TRAINED if profile.detector else VERSION,
        "model": profile.model,
        "encoder": profile.digest,
        "pictures": profile.pictures,
        "alike": profile.alike,
        "scales": {name: [scale.middle, scale.spread] for name, scale in profile.scales.items()},
    }
    arrays: dict[str, NDArray[Any]] = {}
    for name, gaussian in profile.statistics.gaussians.items():
        unit = np.maximum(np.abs(gaussian.whitening).max(0), 1e-30)
        matrix = (gaussian.whitening / unit).astype(np.float16)
        stored = matrix[np.triu_indices(len(unit))] if name in TRIANGLES else matrix.reshape(-1)
        arrays |= {f"{name}_mean": gaussian.mean, f"{name}_unit": unit, f"{name}_whitening": stored}
    for name, here in profile.statistics.places.items():
        unit = np.maximum(np.abs(here.whitening).max((0, 1)), 1e-30)
        triangles = (here.whitening / unit).astype(np.float16)
        arrays |= {f"{name}_mean": here.mean, f"{name}_unit": unit, f"{name}_whitening": triangles}
    if network := profile.detector:
        about["deviation"] = network.standard.deviation
        arrays["graph"] = np.frombuffer(network.graph, np.uint8)
        maps = network.standard.mean, network.standard.spread, network.mean, network.spread
        arrays |= {name: values.astype(np.float16) for name, values in zip(MAPS, maps, strict=True)}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    arrays["normal"] = profile.normal
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpack(data: bytes) -> Profile:
    """The profile of a file's bytes.  Raises ProfileDamaged."""
    try:
        arrays = arrays_of(data)
        about = json.loads(arrays["about"].astype(np.uint8).tobytes())
        version = about["aezip_anomaly_profile"]
        if version in (VERSION, TRAINED):
            statistics = _statistics(arrays, bool(about["alike"]))
            measured = (*statistics.gaussians, *statistics.places)
            network = _network(arrays, about, bool(about["alike"])) if version == TRAINED else None
            names = dict.fromkeys((*measured, "whole", "score", *(("trained", "both") if network else ())))
            scales = {name: Scale(*map(_number, about["scales"][name])) for name in names}
            normal = _floats(arrays["normal"], 1)
            if min(scale.spread for scale in scales.values()) <= 0 or not normal.size:
                raise ValueError("no spread")
            model, encoder, pictures = str(about["model"]), str(about["encoder"]), int(about["pictures"])
            return Profile(model, encoder, pictures, statistics, scales, np.sort(normal), network)
    except (OSError, AttributeError, IndexError, *UNREADABLE):
        raise ProfileDamaged("not a complete anomaly profile", _EXPECTED) from None
    expected = f"{VERSION} or {TRAINED}; update aezip, or fit again"
    raise ProfileDamaged(f"version {version} of anomaly profiles", expected)


def read(path: str) -> Profile:
    """The profile of a file; one that was read and has not changed is not read again.

    Raises InputNotFound, ProfileDamaged.
    """
    try:
        facts = os.stat(path)
    except FileNotFoundError as error:
        raise InputNotFound(expectation=_EXPECTED, file=path) from error
    except (OSError, ValueError) as error:
        raise ProfileDamaged(finding_of(error), _EXPECTED, file=path) from None
    with about(path):
        return _read(os.path.abspath(path), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=4)
def _read(path: str, _: int, size: int) -> Profile:
    if size > MAX_BYTES:
        raise ProfileDamaged("too large for an anomaly profile", _EXPECTED)
    return unpack(read_bytes(path, ProfileDamaged))


def _statistics(arrays: dict[str, NDArray[Any]], alike: bool) -> Statistics:
    if alike:
        return Statistics({}, {name: _places(arrays, name) for name in LEVELS})
    return Statistics({name: _gaussian(arrays, name) for name in MEASURES}, {})


def _places(arrays: dict[str, NDArray[Any]], name: str) -> Places:
    mean, triangles = (_floats(arrays[f"{name}_{part}"], 3) for part in ("mean", "whitening"))
    unit = _floats(arrays[f"{name}_unit"], 1)
    size = filters.SIZE
    h, w = mean.shape[:2]
    if not h or not w or mean.shape[2] != size or triangles.shape != (h, w, size * (size + 1) // 2):
        raise ValueError("sizes that do not fit")
    return Places(mean, triangles * unit)


def _gaussian(arrays: dict[str, NDArray[Any]], name: str) -> Gaussian:
    mean, unit = (_floats(arrays[f"{name}_{part}"], 1) for part in ("mean", "unit"))
    size, count = len(mean), len(unit)
    stored, square = _floats(arrays[f"{name}_whitening"], 1), name in TRIANGLES
    wanted = size * (size + 1) // 2 if square else size * count
    if not 0 < count <= size <= WIDEST or (square and count != size) or len(stored) != wanted:
        raise ValueError("sizes that do not fit")
    whitening = np.zeros((size, count), np.float32)
    whitening[np.triu_indices(size) if square else np.unravel_index(np.arange(wanted), whitening.shape)] = stored
    return Gaussian(mean, whitening * unit)


def _network(arrays: dict[str, NDArray[Any]], about: dict[str, Any], alike: bool) -> Detector:
    """Raises ProfileDamaged for a graph that is not one."""
    graph = arrays["graph"].astype(np.uint8).tobytes()
    try:
        onnx_check.check(GraphName("detector"), graph)
    except PackageDamaged as error:
        raise ProfileDamaged(error.finding, error.expectation) from None
    mean, spread, logit, width = (_floats(arrays[name], 2) for name in MAPS)
    deviation = _number(about["deviation"])
    if mean.shape != spread.shape or logit.shape != width.shape or not logit.size or bool(mean.size) != alike:
        raise ValueError("sizes that do not fit")
    if deviation < LEAST or spread.min(initial=1) < 0.9 * NARROWEST or width.min() < 0.9 * THINNEST:
        raise ValueError("no spread")
    return Detector(graph, Standard(mean, spread, deviation), logit, width)


def _floats(array: NDArray[Any], dimensions: int) -> NDArray[np.float32]:
    if array.ndim != dimensions or not np.issubdtype(array.dtype, np.floating):
        raise ValueError("not an array of numbers")
    with np.errstate(over="ignore"):
        found = array.astype(np.float32)
    if not np.isfinite(found).all():
        raise ValueError("not an array of numbers")
    return found


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise ValueError("not a number")
    return float(value)
