"""Anomalies: pictures that are normal → a profile; another picture → how far it is from them, and where.

Pictures may show their parts alike, each at the same place. Then simple filters at four sizes (`filters`) are measured
against a Gaussian for each place (`places`; PaDiM, Defard et al. 2020):

    fine, middle, broad, coarse   of cells of 4, 8, 16 and 32 pixels the filters' answers
    whole     the mean distance over all of them

If they do not, places say nothing, and one Gaussian for all of them counts:

    cell      of each 16×16 pixels the latents of the picture and of its half-size copy; the most distant 2×2 count
    texture   of each 2×2 cells the energies of the latents' channels: a smear has less of them than usual
    colour    of each cell the mean red, green and blue
    whole     of the whole picture these energies, along the directions in which those of normal pictures differ most

Which holds is seen from small defects that are planted into normal pictures (`planted`): parts lie alike if Gaussians
of places see them much better than those for all places do. A measure of latents that sees fewer counts less.
Each measure is put in units of its own spread over normal pictures, each fifth by the statistics of the others. The
largest, in such units, is the score, beside what a trained network finds (`detector`), `trained`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np

from ...arrays import Image8
from ...engine import progress
from ...errors import ImageError, UsageError
from ...format.geometry import LATENT_STRIDE
from ..features.vectors import FLOOR, Latents, colours, energies, halved, squares
from . import detector, filters, places, planted
from .detector import Detector, Standard
from .gaussian import Array, Gaussian, Moments, Scale, fitted, leading, moments
from .places import Places

TINY = 1e-9  # a distance of nothing
FOLDS = 5
FEWEST = 5  # pictures
SMALLEST = 32  # pixels a side, so that the half-size copy has a cell
INDEPENDENT = 0.05  # the share of cells that tell something of their own, neighbours being alike
LEAST = 0.005  # shrinkage of the covariances of cells
COMPONENTS = 16  # of whole pictures' energies
MEASURES = ("cell", "texture", "colour", "whole")
LEVELS = ("fine", "middle", "broad", "coarse")
PLANTED = 24  # pictures, at most, that are measured with a defect, too
MOST = 3.0  # spreads: a defect that is seen is seen, however large
BETTER = 1.5  # places count if they see planted defects so much better than without them
BLIND = 0.1  # spreads: a lesser rise says nothing
LIGHTEST = 0.1  # weight
TRAINED = 2.0  # weight of what a trained network finds
TAIL = 0.75  # quantile from which the tail of normal scores is taken as exponential


@dataclass(frozen=True)
class Seen:
    """A picture's vectors."""

    grid: tuple[int, int]  # rows and columns of cells
    vectors: Mapping[str, Array]  # of MEASURES and LEVELS: [h, w, D]; `whole` [P]
    logits: Array | None = None  # [h, w], of the profile's network
    begun: tuple[int, int] = (0, 0)  # as grid, with cells that are not whole, which it sees, too


@dataclass(frozen=True)
class Statistics:
    """Gaussians of normal pictures: those of latents, or those of places."""

    gaussians: Mapping[str, Gaussian]  # of MEASURES; empty if parts lie alike
    places: Mapping[str, Places]  # of LEVELS; empty if they do not

    def distances(self, picture: Seen) -> dict[str, Array]:
        """Of each measure's vectors; of cells, of each 2×2 on average."""
        if self.places:
            far = {name: here.distance(picture.vectors[name]) for name, here in self.places.items()}
            return {**far, "whole": np.stack([values.mean() for values in far.values()]).mean()}
        far = {name: gaussian.distance(picture.vectors[name]) for name, gaussian in self.gaussians.items()}
        return {**far, "cell": squares(far["cell"])}


@dataclass(frozen=True)
class Profile:
    """What normal pictures are like."""

    model: str
    digest: str  # of the model's encoder
    pictures: int
    statistics: Statistics
    scales: Mapping[str, Scale]  # of each measure's logarithm; `score`: of the largest of them; `trained`, `both`
    normal: Array  # scores of the normal pictures, ascending
    detector: Detector | None = None

    @property
    def alike(self) -> bool:
        """Whether pictures show their parts alike, so that each place has its own Gaussian."""
        return bool(self.statistics.places)

    def threshold(self, rate: float) -> float:
        """The score that this share of the normal pictures exceeds.  rate: 0 … 1, open.  Raises UsageError."""
        if not 0 < rate < 1:
            raise UsageError(f"a false-positive rate of {rate}", "a share between 0 and 1")
        start, slope = self._tail()
        if rate < 1 - TAIL:
            return start + slope * math.log((1 - TAIL) / rate)
        return float(np.quantile(self.normal, 1 - rate))

    def p_value(self, score: float) -> float:
        """The share of normal pictures that score so high or higher."""
        start, slope = self._tail()
        if score > start:
            return (1 - TAIL) * math.exp(-(score - start) / slope)
        return max(1 - TAIL, float((self.normal >= score).mean()))

    def _tail(self) -> tuple[float, float]:
        start = float(np.quantile(self.normal, TAIL))
        excess = self.normal[self.normal > start] - start
        return start, max(float(excess.mean()) if excess.size else 0.0, 1e-3)


