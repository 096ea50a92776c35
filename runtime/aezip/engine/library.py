"""onnxruntime, opened without its telemetry.

From 1.29 on, onnxruntime writes a device id and a database below the user's cache folder, and looks up a server to
send them to, in every process that lives for some seconds. An environment variable stops that; it is read once, when
onnxruntime is imported. All code of ours gets onnxruntime here.
"""

from __future__ import annotations

import os
import sys
from threading import Lock
from typing import Any

SWITCH = "ORT_DISABLE_TELEMETRY"
_importing = Lock()


def onnxruntime() -> Any:
    """The module, imported with its telemetry off.

    The variable is set during the import only: programs that this process starts later do not see it. A value that
    the user has set is kept. An application that imports onnxruntime before aezip decides for itself.
    """
    with _importing:
        ours = "onnxruntime" not in sys.modules and SWITCH not in os.environ
        if ours:
            os.environ[SWITCH] = "1"
        try:
            import onnxruntime
        finally:
            if ours:
                os.environ.pop(SWITCH, None)
    return onnxruntime
