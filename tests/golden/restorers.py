"""Writes small packages that restore pictures, one a task, for tests of the runtime without torch.

    python tests/golden/restorers.py

Their weights are drawn, not trained: what they make of a picture is no better, but every layer does something.
"""

from __future__ import annotations

from pathlib import Path

import torch

from aezip.model.kinds import TASKS
from aezip_export import restorers
from aezip_train.restorer import Config, Restorer

HERE = Path(__file__).parent
SIZES = {"half": 8, "quarter": 8, "eighth": 8, "sixteenth": 8, "eighth_blocks": 1, "sixteenth_blocks": 1}
FACTS = {"summary": "For tests.", "licence": "Apache-2.0", "hole": 6}


def drawn(task: str) -> Restorer:
    """A small network with something in every layer."""
    torch.manual_seed(1)
    model = Restorer(Config(task, **SIZES))
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


if __name__ == "__main__":
    for task in TASKS:
        path = HERE / f"tiny-{task}.aezm"
        if path.exists():
            print(f"{path.name}: there already")
        else:
            restorers.export(drawn(task), path, name=f"tiny-{task}", facts=FACTS, card="For tests.\n")
