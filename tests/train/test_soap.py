from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from aezip_train import soap
from aezip_train.soap import Soap


def descend(make, seed: int = 0, steps: int = 300) -> float:
    """The loss that an optimiser reaches on a convolution whose inputs are strongly correlated."""
    torch.manual_seed(seed)
    mix = torch.linalg.qr(torch.randn(16, 16))[0] * torch.logspace(0, -2, 16)
    x = torch.einsum("nihw,io->nohw", torch.randn(8, 16, 8, 8), mix.T)
    wanted = nn.Conv2d(16, 12, 3, padding=1)
    layer = nn.Conv2d(16, 12, 3, padding=1)
    optimiser = make(layer.parameters())
    target = wanted(x).detach()
    for _ in range(steps):
        layer.zero_grad()
        loss = (layer(x) - target).square().mean()
        loss.backward()
        optimiser.step()
    return loss.item()


def test_correlated_inputs_are_learnt_faster_than_by_adam() -> None:
    soap = descend(lambda p: Soap(p, lr=1e-2, refresh=5, look=1))
    adam = descend(lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.95, 0.99)))
    assert soap < 0.5 * adam


def test_without_sides_to_rotate_it_is_adam() -> None:
    torch.manual_seed(0)
    a, b = (copy.deepcopy(layer) for layer in [nn.Conv2d(5, 7, 3)] * 2)
    one, other = Soap(a.parameters(), largest=1), torch.optim.Adam(b.parameters(), betas=(0.95, 0.99))
    for _ in range(5):
        x = torch.randn(2, 5, 6, 6)
        for layer, optimiser in ((a, one), (b, other)):
            layer.zero_grad()
            layer(x).square().mean().backward()
            optimiser.step()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_order_in_memory_does_not_matter(memory_format: torch.memory_format) -> None:
    layers = []
    for order in (torch.contiguous_format, memory_format):
        torch.manual_seed(1)
        layer = nn.Conv2d(6, 4, 3).to(memory_format=order)  # type: ignore[call-overload]
        optimiser = Soap(layer.parameters(), refresh=2)
        for _ in range(4):
            layer.zero_grad()
            layer(torch.randn(2, 6, 5, 5)).square().mean().backward()
            optimiser.step()
        layers.append(layer)
    torch.testing.assert_close(layers[0].weight, layers[1].weight)


def test_gradients_of_any_size_give_numbers() -> None:
    for size in (1e-18, 1e-7, 1.0, 1e12):
        weight = torch.nn.Parameter(torch.zeros(48, 64, 1, 1))
        optimiser = Soap([weight], lr=1e-3)
        for seed in range(3):
            drawn = torch.randn(48, 64, 1, 1, generator=torch.Generator().manual_seed(seed))
            weight.grad = size * drawn * (torch.arange(64) % 3 == 0)[None, :, None, None]
            optimiser.step()
        assert weight.isfinite().all()


def test_eigenvectors_are_found_on_the_processor_where_the_device_has_no_float64(monkeypatch) -> None:
    """On MPS; here by a stand-in, whose numbers come back to where they were."""
    there = []

    class Mps:
        type = "mps"

    class Moved:
        device = Mps()

        def cpu(self) -> torch.Tensor:
            there.append("cpu")
            return torch.eye(2)

    assert soap.solvable(Moved()).device.type == "cpu"
    assert there == ["cpu"]
    x = torch.eye(2)
    assert soap.solvable(x) is x


def test_a_state_from_before_weight_decay_goes_on() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 2, 3, 3))
    optimiser = Soap([weight], lr=1e-3)
    state = optimiser.state_dict()
    del state["param_groups"][0]["weight_decay"]
    optimiser.load_state_dict(state)
    weight.grad = torch.ones_like(weight)
    optimiser.step()
    assert (weight < 1).all()
