"""What the tasks achieve, against simple peers: tables as text.

    python tools/measure_tasks.py denoise light colorize hints inpaint --pictures VAL [--model denoise=FILE.aezm …]
    python tools/measure_tasks.py textures
    python tools/measure_tasks.py domain --pictures VAL --normal TRAIN
    python tools/measure_tasks.py features sample --pictures VAL [--model sample=FILE.aezm]

Pictures are seen through middle crops of 384² pixels, whole by colorize; --limit: only this many.
--normal: what the profile is fitted on; --seed: of textures. Peers need opencv-python-headless (non-local means, Telea)
and scikit-image (biharmonic);
the second domain is what scikit-image ships: microscopes, an eye's retina, stars, the moon, printed pages, grounds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Mask, Pixels, auroc, dots, holes, middle, noisy, parser, pictures, read, scratches
from numpy.typing import NDArray
from PIL import Image

from aezip.quality.metrics import psnr_db
from aezip.tasks import sampling
from aezip.tasks.anomaly import measures
from aezip.tasks.features.vectors import Latents, nearest, pooled
from aezip.tasks.restore import noise
from aezip.tasks.restore.restorer import Restorer, grey_of

SIDE, SIGMAS = 384, (15, 25, 50)
SCRATCHES, SQUARES = (1, 3, 8), (16, 32, 64)  # pixels
NLM_SHARES = (0.4, 0.6, 0.8)
FITTED, NORMAL, BROKEN = 30, 20, 40  # textures of a kind
CROP = 256
SAMPLES, SAMPLE = 256, 128
FOREIGN = (
    "ihc.png",
    "retina.jpg",
    "hubble_deep_field.jpg",
    "moon.png",
    "page.png",
    "text.png",
    "brick.png",
    "grass.png",
    "gravel.png",
    "coins.png",
    "cell.png",
)


def crops(folder: str, side: int = SIDE) -> list[Pixels]:
    """The middle of each picture in colour that is large enough."""
    return [middle(p, side) for p in colours(folder) if min(p.shape[:2]) >= side]


def colours(folder: str) -> Iterator[Pixels]:
    """Whole pictures in colour."""
    return (p for p in map(read, pictures(folder)) if p.shape[2] == 3)


def denoise(seen: list[Pixels], model: str | None) -> Iterator[str]:
    """PSNR of noisy pictures, and of what each method makes of them."""
    import cv2

    def means(share: float, pixels: Pixels, sigma: float) -> Pixels:
        strength = share * sigma
        return np.asarray(cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength), np.uint8)

    restorer = Restorer("denoise", model)
    methods: dict[str, Callable[[Pixels, float], Pixels]] = {
        "noisy": lambda p, _: p,
        "median 3×3": lambda p, _: np.asarray(cv2.medianBlur(p, 3), np.uint8),
        **{f"non-local means, {share:g} σ": partial(means, share) for share in NLM_SHARES},
        "aezip, σ given": lambda p, s: restorer.denoise(p, s)[0],
        "aezip, σ estimated": lambda p, _: restorer.denoise(p)[0],
    }
    yield "PSNR in dB            " + "".join(f"{'σ ' + str(s):>9}" for s in SIGMAS)
    spoilt = {s: [noisy(p, s, np.random.default_rng((n, s))) for n, p in enumerate(seen)] for s in SIGMAS}
    for name, method in methods.items():
        found = [np.mean([psnr_db(p, method(q, s)) for p, q in zip(seen, spoilt[s], strict=True)]) for s in SIGMAS]
        yield f"{name:<22}" + "".join(f"{m:9.2f}" for m in found)


def by_light(seen: list[Pixels], model: str | None) -> Iterator[str]:
    """PSNR with noise that depends on the light: one σ for all of it, and by brightness."""
    restorer = Restorer("denoise", model)
    yield "PSNR in dB                      noisy    one σ  by brightness"
    for name, spoil in LIGHTS.items():
        rows = []
        for n, p in enumerate(seen):
            q = spoil(p, np.random.default_rng(n))
            made = restorer.denoise(q, noise.sigma_of(q))[0], restorer.denoise(q)[0]
            rows.append([psnr_db(p, x) for x in (q, *made)])
        yield f"{name:<28}" + "".join(f"{m:9.2f}" for m in np.mean(rows, 0))


def shot(p: Pixels, rng: np.random.Generator, gain: float) -> Pixels:
    """Noise of variance gain · level + 4."""
    return np.asarray(np.clip(np.rint(p + rng.normal(size=p.shape) * np.sqrt(gain * p + 4)), 0, 255), np.uint8)


def camera(p: Pixels, rng: np.random.Generator, gain: float) -> Pixels:
    """Noise of variance gain · light + 0.0002 in linear light of 0 … 1, before the tone curve."""
    light = (p / 255) ** 2.2
    light += rng.normal(size=p.shape) * np.sqrt(gain * light + 2e-4)
    return np.asarray(np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)), np.uint8)


def through_jpeg(p: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(p).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


LIGHTS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "variance 2.5 · level": partial(shot, gain=2.5),
    "variance 6 · level": partial(shot, gain=6.0),
    "camera": partial(camera, gain=0.01),
    "camera, JPEG of quality 75": lambda p, rng: through_jpeg(camera(p, rng, 0.01), 75),
}


def colorize(seen: list[Pixels], model: str | None) -> Iterator[str]:
    """Mean distance in the a/b plane of CIELAB, its root mean square, and how colourful pictures are; of whole ones."""
    restorer = Restorer("colorize", model)
    wanted = [lab(p)[:, :, 1:].copy() for p in seen]
    mean = np.mean([w.mean((0, 1)) for w in wanted], 0)
    methods: dict[str, Callable[[Pixels], Pixels | None]] = {
        "grey copy": lambda p: grey_of(p).repeat(3, 2),
        "mean chroma": lambda _: None,
        "aezip": lambda p: restorer.colorize(grey_of(p)),
        "originals": lambda p: p,
    }
    yield "error in a, b       mean  against grey      rms   colourfulness"
    figures = {}
    for name, method in methods.items():
        rows = []
        for p, w in zip(seen, wanted, strict=True):
            made = method(p)
            d = np.hypot(*np.moveaxis((mean if made is None else lab(made)[:, :, 1:]) - w, 2, 0))
            rows.append((d.mean(), (d**2).mean() ** 0.5, np.nan if made is None else colourfulness(made)))
        figures[name] = a, b, c = np.mean(rows, 0)
        against = 100 * (a / figures["grey copy"][0] - 1)
        yield f"{name:<15}{a:9.2f}{against:12.1f} %{b:9.2f}" + ("" if np.isnan(c) else f"{c:16.1f}")


def colourfulness(pixels: Pixels) -> float:
    """Of Hasler and Süsstrunk (2003): the spread of colours, and how far they are from grey on average."""
    r, g, b = np.moveaxis(pixels.astype(np.float64), 2, 0)
    planes = r - g, (r + g) / 2 - b
    spread, away = (np.hypot(*(f(x) for x in planes)) for f in (np.std, np.mean))
    return float(spread + 0.3 * away)


def hints(seen: list[Pixels], model: str | None) -> Iterator[str]:
    """Mean distance in a/b with true colours of random dots of 5², and of the left half for the right one."""
    restorer, grey = Restorer("colorize", model), [grey_of(p) for p in seen]
    yield "error in a, b        mean   against grey"

    def line(name: str, made: list[Pixels], wanted: list[Pixels]) -> str:
        errors = [
            [np.hypot(*np.moveaxis((lab(x) - lab(p))[:, :, 1:], 2, 0)).mean() for x in (m, grey_of(p).repeat(3, 2))]
            for m, p in zip(made, wanted, strict=True)
        ]
        error, before = np.mean(errors, 0)
        return f"{name:<15}{error:10.2f}{100 * (error / before - 1):13.1f} %"

    for count in (1, 10, 50):
        hinted = [dots(p, count, np.random.default_rng((n, count))) for n, p in enumerate(seen)]
        yield line(f"{count} hints", [restorer.colorize(g, d) for g, d in zip(grey, hinted, strict=True)], seen)
    halves = [(p[:, : SIDE // 2], p[:, SIDE // 2 :]) for p in seen]
    yield line(
        "--like", [restorer.colorize(grey_of(right), like=left) for left, right in halves], [r for _, r in halves]
    )


def lab(pixels: Pixels) -> NDArray[np.float64]:
    """sRGB → CIELAB (D65).  [H, W, 3]"""
    x = pixels / 255
    x = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    xyz = x @ np.array(
        [[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920], [0.1804375, 0.0721750, 0.9503041]]
    )
    t = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), 2)


def inpaint(seen: list[Pixels], model: str | None) -> Iterator[str]:
    """PSNR of the missing pixels of scratches so many pixels wide, and of squares."""
    import cv2
    from skimage.restoration import inpaint_biharmonic

    biharmonic = partial(inpaint_biharmonic, split_into_regions=True)  # in one piece it often fails
    restorer = Restorer("inpaint", model)
    methods: dict[str, Callable[[Pixels, Mask], Pixels]] = {
        "Telea": lambda p, m: np.asarray(cv2.inpaint(p, m.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8),
        "Navier–Stokes": lambda p, m: np.asarray(cv2.inpaint(p, m.astype(np.uint8), 3, cv2.INPAINT_NS), np.uint8),
        "biharmonic": lambda p, m: np.asarray(255 * biharmonic(p, m, channel_axis=2).clip(0, 1) + 0.5, np.uint8),
        "aezip": restorer.inpaint,
    }
    masks = {f"scratch {w}": partial(scratches, SIDE, SIDE, w) for w in SCRATCHES}
    masks |= {f"{side}²": partial(holes, SIDE, SIDE, side=side) for side in SQUARES}
    yield "PSNR, dB       " + "".join(f"{name:>10}" for name in masks) + "  (scratches so many pixels wide, squares)"
    found = np.full((len(methods), len(masks), len(seen)), np.nan)
    for column, mask in enumerate(masks.values()):
        for n, p in enumerate(seen):
            m = mask(rng=np.random.default_rng(n))
            shown = np.where(m[..., None], np.uint8(0), p)
            for row, (name, method) in enumerate(methods.items()):
                if name == "biharmonic" and column > len(SCRATCHES):
                    continue  # large holes would take it hours
                with suppress(ValueError):  # biharmonic, now and then: its matrix has places outside
                    made = method(shown, m)
                    found[row, column, n] = psnr_db(p[m], made[m])
            assert (made[~m] == p[~m]).all()
    good = ~np.isnan(found[2:3]) | np.isnan(found[2:3]).all(2, keepdims=True)  # pictures that biharmonic could do
    means = np.where(good, found, 0).sum(2) / good.sum(2)
    for name, line in zip(methods, means, strict=True):
        yield f"{name:<15}" + "".join(f"{value:10.2f}" for value in line)


def textures(model: str | None, seed: int) -> Iterator[str]:
    """AUROC of defects planted in textures drawn by code; a profile for each kind."""
    from textures import DEFECTS, KINDS, broken, drawn

    latents = Latents(model or "photo")
    yield "AUROC      all  " + "".join(f"{d:>9}" for d in DEFECTS) + "   alarms at 1 %, found"
    every = []
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng(number + 100 * seed)
        fit = measures.Fit(latents)
        for _ in range(FITTED):
            one = drawn(kind, rng)
            fit.add(lambda one=one: one)  # type: ignore[misc]
        profile = fit.profile()

        def scored(pixels: Pixels, profile: measures.Profile = profile) -> float:
            return measures.score(profile, measures.seen(latents, pixels, profile)).value

        normal = [scored(drawn(kind, rng)) for _ in range(NORMAL)]
        found = [scored(broken(drawn(kind, rng), DEFECTS[n % len(DEFECTS)], rng)) for n in range(BROKEN)]
        each = [auroc(normal, found[n :: len(DEFECTS)]) for n in range(len(DEFECTS))]
        every.append(auroc(normal, found))
        limit = profile.threshold(0.01)
        alarms, hits = (np.mean([s > limit for s in part]) for part in (normal, found))
        yield f"{kind:<8}{every[-1]:8.3f}" + "".join(f"{a:9.3f}" for a in each) + f"{alarms:12.2f}{hits:8.2f}"
    yield f"{'mean':<8}{np.mean(every):8.3f}"


def domain(folder: str, normal: str, model: str | None) -> Iterator[str]:
    """AUROC of pictures of other kinds, by a profile of photographs."""
    import skimage

    latents, rng = Latents(model or "photo"), np.random.default_rng(1)
    fit = measures.Fit(latents)
    for file in pictures(normal):
        p = read(file, rgb=True)
        if min(p.shape[:2]) >= CROP:
            one = _crop(p, rng)
            fit.add(lambda one=one: one)  # type: ignore[misc]
    profile = fit.profile()

    def scored(p: Pixels) -> list[float]:
        return [measures.score(profile, measures.seen(latents, _crop(p, rng), profile)).value for _ in range(2)]

    usual = [s for file in pictures(folder) for s in scored(read(file, rgb=True))]
    yield f"profile of {profile.pictures} crops; {len(usual)} normal ones; AUROC"
    foreign = []
    for name in FOREIGN:
        foreigner = read(Path(skimage.__path__[0]) / "data" / name, rgb=True)
        found = [s for _ in range(3) for s in scored(foreigner)]
        foreign += found
        yield f"{name:<24}{auroc(usual, found):7.3f}"
    yield f"{'all':<24}{auroc(usual, foreign):7.3f}"


def _crop(p: Pixels, rng: np.random.Generator, side: int = CROP) -> Pixels:
    h, w = (min(side, n) for n in p.shape[:2])
    top, left = rng.integers(p.shape[0] - h + 1), rng.integers(p.shape[1] - w + 1)
    return np.ascontiguousarray(p[top : top + h, left : left + w])


def features(folder: str, model: str | None) -> Iterator[str]:
    """How often the nearest of all other halves of pictures is the same picture's other half."""
    latents, halves = Latents(model or "photo"), []
    for p in crops(folder, CROP):
        halves += [pooled(latents.of(p[:, : CROP // 2])), pooled(latents.of(p[:, CROP // 2 :]))]
    table = np.stack(halves)
    hits = sum(nearest(table[i], table, 2)[1][0] == i ^ 1 for i in range(len(table)))
    shares = (f"{100 * share:.0f} %" for share in (hits / len(table), 1 / len(table)))
    yield "nearest of {} is the other half: {}, by chance {}".format(len(table) - 1, *shares)


def sample(folder: str, model: str | None) -> Iterator[str]:
    """Statistics of SAMPLES pictures from the prior, and of as many crops of photographs of the same size."""
    made = list(islice(sampling.drawn(Latents(model or "vae"), SAMPLE, SAMPLE, 1), SAMPLES))
    rng = np.random.default_rng(1)
    files = [read(file, rgb=True) for file in pictures(folder)]
    seen = [_crop(files[n % len(files)], rng, SAMPLE) for n in range(SAMPLES)]
    yield "             mean R, G, B           variance R, G, B          slope   distances: 5 %, half, 95 %"
    for name, group in (("samples", made), ("photographs", seen)):
        x = np.stack(group).astype(np.float32)
        small = x.reshape(len(x), 16, SAMPLE // 16, 16, SAMPLE // 16, 3).mean((2, 4)).reshape(len(x), -1)
        square = (small**2).sum(1)
        apart = np.sqrt(np.maximum(square[:, None] + square - 2 * small @ small.T, 0) / small.shape[1])
        apart = apart[np.triu_indices(len(x), 1)]
        means, variances = x.mean((0, 1, 2)), x.var((1, 2)).mean(0)
        numbers = "".join(f"{v:8.1f}" for v in means) + " " + "".join(f"{v:8.0f}" for v in variances)
        yield f"{name:<12}{numbers}{slope(x):9.2f}   " + "".join(
            f"{v:8.1f}" for v in np.quantile(apart, [0.05, 0.5, 0.95])
        )
    yield "distances: root mean square difference of pairs seen as 16×16 pixels; near 0 would be mode collapse"


def slope(x: NDArray[np.float32]) -> float:
    """Of the logarithm of the mean power spectrum against that of the frequency, from 1/64 to 1/4 a pixel."""
    grey = x.mean(3)
    power = (np.abs(np.fft.rfft2(grey - grey.mean((1, 2), keepdims=True))) ** 2).mean(0)
    far = np.hypot(np.fft.fftfreq(x.shape[1])[:, None], np.fft.rfftfreq(x.shape[2])[None])
    inside = (far >= 1 / 64) & (far <= 1 / 4)
    return float(np.polyfit(np.log(far[inside]), np.log(power[inside] + 1e-9), 1)[0])


OWNERS = {"light": "denoise", "hints": "colorize"}  # tasks whose models these measure
TASKS: dict[str, Callable[[Any, str | None], Iterator[str]]] = {
    "denoise": lambda given, model: denoise(crops(given.pictures)[: given.limit], model),
    "light": lambda given, model: by_light(crops(given.pictures)[: given.limit], model),
    "hints": lambda given, model: hints(crops(given.pictures)[: given.limit], model),
    "colorize": lambda given, model: colorize(list(islice(colours(given.pictures), given.limit)), model),
    "inpaint": lambda given, model: inpaint(crops(given.pictures)[: given.limit], model),
    "textures": lambda given, model: textures(model, given.seed),
    "domain": lambda given, model: domain(given.pictures, given.normal, model),
    "features": lambda given, model: features(given.pictures, model),
    "sample": lambda given, model: sample(given.pictures, model),
}


def main() -> None:
    options = parser(__doc__, pictures=str, normal=str, limit=int, seed=0)
    options.add_argument("what", nargs="+", choices=TASKS)
    options.add_argument("--model", action="append", default=[], metavar="WHAT=MODEL")
    given = options.parse_args()
    for what, needed in [(what, "pictures") for what in TASKS if what != "textures"] + [("domain", "normal")]:
        if what in given.what and getattr(given, needed) is None:
            options.error(f"expected --{needed} FOLDER")
    models = dict(m.split("=", 1) for m in given.model)
    for what in given.what:
        print(f"== {what}", flush=True)
        for line in TASKS[what](given, models.get(OWNERS.get(what, what))):
            print(line, flush=True)


if __name__ == "__main__":
    main()
