"""Releases a model: gives a package a name and a version for good, whose files every later aezip decodes.

    python tools/release_model.py mine.aezm photo [--mantissa 6]

The package becomes `weights/NAME.aezm` and writes from now on. The one before it stays as its decoder half,
`weights/released/NAME-N.aezm.xz`, and `weights/releases.json` gets a line; commit all three. What was never released
may be replaced without this.

--mantissa rounds the decoder's float16 weights to fewer bits, for a smaller wheel. It makes another model: do it
before any file is written with it. A decoder in whole numbers, like that of `photo` (2.1 MB), has none; that of the
`photo` before took 3.98 MB with all 10 bits, 3.10 MB with 6 (0.01 dB lost at quality 60, 0.08 dB at 100).
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import numpy as np
from common import parser

from aezip.errors import AezipError
from aezip.model import packages, releases, store, writing
from aezip.model.packages import SUFFIX, XZ, Package, PackageInfo
from aezip.model.releases import REGISTRY, Release
from aezip.storage import files

OLDER = "released"
# weights in float16: the position's lowest bit tells a number's halves apart
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**23, "lc": 0, "lp": 1, "pb": 1}]
BITS = 10  # of a float16's mantissa


def release(about: PackageInfo, name: str, folder: Path = store.INCLUDED) -> tuple[Release, int]:
    """Make a package the newest release of a name.

    Args:
        about: A whole package that codes pictures.
        name: Of the model.
        folder: That of the registry.

    Returns:
        The release, and how many bytes the wheel grows by the decoder of the one before it.
    """
    packages.check(about)
    if about.half or about.task:
        raise SystemExit(f"{about.path}: expected a whole package that codes pictures")
    listed, target, grown = releases.releases(folder), folder / f"{name}{SUFFIX}", 0
    if any(other.fingerprint == about.fingerprint for other in listed):
        raise SystemExit(f"{about.path}: {about.fingerprint.hex()} is released already")
    data = packages.read(about.path)
    last = max((r for r in listed if r.name == name), key=lambda r: r.version, default=None)
    if last:
        old = packages.describe(target)
        if old.fingerprint != last.fingerprint:
            raise SystemExit(f"{target}: is not {last.full_name}; expected the package that was released")
        file = f"{OLDER}/{last.full_name}{SUFFIX}{XZ}"
        packed = packed_decoder(old)
        files.make_folder(folder / OLDER)
        files.atomic_write(folder / file, packed)
        listed[listed.index(last)] = last._replace(file=file)
        grown = len(packed)
    made = Release(name, last.version + 1 if last else 1, about.fingerprint, target.name)
    files.atomic_write(target, data, force=True)
    files.atomic_write(folder / REGISTRY, releases.text([*listed, made]), force=True)
    return made, grown


def packed_decoder(about: PackageInfo) -> bytes:
    """What the wheel keeps of a release that is not the newest."""
    return lzma.compress(writing.split(Package(about), "decoder", lean=True), lzma.FORMAT_XZ, filters=FILTERS)


def rounded(about: PackageInfo, bits: int, output: Path) -> None:
    """Write a package whose decoder has weights with this many bits of mantissa; no weight becomes zero."""
    import onnx

    from aezip_export.package import amend

    model = onnx.load_from_string(Package(about).member("decoder.onnx"))
    drop = BITS - bits
    for weights in model.graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT16:
            codes = np.frombuffer(weights.raw_data, np.uint16).astype(np.uint32)
            # to even; a carry into the exponent is the next power of two, as it should be
            codes = (codes + (1 << drop >> 1) - 1 + (codes >> drop & 1)) >> drop << drop if drop else codes
            weights.raw_data = codes.astype(np.uint16).tobytes()
    amend(about.path, output, {"decoder.onnx": model.SerializeToString()})


def main() -> None:
    options = parser(__doc__, "package", "name", mantissa=BITS).parse_args()
    if not 1 <= options.mantissa <= BITS:
        sys.exit(f"--mantissa {options.mantissa}; expected 1 to {BITS}")
    try:
        about = store.find(options.package)
        if options.mantissa < BITS:
            path = Path(f"{options.name}-{options.mantissa}-bits{SUFFIX}")
            files.check_output(path)
            rounded(about, options.mantissa, path)
            about = packages.describe(path)
            print(f"{path}: the package with rounded weights")
        made, grown = release(about, options.name)
    except AezipError as error:
        sys.exit(f"error: {error}")
    print(
        f"{made.full_name} ({made.fingerprint.hex()}): {about.size:,} B; once it is an older one, its decoder takes "
        f"{len(packed_decoder(about)):,} B"
    )
    if grown:
        print(f"the wheel grows by {grown:,} B, the decoder of the release before")


if __name__ == "__main__":
    main()
