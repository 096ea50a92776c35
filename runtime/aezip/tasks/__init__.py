"""Tasks other than coding, each on exported graphs alone.

restore     a picture → one with less noise, with colours, without holes
anomaly     normal pictures → a profile; another picture → score, p-value, map
features    pictures → latents, pooled vectors; which are near which
sampling    a model's prior, or two pictures → new pictures
jobs        the tasks as jobs on many files
"""
