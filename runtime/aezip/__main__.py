"""The command, as `aezip` and as `python -m aezip`."""

from __future__ import annotations

import sys


def run() -> None:
    """Start the command; Ctrl-C while it still loads is one line, too."""
    try:
        from .cli import main

        main(prog_name="aezip")
    except KeyboardInterrupt:
        sys.stderr.write("aezip: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    run()
