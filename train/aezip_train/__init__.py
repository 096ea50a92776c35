"""Training of aezip's codecs: PyTorch modules, losses, data, loops, recipes.

Reading order: `flagship` (the network, top to bottom), `integer` (the exact
prior's layer), `classic` (the start), `data`, `loop`, `recipe`.
"""
