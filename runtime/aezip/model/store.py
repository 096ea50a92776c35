"""Where model packages are: names and fingerprints → packages.

A name is looked for in the folders of $AEZIP_MODELS, then in the user's folder, then among aezip's own weights;
a file's fingerprint in all of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import ModelNotFound, ModelUnfit, PackageDamaged, UnknownFingerprint
from .packages import SUFFIX, Installed, Package, describe

INCLUDED = Path(__file__).parents[1] / "weights"


def folders() -> list[Path]:
    """Where packages are looked for: $AEZIP_MODELS (as PATH is written), the user's folder, aezip's own."""
    extra = [Path(p) for p in os.environ.get("AEZIP_MODELS", "").split(os.pathsep) if p]
    own = user_folder()
    return [*extra, *([own] if own else []), INCLUDED]


def user_folder() -> Path | None:
    """Where `aezip models install` puts packages, None where nobody has a home.

    $XDG_DATA_HOME/aezip/models if that is set; else ~/.local/share, on macOS ~/Library/Application Support, on Windows
    %LOCALAPPDATA% in its place.
    """
    data = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(data):  # as the XDG base directory specification asks
        try:
            home = Path.home()
        except RuntimeError:
            return None
        places = {"win32": os.environ.get("LOCALAPPDATA") or home / "AppData/Local",
                  "darwin": home / "Library/Application Support"}
        data = str(places.get(sys.platform, home / ".local/share"))
    return Path(data) / "aezip" / "models"


def installed() -> list[Installed]:
    """All packages that decoding can find, in the order of the search; damaged ones are left out."""
    return _search()[0]


def _search() -> tuple[list[Installed], list[PackageDamaged]]:
    found, damaged = [], []
    for folder in folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                found.append(describe(path))
            except PackageDamaged as error:
                damaged.append(error)
            except ModelNotFound:  # gone since it was listed
                continue
    return found, damaged


def find(model: str) -> Installed:
    """The package of a name or a path.  Raises ModelNotFound, PackageDamaged."""
    if is_path(model):
        return describe(Path(model))
    for folder in folders():
        path = folder / f"{model}{SUFFIX}"
        if path.exists():
            return describe(path)
    known = ", ".join(sorted({m.name for m in installed()})) or "none"
    raise ModelNotFound(f"no model named '{model}'", f"one of: {known}; or a path ending in {SUFFIX}")


def is_path(model: str) -> bool:
    """Whether a model is named by its package's path."""
    return model.endswith(SUFFIX) or os.sep in model


def find_fingerprint(fingerprint: bytes, own: Installed | None = None) -> Installed:
    """The package, `own` or installed, that decodes files of this fingerprint.  Raises UnknownFingerprint.

    If there is only an encoder's half, that, which can still check files.
    """
    found, damaged = _search()
    fitting = [m for m in ([own] if own else []) + found if m.fingerprint == fingerprint and not m.task]
    if fitting:
        return min(fitting, key=lambda m: m.half == "encoder")
    also = f" (and {damaged[0].file} is damaged: {damaged[0].finding})" if damaged else ""
    raise UnknownFingerprint(
        f"written by the model {fingerprint.hex()}, which is not installed{also}",
        "its package, installed (aezip models install FILE.aezm) or given as the model",
    )


def find_codec(model: str) -> Package:
    """The package of a name or a path that codes pictures.  Raises ModelNotFound, ModelUnfit, PackageDamaged."""
    about = find(model)
    if about.task:
        raise ModelUnfit(f"the model '{about.name}' codes no pictures; it can {about.task}", "a model that does")
    return Package(about)


def installed_names() -> dict[bytes, str]:
    """Fingerprint → name of what is installed; empty if that cannot be found out."""
    try:
        return {model.fingerprint: model.name for model in installed()}
    except Exception:
        return {}
