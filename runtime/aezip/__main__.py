"""The command, as `aezip` and as `python -m aezip`."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading


def run() -> None:
    """Start the command; Ctrl-C while it still loads is one line, too."""
    try:
        from .cli import main

        main(prog_name="aezip")
    except KeyboardInterrupt:
        sys.stderr.write("aezip: interrupted\n")
        sys.exit(130)
    except OSError as error:  # of --help and --version, which are written before a command begins
        from .errors import line_of

        sys.exit(f"aezip: error: {line_of(error)}")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            _end(leaving.code or 0)
        raise


def _end(code: int) -> None:
    """Leave the process once its exit functions have run and its output is written; return if that fails.

    Python would also free sessions, their threads and every module, which the system does by itself.
    """
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        return
    with contextlib.suppress(Exception):  # Python reports what cannot be written
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    run()
