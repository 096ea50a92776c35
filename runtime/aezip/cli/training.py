"""The training of a detector of defects, in a process of its own: the runtime itself does without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ..errors import AezipError, missing

PROGRAM = "aezip_export.detectors"


def check() -> None:
    """Raise DependencyMissing if there is nothing to train with."""
    for module in ("torch", "onnx"):
        if find_spec(module) is None:
            raise missing(module, "--train needs PyTorch")


def graph_of(folder: Path, alike: bool, *, steps: int, threads: int | None = None, quiet: bool = False) -> bytes:
    """The graph of a network trained on a folder's pictures, .npy files; alike: whether parts lie alike.

    Raises AezipError.
    """
    output = folder / "detector.onnx"
    command = [sys.executable, "-m", PROGRAM, str(folder), str(output), "--steps", str(steps)]
    command += ["--threads", str(threads)] if threads else []
    done = subprocess.run([*command, *["--apart"] * (not alike), *["--quiet"] * quiet])
    if done.returncode or not output.exists():
        raise AezipError(f"training ended with exit code {done.returncode}", "the cause, which it printed, mended")
    return output.read_bytes()
