"""Pictures → latents and pooled vectors; which are near which: all in `vectors`."""
