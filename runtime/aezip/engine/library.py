"""onnxruntime: opened without its telemetry, in whichever of its builds is installed.

From 1.29 on, onnxruntime writes a device id and a database below the user's cache folder, and looks up a server to
send them to. An environment variable stops that, which is read when onnxruntime is imported: all code of ours gets it
here.

Its builds for other processors write the same module: to install or uninstall one takes files from another
(onnxruntime issue 26996). So no extra of ours asks for one, and `advice` says how to change builds.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from threading import Lock
from typing import Any

from ..errors import ProviderError

SWITCH = "ORT_DISABLE_TELEMETRY"
CPU = "onnxruntime"
BUILDS = {  # provider → what installs the build that has it
    "cuda": "onnxruntime-gpu[cuda,cudnn]",
    "tensorrt": "onnxruntime-gpu[cuda,cudnn]",
    "openvino": "onnxruntime-openvino",
    "directml": "onnxruntime-directml",
    "migraphx": "onnxruntime-migraphx",
    "rocm": "onnxruntime-rocm",
    "coreml": CPU,
}
CUDA = ("cuda", "tensorrt")
_importing = Lock()
_said: list[str] = []  # what was printed when CUDA's libraries were loaded, which is done once


def onnxruntime() -> Any:
    """The module, imported with its telemetry off.  Raises ProviderError if it is not there, or not whole.

    The variable is set during the import only: programs that this process starts later do not see it. A value that
    the user has set is kept. An application that imports onnxruntime before aezip decides for itself.
    """
    with _importing:
        ours = "onnxruntime" not in sys.modules and SWITCH not in os.environ
        if ours:
            os.environ[SWITCH] = "1"
        try:
            import onnxruntime
        except ImportError as e:
            raise ProviderError(f"onnxruntime cannot be imported ({e})", advice()) from e
        finally:
            if ours:
                os.environ.pop(SWITCH, None)
    if not hasattr(onnxruntime, "InferenceSession"):  # a folder without its files is a package to Python
        raise ProviderError("onnxruntime is incomplete: a build that shared files with it was uninstalled", advice())
    return onnxruntime


def builds() -> dict[str, str]:
    """Names and versions of the distributions of onnxruntime that are installed."""
    from importlib import metadata

    found = {}
    for name in dict.fromkeys((CPU, *(build.partition("[")[0] for build in BUILDS.values()))):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def advice(provider: str = "cpu") -> str:
    """The command after which a provider's build is there, and no other."""
    installed = " ".join(builds())
    remove = f"pip uninstall -y {installed} && " if installed else ""
    return f"{remove}pip install '{BUILDS.get(provider, CPU)}'"


def prepare(provider: str) -> None:
    """Load CUDA's libraries where they came from pip, and have onnxruntime print nothing of those that are missing."""
    ort = onnxruntime()
    if provider == "cpu":
        return
    ort.set_default_logger_severity(4)  # it knows no file's name; `missing` says what it would
    preload = getattr(ort, "preload_dlls", None)
    if provider in CUDA and preload and not _said:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            preload()
        _said.append(printed.getvalue())


def missing(provider: str) -> str:
    """The first library of a provider that could not be loaded, and why; "" if that is not known."""
    found = re.search(r"Failed to load [^:]+: (.*)", _said[0]) if provider in CUDA and _said else None
    return found[1].strip() if found else ""
