"""Latents ↔ streams, and pictures ↔ latents.

    windows        pictures of any size through the transforms, a window at a time; tiles
    hyperprior     the latents of a tile ↔ its stream, under a prior that is a network
    static_tables  the same under tables that the quality chooses
"""
