"""Transposed convolutions as plain ones and a shuffle, and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from aezip_train.integer_lapped import shuffled
from aezip_train.lapped import stem_rows, stem_weight, up_rows, up_weight


def test_there_and_back() -> None:
    up, stem = torch.randn(5, 7, 2, 2), torch.randn(5, 3, 16, 16)
    assert torch.equal(up_weight(up_rows(up)), up)
    assert torch.equal(stem_weight(stem_rows(stem)), stem)


def test_they_do_the_same() -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(2, 5, 6, 4), torch.randn(5, 7, 2, 2)
    same = shuffled(F.conv2d(x, up_rows(weight)), 2)
    torch.testing.assert_close(same, F.conv_transpose2d(x, weight, stride=2))
    weight = torch.randn(5, 3, 16, 16)
    same = shuffled(F.conv2d(x, stem_rows(weight)), 8)  # half a cell less on each side than what all cells reach
    torch.testing.assert_close(same, F.conv_transpose2d(x, weight, stride=8)[:, :, 8:-8, 8:-8], rtol=1e-4, atol=1e-4)
