"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321).

The covariances of a convolution's gradient [out, taps, in] over `out` and over `in` are averaged, and Adam runs on the
gradient rotated into their eigenvectors, which every few steps follow by one power iteration and a QR. Weights of one
shape are stacked. What is not a convolution's weight gets plain Adam. For learned codecs: arXiv 2601.20769.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MEAN, SQUARE, MEMORY = 0.95, 0.99, 0.95  # what running means keep at a step: of gradients, squares, covariances


class Soap(torch.optim.Optimizer):
    """params: parameters, or groups of them with their own `lr`.

    look: every so many steps covariances are added to; refresh: steps between new eigenvectors; largest: sides of more
    entries are not rotated; weight_decay: as AdamW's.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        look: int = 4,
        refresh: int = 20,
        largest: int = 256,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "look": look, "refresh": refresh, "largest": largest, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for stack in _stacks(group["params"]):
                gradient = torch.stack([_table(p.grad) for p in stack])
                change = _update(gradient, self.state[stack[0]], group)
                for p, c in zip(stack, change, strict=True):
                    p.mul_(1 - group["lr"] * group.get("weight_decay", 0)).sub_(_like(c, p), alpha=group["lr"])


def _stacks(params: list[Tensor]) -> list[list[Tensor]]:
    """Parameters with a gradient, those of one shape together, in a fixed order."""
    stacks: dict[torch.Size, list[Tensor]] = {}
    for p in params:
        if p.grad is not None:
            stacks.setdefault(p.shape, []).append(p)
    return list(stacks.values())


def _table(x: Tensor | None) -> Tensor:
    """[out, in, kh, kw] → [out, kh·kw, in]; anything else → [1, 1, size]"""
    assert x is not None
    return x.permute(0, 2, 3, 1).flatten(1, 2) if x.dim() == 4 else x.reshape(1, 1, -1)


def _like(x: Tensor, p: Tensor) -> Tensor:
    """The inverse, to the shape of p."""
    if p.dim() != 4:
        return x.reshape(p.shape)
    out, inputs, kh, kw = p.shape
    return x.reshape(out, kh, kw, inputs).permute(0, 3, 1, 2)


def _update(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """One step's change for a stack [n, out, taps, in], before the learning rate.  Mean and square live rotated."""
    if not state:
        state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        for side, size in (("out", gradient.shape[1]), ("in", gradient.shape[3])):
            if gradient.shape[1] > 1 and size <= group["largest"]:
                state[side] = torch.zeros(len(gradient), size, size, device=gradient.device)
                state[f"{side} basis"] = torch.eye(size, device=gradient.device).repeat(len(gradient), 1, 1)
    step = state["step"]
    state["step"] = step + 1
    if step % group["look"] == 0:
        weight = max(1 - MEMORY, 1 / (step / group["look"] + 1))
        for side in _sides(state):
            flat = gradient.flatten(2) if side == "out" else gradient.flatten(1, 2).mT
            state[side].lerp_(flat @ flat.mT, weight)
    if step % group["refresh"] == 0:
        _turn(state, first=step == 0)
    rotated = _rotate(gradient, state)
    state["mean"].lerp_(rotated, 1 - MEAN)
    state["square"].mul_(SQUARE).addcmul_(rotated, rotated, value=1 - SQUARE)
    spread = (state["square"] / (1 - SQUARE ** (step + 1))).sqrt_().add_(1e-8)
    return _rotate(state["mean"] / (1 - MEAN ** (step + 1)) / spread, state, back=True)


def _sides(state: dict[str, Any]) -> list[str]:
    return [side for side in ("out", "in") if side in state]


def _turn(state: dict[str, Any], first: bool) -> None:
    """New eigenvectors, largest first; mean and square follow."""
    mean = _rotate(state["mean"], state, back=True)
    for side in _sides(state):
        basis = state[f"{side} basis"]
        if first:
            size = state[side].diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp_min(1e-30)
            # in float32, or of numbers as small as a gradient's squares, LAPACK may give no numbers at all
            scaled = solvable(state[side] / size).double()
            basis = torch.linalg.eigh(scaled)[1].flip(-1).float().to(state[side].device)
        else:
            product = state[side] @ basis
            order = (basis * product).sum(1).argsort(-1, descending=True)  # [n, size]
            product = solvable(product.gather(2, order[:, None].expand_as(product)))
            basis = torch.linalg.qr(product)[0].to(state[side].device)
            index = order[:, :, None, None] if side == "out" else order[:, None, None, :]
            axis = 1 if side == "out" else 3
            state["square"] = state["square"].gather(axis, index.expand_as(state["square"]))
        state[f"{side} basis"] = basis.contiguous()
    state["mean"] = _rotate(mean, state)


def solvable(x: Tensor) -> Tensor:
    """x where LAPACK's functions are, also in float64: MPS lacks them."""
    return x.cpu() if x.device.type == "mps" else x


def _rotate(x: Tensor, state: dict[str, Any], back: bool = False) -> Tensor:
    """x [n, out, taps, in] in the coordinates of the bases' columns, or back from them."""
    n, out, taps, inputs = x.shape
    if "in" in state:
        basis = state["in basis"]
        x = (x.reshape(n, out * taps, inputs) @ (basis.mT if back else basis)).reshape(x.shape)
    if "out" in state:
        basis = state["out basis"]
        x = ((basis if back else basis.mT) @ x.reshape(n, out, taps * inputs)).reshape(x.shape)
    return x
