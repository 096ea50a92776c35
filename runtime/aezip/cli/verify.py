"""`aezip verify`: are .lat files whole?"""

from __future__ import annotations

import os
import shlex
from typing import Any

import click

from .. import images
from ..bulk.carried import Need, Needed
from ..bulk.jobs import DONE, Verification
from ..bulk.plan import paired
from ..bulk.work import Outcome
from ..model import home
from ..model.store import installed_names
from ..storage import places
from . import options
from .messages import note, show
from .run import LAT, Run


@click.command(cls=options.Grouped)
@options.inputs("[FILE]...", or_listed=True)
@click.option(
    "--original",
    metavar="IMAGE|FOLDER",
    type=options.PATH,
    help="The picture FILE was made from, or the folder of those: report PSNR, SSIMULACRA2 and MS-SSIM; compare alpha.",
)
@options.intake
@options.max_pixels
@options.offline
@options.decoding_model
@options.run
def verify(run: Run, original: str | None, **reading: Any) -> None:
    """Nothing is written. Exit code 1 if a file is damaged. A note names models that are only in your own folder:
    without it, their files cannot be decoded. For --original, repeat the options --frame, --to-8bit and --upright of
    `compress`; for --strip, use --upright.

    \b
    Examples:
      aezip verify archive/*.lat
      aezip verify --recursive archive --jobs 4 --quiet
      aezip verify holiday.lat --original holiday.png
      aezip verify --recursive archive --original pictures
    """
    plan = run.plan(None, LAT)
    if original is not None:
        if len(plan.items) + len(plan.problems) > 1 and not places.is_folder(original):
            raise click.UsageError("--original is one picture; expected one FILE, or the folder of the originals")
        plan = paired(plan, original, "original", images.READ_SUFFIXES, shared=True)
    needed, offline = Needed(), reading["offline"]

    def also(outcome: Outcome) -> None:
        if outcome.status == DONE:
            needed.add(bytes.fromhex(outcome.facts["fingerprint"]), outcome.item.source)

    try:
        run.do(Verification(**reading), plan, print_line=show, also=also)
    finally:
        if not run.quiet:
            names = installed_names()
            for need in needed.only_here(offline=offline):
                note(_only_here(need, names, run.model))


def _only_here(need: Need, names: dict[bytes, str], named: str | None) -> str:
    """What to hear of a model; named: the package that was given."""
    files = "1 file needs" if need.files == 1 else f"{need.files:,} files need"
    folder = next((name for name in need.folders if places.is_url(name)), "")
    folder = folder or os.path.commonpath([os.path.abspath(name) for name in need.folders])
    name, key = names.get(need.fingerprint), need.fingerprint.hex()
    where = f"in no place but {home.user_folder()}" if name else f"only {named}"
    model = f"{name} ({key})" if name else key
    command = f"aezip models needed {shlex.quote(folder)} {'' if name else f'--model {shlex.quote(str(named))} '}--save"
    return f"{files} the model {model}, which is {where}; '{command}' puts its decoder beside them"
