"""The command `aezip`: parse, call the library, print.

stdout carries what was asked for, stderr progress and messages. Exit code 0, 1 if some input failed, 2 for wrong usage,
130 after Ctrl-C, 143 after SIGTERM. What takes time to load is loaded inside the commands that need it.
"""

from __future__ import annotations

from importlib import import_module
from inspect import cleandoc
from typing import Any

import click

from .. import __version__
from ..errors import UsageError
from . import options
from .messages import print_error, say

# Each command, in the module of the same name, and the first line of its help, which its docstring goes on from.
COMMANDS = {
    "anomaly": "Find pictures that differ from normal ones, and show where.",
    "bench": "Compare models with classic codecs on the pictures of FOLDER.",
    "compress": "Compress images to .lat files.",
    "decompress": "Decompress .lat files to images.",
    "doctor": "Check this installation: coder, providers, exactness.",
    "features": "Make vectors of pictures from a model's latents, or find the nearest.",
    "info": "Show what is in .lat files.",
    "models": "List the installed models; install others.",
    "recompress": "Encode .lat files again, with another model or quality.",
    "restore": "Remove noise from images, colorize grey ones, or fill holes in them.",
    "sample": "Draw new images from a variational autoencoder's prior, or blend two images.",
    "sheet": "Make a contact sheet of .lat files: small pictures, their names under them.",
    "verify": "Check .lat files: checksums, structure, and every symbol of the streams.",
    "view": "Show a .lat file in the browser, decoded there.",
}

COMPLETION = """\b
Completion of commands, options and file names, in the shell's start-up file:
  bash  eval "$(_AEZIP_COMPLETE=bash_source aezip)"
  zsh   eval "$(_AEZIP_COMPLETE=zsh_source aezip)"
  fish  _AEZIP_COMPLETE=fish_source aezip | source
"""


class _Aezip(click.Group):
    """Loads only the command that runs; turns what no command caught into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __name__), cmd_name)
        more = cleandoc(command.help or "").removeprefix(COMMANDS[cmd_name]).lstrip("\n")
        command.help = f"{COMMANDS[cmd_name]}\n\n{more}"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = " or ".join(f"'{name}'" for name in get_close_matches(args[0], COMMANDS))
            ctx.fail(f"No such command '{args[0]}'." + (f" Did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except KeyboardInterrupt:
            say("aezip: interrupted")
            ctx.exit(130)
        except Exception as error:
            print_error(error)
            ctx.exit(2 if isinstance(error, UsageError) else 1)


@click.group(
    cls=_Aezip,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=COMPLETION,
)
@click.version_option(__version__, prog_name="aezip")
@options.debug
def main() -> None:
    """Compress pictures with a neural codec.

    \b
    Examples:
      aezip compress holiday.png                 writes holiday.lat
      aezip compress -q 40 -o small/ *.jpg       smaller files, into a folder
      aezip decompress holiday.lat               writes holiday.png
      aezip info holiday.lat                     shows what is in a file
    """
    from ..bulk.process import prepare

    prepare()
