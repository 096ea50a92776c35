"""Writes a small detector of defects, for tests of the runtime without torch.

    python tests/golden/detectors.py

Its weights are drawn, not trained: it finds nothing, but every layer does something.
"""

from __future__ import annotations

from pathlib import Path

import torch

from aezip.tasks.anomaly.detector import PLANES
from aezip_export import detectors
from aezip_train.detector import Detector

FILE = Path(__file__).parent / "tiny-detector.onnx"


def drawn() -> Detector:
    """A narrow network with something in every layer, and in what batches were normalised by."""
    torch.manual_seed(3)
    model = Detector(4, 6, 8, 10)
    for _ in range(3):
        model(torch.randn(4, PLANES, 64, 64))
    return model.eval()


if __name__ == "__main__":
    if FILE.exists():
        print(f"{FILE.name}: there already")
    else:
        FILE.write_bytes(detectors.graph(drawn()))
