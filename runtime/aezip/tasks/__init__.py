"""What else the networks do than coding: each task on exported graphs alone.

    restoring   a picture → one with less noise, with colours, without holes; `noise`, `holes`, `chroma`
    vectors     pictures → latents, pooled vectors; which are near which
    anomaly     pictures that are normal → a profile; another picture → score, p-value, map
    gaussian    the statistics under both
    profile     the profile ↔ its file
    heat        a map → a picture to look at
    sampling    a model's prior, or two pictures → new pictures
    vectorfile  vectors ↔ .npz
    jobs        the tasks as jobs of a batch
"""
