"""The command `aezip`: parse, call the library, print.

stdout carries the tables and data that were asked for, stderr progress and messages. Exit
code 0, 1 if some input failed, 2 for wrong usage, 130 after Ctrl-C. What takes
time to load is loaded inside the commands that need it. One module a command; `options`
and `run` are what the commands that run a model share.
"""

from __future__ import annotations

from typing import Any

import click

from .. import __version__
from ..errors import UsageError
from .bench import bench
from .compress import compress
from .decompress import decompress
from .doctor import doctor
from .info import info
from .messages import complain, say
from .models import models
from .options import debug_option
from .verify import verify
from .view import view

COMPLETION = """\b
Completion of commands, options and file names, in the shell's start-up file:
  bash  eval "$(_AEZIP_COMPLETE=bash_source aezip)"
  zsh   eval "$(_AEZIP_COMPLETE=zsh_source aezip)"
  fish  _AEZIP_COMPLETE=fish_source aezip | source
"""


class _Aezip(click.Group):
    """Turns what no command caught into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except KeyboardInterrupt:
            say("aezip: interrupted")
            ctx.exit(130)
        except Exception as error:
            complain(error)
            ctx.exit(2 if isinstance(error, UsageError) else 1)


@click.group(
    cls=_Aezip,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=COMPLETION,
)
@click.version_option(__version__, prog_name="aezip")
@debug_option
def main() -> None:
    """Compress pictures with a neural codec.

    \b
    Examples:
      aezip compress holiday.png                 writes holiday.lat
      aezip compress -q 40 -o small/ *.jpg       smaller files, into a folder
      aezip decompress holiday.lat               writes holiday.png
      aezip info holiday.lat                     shows what is in a file
    """


for command in (compress, decompress, info, verify, view, models, bench, doctor):
    main.add_command(command)
