"""Pictures → latents and pooled vectors; which are near which.

vectors      latents and vectors of pictures
vector_file  vectors ↔ .npz
"""
