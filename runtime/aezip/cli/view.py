"""`aezip view`: a .lat file in the browser."""

from __future__ import annotations

import os
import sys

import click

from . import options
from .messages import say, show


@click.command()
@click.argument("file", required=False, type=options.PATH)
@click.option("--original", metavar="IMAGE", type=options.PATH, help="Compare with this picture.")
@options.decoding_model
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port to listen on.  [default: a free one]"
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@options.debug
def view(file: str | None, original: str | None, model: str | None, port: int, no_browser: bool) -> None:
    """Serves a page to this machine only (127.0.0.1), until Ctrl-C; nothing is sent anywhere. You can drop other .lat
    files, and originals to compare with, on the page.

    \b
    Examples:
      aezip view holiday.lat
      aezip view holiday.lat --original holiday.png
      aezip view --no-browser --port 8000
    """
    import webbrowser

    from ..viewer.server import Server, Shown

    if original is not None and file is None:
        raise click.UsageError("--original without a .lat file; expected both")
    shown = Shown(file, original, model)
    shown.check()
    with Server(shown, port) as server:
        try:
            show(server.address)
            opened = not no_browser and _has_desktop() and webbrowser.open(server.address)
            say(f"aezip: {'' if opened else 'open this address in a browser; '}Ctrl-C ends it")
            server.serve_forever()
        except KeyboardInterrupt:
            say("")


def _has_desktop() -> bool:
    """Whether there may be windows; browsers in a terminal cannot show pictures."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
