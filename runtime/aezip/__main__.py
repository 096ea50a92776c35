"""The command, as `aezip` and as `python -m aezip`."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading


def run() -> None:
    """Start the command; Ctrl-C while it still loads is one line, too."""
    gc.set_threshold(50_000, 20, 100)  # what loads lives on: looking for garbage among it takes 5 % of the start
    try:
        from .cli import main

        main(prog_name="aezip")
    except KeyboardInterrupt:
        sys.stderr.write("aezip: interrupted\n")
        sys.exit(130)
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            _end(leaving.code or 0)
        raise


def _end(code: int) -> None:
    """Leave the process, once all that belongs to its end is done; return if that has to be Python's own way.

    Python would take sessions, their threads and every module apart, which the system does by itself: of a small
    picture's compression that would be a tenth of the time.
    """
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        return
    with contextlib.suppress(Exception):  # what cannot be written any more is Python's to say
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    run()
