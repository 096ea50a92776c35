"""Where a run computes: a device, and which of several equal processes this one is.

Under torchrun every process draws the same batch, computes its own part of it, and averages gradients with the others,
so that a step is that of one process with the whole batch. The first process alone writes and decides when to stop.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Process:
    """A device and a part of the work: `rank` of `world` processes."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and decides."""
        return self.rank == 0

    @property
    def repeats(self) -> bool:
        """Whether PyTorch's own generator, as a checkpoint keeps it, is all that noise is drawn from."""
        return self.world == 1 and self.device.type == "cpu"

    @property
    def queues(self) -> bool:
        """Whether the device works off a queue, while the processor goes on: reading a number would empty it."""
        return self.device.type == "cuda"

    def put(self, x: Tensor) -> Tensor:
        """On the device, without waiting for it where it queues."""
        return x.to(self.device, non_blocking=self.queues)

    def part(self, batch: int) -> slice:
        """This process's share of a batch.  Raises ValueError where it cannot be divided."""
        if batch % self.world:
            raise ValueError(f"a batch of {batch} for {self.world} processes; expected a multiple of {self.world}")
        size = batch // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def mean_(self, tensors: list[Tensor]) -> None:
        """Replace each by its mean over all processes, in one exchange.  Floats of one type on this device."""
        if self.world == 1:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.world
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def share_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each by the first process's."""
        if self.world > 1:
            for tensor in tensors:
                whole = tensor.contiguous()
                dist.broadcast(whole, 0)
                tensor.copy_(whole)

    def agree(self, said: int) -> int:
        """What the first process said."""
        if self.world == 1:
            return said
        answer = torch.tensor(said, device=self.device)
        dist.broadcast(answer, 0)
        return int(answer)


ALONE = Process(torch.device("cpu"))


def device_of(name: str, local_rank: int = 0) -> torch.device:
    """cpu, cuda or mps as a device; `auto` takes the fastest one available.  Raises ValueError."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there[name]:
        known = ", ".join(kind for kind, available in there.items() if available)
        raise ValueError(f"device {name} is not available; expected one of {known}")
    if name != "cuda":
        return torch.device(name)
    if local_rank >= torch.cuda.device_count():
        raise ValueError(f"process {local_rank} of {torch.cuda.device_count()} GPUs; expected one process a GPU")
    return torch.device("cuda", local_rank)


def _exact_sums() -> None:
    """Keep float32 whole on GPUs: TF32, which convolutions would use, has 11 bits, and whole numbers up to 24.

    Among what is left, take the kernels that are fastest for the sizes met.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


@contextmanager
def join(device: str = "auto") -> Iterator[Process]:
    """This process, as torchrun's environment describes it.  Raises ValueError."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = device_of(device, int(os.environ.get("LOCAL_RANK", "0")))
    if chosen.type == "cuda":
        _exact_sums()
    if world == 1:
        yield Process(chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Process(chosen, dist.get_rank(), world)
    finally:
        dist.destroy_process_group()
