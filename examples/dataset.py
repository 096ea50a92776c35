"""Training on `.lat` files: a Dataset of PyTorch that cuts a random crop out of each.

    python examples/dataset.py FOLDER --workers 2

Only the tiles that a crop touches are decoded. Each worker opens its own codec with one thread, because onnxruntime
does not survive a fork. The parent process, which is forked, opens none.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

import aezip


class Crops(Dataset[torch.Tensor]):
    """Random square crops: uint8 [3, side, side].  Pictures that are smaller are left out."""

    def __init__(self, files: Sequence[Path], side: int) -> None:
        self.side = side
        self.files = [file for file in files if min(_size(file)) >= side]
        self._codec: aezip.Codec | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self._codec is None:
            self._codec = aezip.Codec(None, threads=1)
        file = self.files[index]
        width, height = _size(file)
        x, y = (int(torch.randint(n - self.side + 1, ())) for n in (width, height))
        pixels, _ = self._codec.decode(file.read_bytes(), region=(x, y, self.side, self.side))
        return torch.from_numpy(pixels).permute(2, 0, 1).expand(3, -1, -1).contiguous()


def _size(file: Path) -> tuple[int, int]:
    header = aezip.unpack(file.read_bytes()).header
    return header.width, header.height


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    crops = Crops(sorted(options.folder.rglob("*.lat")), options.side)
    start = time.perf_counter()
    for batch in DataLoader(crops, options.batch, shuffle=True, num_workers=options.workers):
        print(tuple(batch.shape), batch.float().mean().item())
    print(f"{len(crops)} crops in {time.perf_counter() - start:.1f} s")
