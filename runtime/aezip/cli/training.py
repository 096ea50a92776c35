"""The training of a detector of defects, in a process of its own: the runtime itself does without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ..errors import AezipError, missing
from .messages import is_terminal

PROGRAM = "aezip_export.detectors"
# As `python -m` would, but for modules in the current folder, which may be anybody's.
STARTED = "import sys; sys.path[:] = filter(None, sys.path); from {} import started; started()"
PATIENCE = 5  # seconds until it is killed


def check() -> None:
    """Raise DependencyMissing if there is nothing to train with."""
    for module in ("torch", "onnx"):
        if find_spec(module) is None:
            raise missing(module, f"--train needs {'PyTorch' if module == 'torch' else module}")


def graph_of(folder: Path, *, steps: int, threads: int | None = None, quiet: bool = False) -> bytes:
    """The graph of a network trained on a folder of copies, as `Fit` makes it.  Raises AezipError."""
    output = folder / "detector.onnx"
    command = [sys.executable, "-c", STARTED.format(PROGRAM), str(folder), str(output), "--steps", str(steps)]
    command += ["--threads", str(threads)] if threads else []
    command += ["--quiet"] if quiet or not is_terminal(sys.stderr) else []
    # Ctrl-C is for this process alone, which ends the other; so does the end of the pipe.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if code < 0:
        raise AezipError(f"training was stopped by signal {-code} (out of memory?)")
    if code or not output.exists():
        raise AezipError(f"training ended with exit code {code}", "none of the errors above")
    return output.read_bytes()
