"""The kinds of model packages: what each holds, and which of its graphs run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

CARD = "CARD.md"
_SMALL, _FINE = ".small", ".fine"  # behind a graph's role
SMALL = f"decoder{_SMALL}"
REDUCED = {8: "decoder.8", 4: "decoder.4"}  # how many times smaller the decoder's pictures are, the smallest first
_REDUCED = tuple(f"{name}.onnx" for name in REDUCED.values())
# What one direction alone needs.
HALVES = {
    "encoder": ("encoder.onnx", "hyper.onnx"),
    "decoder": (f"{SMALL}.onnx", "decoder.onnx", *_REDUCED),
}
TASKS = ("denoise", "colorize", "inpaint")  # of a package that restores pictures: its one graph has the task's name


class GraphName(NamedTuple):
    """A graph of a package, in one of its variants."""

    role: str  # encoder, decoder.8, …: a key of `onnx_check.SIGNATURES`
    small: bool = False  # of the decoder: the faster and less precise one
    fine: bool = False  # for samples of more than 8 bits; made of the graph that packages hold (`float_graphs`)

    @classmethod
    def of(cls, text: str) -> GraphName:
        """The inverse of `str`; a member's name is one, too."""
        held = text.removesuffix(".onnx").removesuffix(_FINE)
        return cls(held.removesuffix(_SMALL), held.endswith(_SMALL), text.endswith(_FINE))

    @property
    def member(self) -> str:
        """The member of a package that holds it, or what it is made of."""
        return f"{self._replace(fine=False)}.onnx"

    def __str__(self) -> str:
        return self.role + _SMALL * self.small + _FINE * self.fine


@dataclass(frozen=True)
class Kind:
    """A sort of package: what it holds, and which graphs run."""

    name: str
    deciding: tuple[str, ...]  # members that the fingerprint covers, in its order
    others: tuple[str, ...] = (CARD,)  # other members
    optional: tuple[str, ...] = ()  # members that it may hold
    encoding: tuple[str, ...] = ()  # graphs of each direction, in the order in which they are needed
    decoding: tuple[str, ...] = ()
    windowed: tuple[str, ...] = ("encoder", "decoder")  # graphs that see parts of pictures, each with a margin
    gains: tuple[str, ...] = ("gain", "inverse_gain")  # arrays of the ladder
    channels: tuple[int, ...] = (3,)  # that its graphs may take
    pixels: Mapping[str, int] = field(default_factory=dict)  # numbers that it may say, from 2 to these limits

    @property
    def members(self) -> tuple[str, ...]:
        """All that it must hold, but the description."""
        return *self.deciding, *self.others

    @property
    def codes(self) -> bool:
        """Whether it codes pictures; if not, its name is the task that it does."""
        return bool(self.decoding)


HYPERPRIOR = Kind(
    "hyperprior",
    ("context.onnx", "decoder.onnx", "prior.onnx", "tables.npz"),
    ("encoder.onnx", "hyper.onnx", CARD),
    (f"{SMALL}.onnx", *_REDUCED),
    encoding=("encoder", "hyper", "prior", "context"),
    decoding=("prior", "context", "decoder"),
    gains=("gain", "inverse_gain", "hyper_gain", "hyper_inverse", "hyper_scale", "hyper_offset"),
)
STATIC = Kind(
    "static",
    ("decoder.onnx", "tables.npz"),
    ("encoder.onnx", CARD),
    _REDUCED,
    encoding=("encoder",),
    decoding=("decoder",),
    channels=(1, 3),
)
CODING = {kind.name: kind for kind in (HYPERPRIOR, STATIC)}  # by `coding` of the description
RESTORING = {
    task: Kind(
        task,
        (f"{task}.onnx",),
        windowed=(task,),
        channels=(1, 3),
        pixels={"hole": 1024, "side": 8192},  # half a hole, a short side
    )
    for task in TASKS
}
