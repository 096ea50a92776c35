"""Recipes: short TOML files that say how a model is trained.

A recipe's keys are the fields of `Recipe`; what it leaves out keeps the default.
`aezip-train` finds the built-in ones (`recipes/*.toml`) by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILT_IN = Path(__file__).parent / "recipes"
Sizes = TypeVar("Sizes")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, but the pictures and the time."""

    name: str = "unnamed"
    family: str = "flagship"  # one of `families`
    task: str = ""  # of the family restorer: denoise, colorize or inpaint
    of: str = ""  # the model whose latents the family small decodes
    fingerprint: str = ""  # of that model
    network: dict[str, int] = field(default_factory=dict)  # fields of the family's Config
    crop: int = 256  # pixels, a multiple of 64
    last_crop: int = 0  # of the flagship in the last part of a session, in batches of as many pixels; 0: as before
    last_part: float = 0.25  # of a session that has them
    least_part: float = 0.0  # crops are upright, made of this part … all of a picture's short side; 0: of its pixels
    keep_best: bool = False  # a restorer's weights are those that restored the validation pictures best, not the last
    batch: int = 4
    optimiser: str = "adam"  # of the convolutions' weights: adam or soap
    learning_rate: float = 1e-3
    strided_rate: float = 0.1  # the strided layers' share of it: they start as a transform already
    warmup_steps: int = 200
    steps: int = 0  # of a run; 0: as many as there is time for
    fall: float = 0.0  # last part of a session over which the rate falls to zero, of flagship and small; 0: never
    ema: float = 0.999  # of the averaged weights, which are the ones exported
    clip_norm: float = 1.0
    rate_weight: float = 0.25  # the loss of an image is divided by (λ/λmin)^rate_weight
    lambda_max: float = 0.25  # of the flagship's ladder of qualities
    ssimulacra2: float = 0.0  # share of their distortion that is SSIMULACRA2's error; the rest is MSE
    cell_error: float = 0.0  # weight of λ · squared mean errors of 16×16 pixels, for skies
    drawn: float = 0.0  # share of their crops that are drawn by code: text, screens, charts, shapes; grey if upright
    integer_from: int = -1  # step from which the prior rounds; -1: not in training
    bits_per_error: float = 0.0  # what the quantiser's search takes a step² of error to be worth; 0: plain rounding
    bfloat16: bool = False  # residual branches in bfloat16 (fast where the processor has it)
    threads: int = 0  # 0: PyTorch's choice
    seed: int = 1
    checkpoint_minutes: float = 5.0
    validate_minutes: float = 15.0
    # of the autoencoders vanilla, conv and vae
    channels: int = 3  # of pictures: 3 RGB, 1 grey
    loss: str = "mse"  # mse, bce or ms-ssim
    rate: float = 1.0  # weight of the latent's bits
    sparsity: str = ""  # of the latent's activations: l1 or kl
    sparsity_weight: float = 0.0
    beta: float = 1.0  # weight of a vae's divergence from its prior
    beta_warmup: int = 500  # steps until it counts in full
    fidelity: float = 0.1  # a vae's λ: its decoder's Gaussian has 1.47 / √λ grey levels
    corrupt: list[str] = field(default_factory=list)  # what happens to inputs: noise, blur, jpeg
    dropout: float = 0.0  # share of the blocks' inner values
    weight_l1: float = 0.0  # penalties, times the sum over all weights
    weight_l2: float = 0.0
    augment: bool = True  # flips, turns and half-size copies
    checks: int = 16  # validations a session; small's, too
    patience: int = 5  # validations without a better one after which the session ends

    def __post_init__(self) -> None:
        for key in ("crop", "last_crop"):
            if (side := getattr(self, key)) < (key == "crop") or side % 64:
                raise ValueError(f"recipe {self.name}: {key} is {side}; expected a positive multiple of 64")
        words = {
            "optimiser": ("adam", "soap"),
            "channels": (1, 3),
            "loss": ("mse", "bce", "ms-ssim"),
            "sparsity": ("", "l1", "kl"),
        }
        for key, known in words.items():
            if (value := getattr(self, key)) not in known:
                shown = " or ".join(str(word) or "nothing" for word in known)
                raise ValueError(f"recipe {self.name}: {key} is '{value}'; expected {shown}")
        ranges = {
            "batch": (1, 2**16),
            "checks": (1, 2**16),
            "patience": (1, 2**16),
            "threads": (0, 2**16),
            "seed": (0, 2**63 - 1),
            "dropout": (0, 0.95),
            "drawn": (0, 1),
            "ema": (0, 1),
            "last_part": (0, 1),
        }
        for key, (low, high) in ranges.items():
            if not low <= (number := getattr(self, key)) <= high:
                raise ValueError(f"recipe {self.name}: {key} is {number}; expected {low} to {high}")
        if other := [kind for kind in self.corrupt if kind not in ("noise", "blur", "jpeg")]:
            raise ValueError(f"recipe {self.name}: corrupt has '{other[0]}'; expected noise, blur or jpeg")

    def sizes(self, config: Callable[..., Sizes], **more: Any) -> Sizes:
        """A family's Config with the sizes of `network`.  Raises ValueError for what it does not have."""
        known = getattr(config, "__dataclass_fields__", {})
        for key, size in self.network.items():
            least = 0 if key.endswith("_blocks") or (key in known and not known[key].default) else 1
            if type(size) is not int or size < least:
                raise ValueError(f"recipe {self.name}: network: {key} is {size!r}; expected whole numbers from {least}")
        try:
            return config(**self.network, **more)
        except TypeError as error:
            raise ValueError(f"recipe {self.name}: network: {error}") from None


def read(name: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """The recipe of a file, or of a built-in name, with single values replaced."""
    path = Path(name)
    if not path.suffix:
        path = BUILT_IN / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in BUILT_IN.glob("*.toml")))
        raise FileNotFoundError(f"{name}: no such recipe; built in: {known}; or name a .toml file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is no recipe ({error}); expected a .toml file") from None
    values.setdefault("name", path.stem)
    return build({**values, **(overrides or {})}, str(path))


def build(values: dict[str, Any], source: str = "recipe") -> Recipe:
    """A recipe from plain values; unknown keys and wrong types are refused by name."""
    known = {f.name: f for f in fields(Recipe)}
    default = asdict(Recipe())
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"{source}: unknown key '{key}'; expected one of {', '.join(known)}")
        wanted = type(default[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise ValueError(f"{source}: {key} is {value!r}; expected a value of type {wanted.__name__}")
    return Recipe(**values)
