"""Writing and changing a model package: members, digests, zip; the same bytes for the same weights."""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aezip.entropy.tables import Tables, mixture_tables
from aezip.errors import AezipError
from aezip.format.geometry import LATENT_STRIDE
from aezip.model import kinds, packages
from aezip.model.description import BITS_PER_ERROR, PACKAGE_VERSION
from aezip.model.ladder import Ladder
from aezip.model.onnx_check import OPSET
from aezip.model.packages import Package
from aezip.model.store import find_codec
from aezip.model.writing import EPOCH, description_text, pack
from aezip.storage import files
from aezip_train import lambda_ladder
from aezip_train.flagship import Flagship
from aezip_train.histograms import whole

from . import graphs, integer_graphs, macs, prior_graphs, reach, sample

# Latents under tables up to this index are not coded. Most latents are under the first (train/TRIALS.md).
SKIP = 0
# Transforms, and how many times smaller their pictures are.
SCALES = dict.fromkeys((*kinds.HYPERPRIOR.windowed, kinds.SMALL, *kinds.TASKS), 1)
SCALES |= {name: n for n, name in kinds.REDUCED.items()}


def ladder_of(model: Flagship) -> Ladder:
    """The model's ladders in integers."""
    return Ladder(
        gain=whole(model.gain),
        inverse_gain=whole(model.inverse_gain),
        hyper_gain=whole(model.hyper_gain),
        hyper_inverse=whole(model.hyper_inverse),
        hyper_scale=whole(model.hyper_scale),
        hyper_offset=whole(model.hyper_offset, 32),
    )


def members_of(model: Flagship, card: str) -> dict[str, bytes]:
    """Every member but the description."""
    return {
        "encoder.onnx": (integer_graphs if model.config.integer > 1 else graphs).encoder(model),
        "hyper.onnx": graphs.hyper_encoder(model),
        "prior.onnx": prior_graphs.prior(model),
        "context.onnx": prior_graphs.context(model),
        "decoder.onnx": (integer_graphs if model.config.integer else graphs).decoder(model),
        "tables.npz": tables_file(mixture_tables(), ladder_of(model), SKIP),
        "CARD.md": card.encode(),
    }


def tables_file(tables: Tables, ladder: Ladder, skip: int) -> bytes:
    """All integers that are not weights, as one .npz."""
    return arrays_file({**vars(tables), **ladder._asdict()}, {"skip": np.int32(skip)})


def arrays_file(arrays: dict[str, Any], last: dict[str, Any] | None = None) -> bytes:
    """Integers as an .npz of stored members, sorted by name, then `last`; the same bytes for the same arrays."""
    small = {name: value.astype(np.int32) for name, value in sorted(arrays.items())}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, value in (*small.items(), *(last or {}).items()):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), (1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue())
    return file.getvalue()


def describe(model: Flagship, name: str, members: dict[str, bytes], facts: dict[str, Any]) -> dict[str, Any]:
    """The package's description: what it is, how it was trained, and what its members are."""
    c = model.config
    return description(
        members,
        {
            "name": name,
            "family": model.family,
            "channels": 3,
            "hyper_stride": 64,
            "latent_channels": c.latent,
            "hyper_channels": c.hyper,
            "qualities": lambda_ladder.TOP + 1,
            "lambda": [lambda_ladder.LAMBDA_MIN, model.lambda_max],
            "macs": {name: round(macs.per_pixel(members[f"{name}.onnx"]), 1) for name in macs.GRAPHS},
            **({"exact_pixels": True} if model.config.integer else {}),
            "bits_per_error": model.bits_per_error or BITS_PER_ERROR,
            **facts,
        },
    )


def description(
    members: dict[str, bytes], facts: dict[str, Any], decoding: tuple[str, ...] = kinds.HYPERPRIOR.deciding
) -> dict[str, Any]:
    """What every package says of its members, and its own `facts`.

    members: all but the description.  decoding: names of those that the fingerprint is of.
    """
    digests = digests_of(members)
    return {
        "version": PACKAGE_VERSION,
        "fingerprint": packages.fingerprint_of(digests, decoding).hex(),
        "stride": LATENT_STRIDE,
        "margins": margins_of(members),
        "opset": OPSET,
        "digests": digests,
        **facts,
    }


def digests_of(members: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 (hex) of each member."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}


def margins_of(members: dict[str, bytes]) -> dict[str, int]:
    """How far the transforms among these members look, in latents."""
    there = {name: scale for name, scale in SCALES.items() if f"{name}.onnx" in members}
    return {name: reach.margin(members[f"{name}.onnx"], scale) for name, scale in there.items()}


def write(path: Path, members: dict[str, bytes], description: dict[str, Any]) -> None:
    """Write the zip: stored, sorted, without times.  An interrupted write leaves nothing."""
    data = pack({**members, packages.DESCRIPTION: description_text(description)})
    files.atomic_write(path, data, force=True)


def write_proved(
    path: Path, members: dict[str, bytes], description: dict[str, Any], prove: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """Write a package to try, `prove` it, then write it with the figures that this returns.  Returns the figures.

    prove: takes the path of the package to try, and raises where a proof fails; then nothing is written.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        write(trial, members, description)
        figures = prove(trial)
    write(path, members, {**description, **figures})
    return figures


def amend(path: Path, output: Path, members: dict[str, bytes], *, measure: bool = True, **facts: Any) -> None:
    """Write a package that codes pictures with other members and facts, or more of them, to its own place or another.

    Digests, fingerprint and margins follow. measure: measure the figures of the sample picture again, too; not for a
    package that is amended once more.
    """
    about = packages.describe(path)
    said = about.description
    digests = said["digests"] | digests_of(members)
    description = {
        **said,
        **facts,
        "digests": digests,
        "fingerprint": packages.fingerprint_of(digests, about.kind.deciding).hex(),
        "margins": said["margins"] | margins_of(members),
    }
    old = Package(about)
    members = {name: old.member(name) for name in about.members} | members
    qualities = [float(quality) for quality in said.get("measured", {})] if measure else []

    if not qualities:
        write(output, members, description)
        return
    write_proved(output, members, description, lambda trial: {"measured": sample.measured(trial, qualities)})


def on_pictures(about: str, add_to: Callable[..., int], made: str) -> None:
    """The command of a module that makes something of pictures for a package.

    about: the module, of which the first paragraph is shown; add_to: takes a package, a folder and a package to write,
    and returns how many pictures there were; made: what, in words.
    """
    parser = argparse.ArgumentParser(
        description=about.partition("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or package")
    parser.add_argument("--pictures", type=Path, required=True, metavar="FOLDER", help="photographs")
    parser.add_argument("-o", "--output", type=Path, metavar="NAME.aezm", help="package to write  [default: the same]")
    options = parser.parse_args()
    if options.output and options.output.suffix != packages.SUFFIX:
        parser.error(f"-o {options.output}: expected a name ending in {packages.SUFFIX}")
    try:
        path = find_codec(options.model).about.path
        count = add_to(path, options.pictures, options.output)
    except (AezipError, OSError, ValueError) as error:
        sys.exit(f"aezip-export: {options.model}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"{options.output or path}: {made} {count} pictures", file=sys.stderr)
