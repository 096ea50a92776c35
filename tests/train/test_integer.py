from __future__ import annotations

import pytest
import torch

from aezip_train.integer import SUM_LIMIT, WEIGHT_MAX, IntegerConv2d, set_integer
from aezip_train.integer_lapped import wide_conv


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("kernel", [1, 3])
def test_bounds_hold_for_any_weights(scale: float, kernel: int) -> None:
    torch.manual_seed(0)
    layer = IntegerConv2d(512, 16, kernel)
    with torch.no_grad():
        layer.weight.normal_(0, scale)
        layer.bias.normal_(0, scale)
    q = layer.quantise()
    assert q.weight.abs().max() <= WEIGHT_MAX
    assert q.bound.max() < SUM_LIMIT
    for value in q[:3]:
        assert torch.equal(value, value.round())


@pytest.mark.parametrize("out_bits", [3, 5, 6])
def test_the_layer_is_its_integers(out_bits: int) -> None:
    """On real numbers n/32 the integer layer gives what whole-number arithmetic gives, exactly."""
    torch.manual_seed(out_bits)
    layer = IntegerConv2d(40, 24, 3, out_bits=out_bits, low=-300, high=300)
    set_integer(layer, True)
    x = torch.randint(-255, 256, (2, 40, 7, 5))
    out = layer(x / 32) * 2**out_bits
    q = layer.quantise()
    sums = torch.nn.functional.conv2d(x.double(), q.weight.double(), q.bias.double(), padding=1)
    want = torch.round(sums * torch.exp2(-q.shift.double())[:, None, None]).clamp(-300, 300)
    assert torch.equal(out.double(), want)


def test_the_twin_is_near_and_both_learn() -> None:
    torch.manual_seed(3)
    layer = IntegerConv2d(64, 32, 3, low=-255)
    x = (torch.randn(1, 64, 9, 9) * 32).round() / 32
    twin = layer(x)
    set_integer(layer, True)
    exact = layer(x)
    assert (twin - exact).abs().max() < 0.1
    exact.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("finding", "top", "weight"),
    [("of up to 32767, leave no room", 32767, 1.0), ("weights are too large; the limit is 32767", 1, 2.0**31)],
)
def test_what_no_scale_keeps_is_refused(finding: str, top: int, weight: float) -> None:
    layer = wide_conv(256, 4, 3)
    assert layer.tops is not None
    layer.tops.fill_(top)
    torch.nn.init.constant_(layer.weight, weight)
    with pytest.raises(ValueError, match=finding):
        layer.quantise()
