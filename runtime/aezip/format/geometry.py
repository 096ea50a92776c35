"""The squares of pixels that a file counts in, from the picture's upper left corner; the last end where it does."""

from __future__ import annotations

LATENT_STRIDE = 16  # pixels from a latent to the next
HYPER_STRIDE = 64  # from a hyper-latent to the next; the unit of tiles
LATENTS_PER_HYPER = HYPER_STRIDE // LATENT_STRIDE  # in each direction
CELL_SIZE = 16  # pixels a side of what is patched if its error is too large


def grid(size: tuple[int, ...], side: int = LATENT_STRIDE) -> tuple[int, int]:
    """Rows and columns of squares that an area touches.  size: its height and width, as a shape begins."""
    height, width, *_ = size
    return -(-height // side), -(-width // side)


def padded_grid(size: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of latents of a picture [H, W, …], as far as whole hyper-latents reach."""
    rows, columns = grid(size, HYPER_STRIDE)
    return LATENTS_PER_HYPER * rows, LATENTS_PER_HYPER * columns