@dataclass(frozen=True)
class Score:
    """How far a picture is from normal ones."""

    value: float  # in spreads of normal pictures; about 0 for a normal one
    p_value: float
    parts: Mapping[str, float]  # each measure's, in its own units
    map: Array  # [h, w], each cell's, in the same units
    place: tuple[int, int]  # x, y of the most distant cell's middle, in pixels


def seen(latents: Latents, pixels: Image8, profile: Profile) -> Seen:
    """The vectors of a picture that a profile measures.  Raises ImageError."""
    picture = _filtered(pixels) if profile.alike else _encoded(latents, pixels)
    if not profile.detector:
        return picture
    sessions, found = latents.graphs.sessions, profile.detector
    small = detector.reduced(pixels)
    logits = detector.logits(found.graph, found.standard, small, sessions.provider, sessions.threads)
    return replace(picture, logits=logits, begun=tuple(-(-n // LATENT_STRIDE) for n in pixels.shape[:2]))


def _grid(pixels: Image8) -> tuple[int, int]:
    """Cells of a picture.  Raises ImageError."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise ImageError(f"{width}×{height} pixels", f"at least {SMALLEST} a side")
    return height // LATENT_STRIDE, width // LATENT_STRIDE


def _filtered(pixels: Image8) -> Seen:
    """The vectors of LEVELS."""
    return Seen(_grid(pixels), dict(zip(LEVELS, filters.levels(pixels), strict=True)))


def _encoded(latents: Latents, pixels: Image8) -> Seen:
    """The vectors of MEASURES."""
    grid = _grid(pixels)
    fine, coarse = latents.of(pixels), latents.of(halved(pixels))
    h, w = fine.shape[:2]
    rows, columns = (np.minimum(np.arange(n) // 2, m - 1) for n, m in zip((h, w), coarse.shape, strict=False))
    cell = np.concatenate((fine, coarse[rows][:, columns]), 2)
    texture = np.asarray(np.log(squares(np.square(fine)) + FLOOR))
    return Seen(grid, {"cell": cell, "texture": texture, "colour": colours(pixels, h, w), "whole": energies(fine)})


class Gathered:
    """Vectors that `make` makes of pictures, and their moments, by `of`.

    keep: bytes of vectors that stay in memory; others are made again.
    """

    def __init__(self, make: Callable[[Image8], Seen], of: Callable[[Seen], dict[str, Moments]], keep: int) -> None:
        self._make, self._of, self._keep = make, of, keep
        self.reads: list[Callable[[], Image8]] = []
        self._kept: dict[int, Seen] = {}
        self._moments: dict[int, dict[str, Moments]] = {}  # of each fold

    def add(self, read: Callable[[], Image8], again: Callable[[], Image8]) -> Image8:
        """One picture more.  Raises what `read` and `make` raise."""
        pixels = read()
        picture = self._make(pixels)
        self._keep -= sum(vectors.nbytes for vectors in picture.vectors.values())
        if self._keep >= 0:
            self._kept[len(self.reads)] = picture
        found, mine = self._of(picture), self._moments.get(fold := len(self.reads) % FOLDS)
        self.reads.append(again)
        self._moments[fold] = {name: mine[name] + found[name] for name in found} if mine else found
        return pixels

    def total(self) -> dict[str, Moments]:
        """The moments of all pictures."""
        return {name: reduce(add, (fold[name] for fold in self._moments.values())) for name in self._moments[0]}

    def aside(self, *kinds: Callable[[dict[str, Moments]], Statistics]) -> list[Aside]:
        """What statistics of each kind say of pictures that they do not know."""
        asides, total, parts = [Aside() for _ in kinds], self.total(), progress.Parts("compare", len(self.reads))
        for fold, own in self._moments.items():
            others = {name: total[name] - own[name] for name in total}
            made = [kind(others) for kind in kinds]
            for number in range(fold, len(self.reads), FOLDS):
                pair = self._pair(number)
                for one, statistics in zip(asides, made, strict=True):
                    one.add(statistics, *pair)
                parts.done()
        self._kept.clear()
        return asides

    def _pair(self, number: int) -> tuple[Seen, Seen | None]:
        """A picture, and one of the first PLANTED with a defect."""
        if number >= PLANTED and number in self._kept:
            return self._kept[number], None
        pixels = self.reads[number]()
        picture = self._kept.get(number) or self._make(pixels)
        return picture, self._make(planted.defect(pixels, number)) if number < PLANTED else None


class Fit:
    """The profile of normal pictures in the making. Filters tell whether parts lie alike; only if not, latents count.

    keep: as of `Gathered`; copies: a folder for what a network is trained on, if one is.
    """

    def __init__(self, latents: Latents, keep: int = 2**29, copies: Path | None = None) -> None:
        self._latents, self._keep, self._copies = latents, keep, copies
        self._grids: dict[str, tuple[int, ...]] = {}  # of each level: places of the first picture
        self._filtered = Gathered(_filtered, self._by_places, keep)

    def add(self, read: Callable[[], Image8], again: Callable[[], Image8] | None = None) -> None:
        """One picture more, later read by `again`.  Raises what `read` raises, ImageError, and OutputError."""
        pixels = self._filtered.add(read, again or read)
        if self._copies:
            detector.save(self._copy(len(self._filtered.reads) - 1), detector.reduced(pixels))

    def profile(self, train: Callable[[Path], bytes] | None = None) -> Profile:
        """Of what was added.

        train: makes the graph of a network of the folder of copies: NUMBER.npy, each u8 [H, W, C], and what is usual of
        them (`detector.Standard`).

        Raises ImageError for fewer than FEWEST pictures, and what `train` and reading them raise.
        """
        reads = self._filtered.reads
        if len(reads) < FEWEST:
            raise ImageError(f"{len(reads)} normal pictures", f"at least {FEWEST}")
        everywhere, aside = self._filtered.aside(_everywhere, _here)
        if alike := sum(aside.rises(LEVELS)) > BETTER * sum(everywhere.rises(LEVELS)):
            statistics, weights = _here(self._filtered.total()), {}
        else:
            encoded = Gathered(partial(_encoded, self._latents), _of_all, self._keep)
            for read in progress.each("encode", reads):
                encoded.add(read, read)
            (aside,) = encoded.aside(_anywhere)
            statistics, weights = _anywhere(encoded.total()), aside.weights(MEASURES)
        made = _calibrated(self._latents, statistics, aside.found, weights)
        if not train or not self._copies:
            return made
        files = [self._copy(number) for fold in range(FOLDS) for number in range(fold, len(reads), FOLDS)]  # as aside
        standard = detector.standard(files, alike)
        standard.save(self._copies)
        return _with_network(made, self._latents, standard, train(self._copies), files, aside.found)

    def _by_places(self, picture: Seen) -> dict[str, Moments]:
        self._grids = self._grids or {name: picture.vectors[name].shape[:2] for name in LEVELS}
        return {name: places.moments(picture.vectors[name], self._grids[name]) for name in LEVELS}

    def _copy(self, number: int) -> Path:
        return self._copies / f"{number:06}.npy" if self._copies else Path()


class Aside:
    """What statistics say of pictures kept aside: as they are, and with a defect."""

    def __init__(self) -> None:
        self.found: list[dict[str, float]] = []
        self._pairs: list[tuple[dict[str, float], dict[str, float]]] = []

    def add(self, statistics: Statistics, picture: Seen, spoiled: Seen | None) -> None:
        """One picture more."""
        self.found.append(_measures(statistics.distances(picture)))
        if spoiled:
            self._pairs.append((self.found[-1], _measures(statistics.distances(spoiled))))

    def rises(self, names: Sequence[str]) -> list[float]:
        """By how many spreads defects raise each measure on average, each of them by at most MOST."""
        out = []
        for name in names:
            spread = Scale.of(np.array([each[name] for each in self.found])).spread
            rise = np.array([spoiled[name] - normal[name] for normal, spoiled in self._pairs]) / spread
            out.append(float(np.clip(rise, 0, MOST).mean()))
        return out

    def weights(self, names: Sequence[str]) -> dict[str, float]:
        """How much each measure counts against the one that sees most."""
        rises = self.rises(names)
        best = max(rises)
        return {
            name: max(rise / best, LIGHTEST) if best > BLIND else 1.0 for name, rise in zip(names, rises, strict=True)
        }


def _calibrated(
    latents: Latents, statistics: Statistics, found: list[dict[str, float]], weights: Mapping[str, float]
) -> Profile:
    """found: the measures of normal pictures, each by statistics without it; weights: of measures that count less."""
    scales = {}
    for name in found[0]:
        scale = Scale.of(np.array([each[name] for each in found]))
        scales[name] = Scale(scale.middle, scale.spread / weights.get(name, 1.0))
    most = np.array([max(_scaled(each, scales).values()) for each in found])
    scales["score"] = Scale.of(most)
    normal = np.sort(scales["score"](most).astype(np.float32))
    return Profile(latents.name, latents.digest, len(found), statistics, scales, normal)


def _with_network(
    profile: Profile,
    latents: Latents,
    standard: Standard,
    graph: bytes,
    files: list[Path],
    found: list[dict[str, float]],
) -> Profile:
    """A profile with a network's graph; files, found: its normal pictures, and their measures by statistics without."""
    sessions = latents.graphs.sessions
    seen_by = (detector.logits(graph, standard, np.load(file), sessions.provider, sessions.threads) for file in files)
    logits = [each.astype(np.float16) for each in seen_by]
    folds = [reduce(add, (detector.moments(each, standard) for each in logits[fold::FOLDS])) for fold in range(FOLDS)]
    total, away = reduce(add, folds), np.empty(len(files))
    for fold, own in enumerate(folds):
        others = detector.fitted(graph, standard, total - own)
        away[fold::FOLDS] = [detector.measure(others.away(each.astype(np.float32))) for each in logits[fold::FOLDS]]
    scales = {**profile.scales, "trained": Scale.of(away)}
    largest = np.array([max(_scaled(each, profile.scales).values()) for each in found])
    both = profile.scales["score"](largest) + TRAINED * scales["trained"](away)
    scales["both"] = Scale.of(both)
    normal = np.sort(scales["both"](both).astype(np.float32))
    return replace(profile, scales=scales, normal=normal, detector=detector.fitted(graph, standard, total))


def score(profile: Profile, picture: Seen) -> Score:
    """How far a picture is from the profile's."""
    distances = profile.statistics.distances(picture)
    parts = _scaled(_measures(distances), profile.scales)
    value = profile.scales["score"](max(parts.values()))
    maps = []
    for name in (each for each in distances if each != "whole"):
        far = distances[name]
        if not profile.alike and far.shape != picture.grid:  # a cell is as far as the farthest square that it is in
            around = np.pad(far, 1)
            far = np.maximum.reduce([around[:-1, :-1], around[1:, :-1], around[:-1, 1:], around[1:, 1:]])
        maps.append(profile.scales[name](np.log(places.spread_over(far, picture.grid) + TINY)))
    heat = np.asarray(profile.scales["score"](np.maximum.reduce(maps)), np.float32)
    if profile.detector:
        if picture.logits is None:
            raise ValueError("a picture that was not seen for this profile")
        away, scales = profile.detector.away(picture.logits), profile.scales
        parts["trained"] = scales["trained"](detector.measure(away))
        value = scales["both"](value + TRAINED * parts["trained"])
        cells = places.spread_over(away, picture.begun)[: picture.grid[0], : picture.grid[1]]
        heat = scales["both"](heat + TRAINED * scales["trained"](cells))
    single = heat if profile.alike else profile.statistics.gaussians["cell"].distance(picture.vectors["cell"])
    y, x = np.unravel_index(int(np.where(heat == heat.max(), single, -np.inf).argmax()), heat.shape)
    middle = LATENT_STRIDE * int(x) + LATENT_STRIDE // 2, LATENT_STRIDE * int(y) + LATENT_STRIDE // 2
    return Score(value, profile.p_value(value), parts, heat, middle)


def _of_all(picture: Seen) -> dict[str, Moments]:
    return {name: moments(vectors) for name, vectors in picture.vectors.items()}


def _anywhere(of: Mapping[str, Moments]) -> Statistics:
    """Gaussians of latents."""
    most = {name: fitted(found, INDEPENDENT, LEAST) for name, found in of.items() if name != "whole"}
    return Statistics({**most, "whole": leading(of["whole"], COMPONENTS)}, {})


def _here(of: Mapping[str, Moments]) -> Statistics:
    """Gaussians of each place."""
    return Statistics({}, {name: places.fitted(found, filters.FLOORS) for name, found in of.items()})


def _everywhere(of: Mapping[str, Moments]) -> Statistics:
    """Gaussians of all places together."""
    return _here({name: places.everywhere(found) for name, found in of.items()})


def _measures(distances: Mapping[str, Array]) -> dict[str, float]:
    """Logarithms of the largest distances."""
    return {name: math.log(float(far.max()) + TINY) for name, far in distances.items()}


def _scaled(measures: Mapping[str, float], scales: Mapping[str, Scale]) -> dict[str, float]:
    return {name: scales[name](value) for name, value in measures.items()}
