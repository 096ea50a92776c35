"""No sum leaves the whole numbers that float32 holds: layers of every kind at their largest, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from aezip.engine.library import onnxruntime
from aezip_export import integer_graphs, prior_graphs, proofs
from aezip_export.builder import Graph
from aezip_train.integer import NARROW_MAX, SUM_LIMIT, IntegerConv2d, Quantised
from aezip_train.integer_lapped import NARROW_TOP, wide_conv

LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL")
Whole = NDArray[np.int64]


def narrow(kernel: int, top: int, **more: bool) -> IntegerConv2d:
    """A layer for kernels of 8 bits."""
    kind = {"in_bits": 0, "out_bits": 0, "weight_max": NARROW_MAX}
    return IntegerConv2d(40, 12, kernel, top=top, **kind, **more)


def in_8_bits(zero: int) -> Callable[[Graph, str, IntegerConv2d], str]:
    """A narrow convolution between what is rounded to 8 bits, as blocks at 1/16 have it."""

    def build(g: Graph, x: str, layer: IntegerConv2d) -> str:
        inner = integer_graphs.as_float(g, integer_graphs.eight_bits(g, x, zero), zero)
        return integer_graphs.as_float(g, integer_graphs.eight_bits(g, integer_graphs.conv(g, inner, layer), 0), 0)

    return build


def product(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """The last layer of such a block."""
    inner = integer_graphs.as_float(g, integer_graphs.eight_bits(g, x, 0), 0)
    return g.to_channels_first(integer_graphs.product(g, g.to_channels_last(inner), layer))


def of_8_bits(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """A layer of the prior on what has 8 bits."""
    inner = integer_graphs.as_float(g, integer_graphs.eight_bits(g, g.to_channels_last(x), 0), 0)
    return g.to_channels_first(prior_graphs.rounded(g, integer_graphs.product(g, inner, layer), layer))


def in_float(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """A convolution of the prior."""
    return prior_graphs.rounded(g, integer_graphs.wide_conv(g, x, layer), layer)


def says(**more: bool) -> IntegerConv2d:
    """A layer of the prior that says means."""
    return IntegerConv2d(40, 12, 1 if more else 3, out_bits=6, low=-8191, high=8191, **more)


class Kind(NamedTuple):
    """A layer, its part of a graph, and its smallest input of magnitude 1, in units of its largest."""

    layer: Callable[[], IntegerConv2d]
    build: Callable[[Graph, str, IntegerConv2d], str]
    low: int  # -1: inputs have signs; 0: they have none


KINDS = {
    "of the prior": Kind(says, in_float, -1),
    "of the prior, 8 bits": Kind(lambda: says(paired=True), of_8_bits, 0),
    "8 bits with a sign": Kind(lambda: narrow(1, NARROW_TOP - 1), in_8_bits(NARROW_TOP), -1),
    "8 bits": Kind(lambda: narrow(3, 255), in_8_bits(0), 0),
    "8 bits, sums": Kind(lambda: narrow(1, 255, rounds=False, biased=False), product, 0),
    "wide": Kind(lambda: wide_conv(40, 12, 3), integer_graphs.wide, -1),
}


def drawn(kind: Kind) -> IntegerConv2d:
    torch.manual_seed(1)
    layer = kind.layer()
    with torch.no_grad():
        layer.weight.normal_(0, 1 if layer.in_bits else 8)
        if isinstance(layer.bias, nn.Parameter):
            layer.bias.normal_(0, 1)
        if layer.tops is not None:
            layer.tops.copy_(torch.randint(1, 1000, layer.tops.shape))
    return layer


def largest(layer: IntegerConv2d, low: int) -> tuple[NDArray[np.float32], Whole]:
    """Inputs that bring each output to its largest or smallest sum, and all sums.  [2·out, in, k, k], [2·out, out]"""
    q = layer.quantise()
    weight, bias, tops = (np.asarray(v, np.int64) for v in (q.weight, q.bias, layer.reach()))
    sign = np.where(bias < 0, -1, 1)[:, None, None, None] * np.sign(weight)
    inputs = np.concatenate([sign, -sign]).clip(low, 1) * tops[:, None, None]
    return inputs.astype(np.float32), np.einsum("niyx,oiyx->no", inputs, weight) + bias


def wanted(layer: IntegerConv2d, sums: Whole) -> NDArray[np.float64]:
    """What a layer makes of its sums, in arithmetic of 64 bits."""
    unit = 2.0 ** np.asarray(layer.quantise().shift, np.float64)
    if not layer.rounds:
        return sums / unit
    return np.rint(sums / unit).clip(layer.low, layer.high)


@pytest.mark.parametrize("again", [False, True], ids=["", "read again"])
@pytest.mark.parametrize("name", KINDS)
def test_the_largest_sums_are_exact(name: str, again: bool) -> None:
    kind = KINDS[name]
    layer = drawn(kind)
    if again:
        first, layer = layer, kind.layer()
        if layer.tops is not None and first.tops is not None:
            layer.tops.copy_(first.tops)
        layer.become(*first.quantise()[:3])
        for one, other in zip(layer.quantise(), first.quantise(), strict=True):
            assert torch.equal(one, other)
    inputs, sums = largest(layer, kind.low)
    assert np.abs(sums).max() <= proofs.largest_sum(layer) < SUM_LIMIT
    if kind.low:
        count = len(sums) // 2
        own = np.abs(sums[np.arange(2 * count), np.arange(2 * count) % count])
        np.testing.assert_array_equal(own[:count], layer.quantise().bound)
    if layer.tops is not None:
        assert np.abs(sums).max() > SUM_LIMIT / 2.1
    g = Graph("layer")
    x = g.input("x", "float32", ["N", inputs.shape[1], *inputs.shape[2:]])
    g.output("y", kind.build(g, x, layer), "float32", ["N", sums.shape[1], *inputs.shape[2:]])
    middle = inputs.shape[2] // 2
    for level in LEVELS:
        options = onnxruntime().SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime().GraphOptimizationLevel, level)
        session = onnxruntime().InferenceSession(g.build(), options, providers=["CPUExecutionProvider"])
        (y,) = session.run(None, {"x": inputs})
        np.testing.assert_array_equal(y[:, :, middle, middle], wanted(layer, sums), level)


def test_a_bound_is_counted_in_whole_numbers(monkeypatch) -> None:
    """2²⁴ − 1 is the largest; float32 would lose the last of many small numbers."""
    layer = wide_conv(3, 1)
    numbers = torch.tensor([[2.0**14, 1, 1]])[..., None, None]
    tops = torch.tensor([1023.0, 2**14 - 1, 0])
    assert layer.tops is not None
    layer.tops.copy_(tops)
    for bias, wrong in ((0, False), (1, True)):
        q = Quantised(numbers, torch.tensor([float(bias)]), torch.zeros(1), torch.zeros(1, dtype=torch.long))
        monkeypatch.setattr(layer, "quantise", lambda q=q: q)
        assert proofs.largest_sum(layer) == SUM_LIMIT - 1 + bias
        if wrong:
            with pytest.raises(proofs.ProofFailed, match="a sum can reach 16777216"):
                proofs.bounds(nn.Sequential(layer))
        else:
            assert proofs.bounds(nn.Sequential(layer)) == {"0": 24.0}


def test_pairs_of_products_fit_16_bits(monkeypatch) -> None:
    """Those of two neighbouring inputs: the largest of each sign."""
    layer = drawn(KINDS["of the prior, 8 bits"])
    weight = layer.quantise().weight[:, :, 0, 0].reshape(12, 20, 2)
    for sign in (1, -1):
        sums = 255 * (sign * weight).clamp_min(0).sum(2)
        assert 2**15 - 255 < sums.max() < 2**15
    proofs.bounds(nn.Sequential(layer))
    wrong = layer.quantise()
    wrong.weight[0, :2] = 100
    monkeypatch.setattr(layer, "quantise", lambda: wrong)
    with pytest.raises(proofs.ProofFailed, match="0: two of its weights add to more than 128"):
        proofs.bounds(nn.Sequential(layer))


@pytest.mark.parametrize(
    ("finding", "spoil"),
    [
        ("weights are no numbers", lambda layer: layer.weight.data.fill_(float("nan"))),
        ("weights are no numbers", lambda layer: layer.bias.data.fill_(float("inf"))),
        ("weights are too large", lambda layer: layer.weight.data.fill_(2.0**40)),
        ("largest inputs are not whole", lambda layer: layer.tops.fill_(3.5)),
        ("inputs reach from -1 to 7", lambda layer: layer.tops.copy_(torch.tensor([-1.0, 7, 7, 7]))),
        ("inputs reach from 40000 to 40000; expected 0 to 32767", lambda layer: layer.tops.fill_(4e4)),
    ],
)
def test_layers_without_a_bound_are_refused(finding: str, spoil: Callable[[IntegerConv2d], None]) -> None:
    layer = wide_conv(4, 2)
    layer.tops.fill_(100)
    proofs.bounds(nn.Sequential(layer))
    spoil(layer)
    with pytest.raises(proofs.ProofFailed, match=f"0: its {finding}"):
        proofs.bounds(nn.Sequential(layer))
