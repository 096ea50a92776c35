"""The import boundary: what loads what, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import aezip", {"numpy", "onnxruntime", "PIL", "click", "torch"}),
        ("import aezip.codec", {"onnxruntime", "PIL", "click", "torch", "onnx"}),
        ("import aezip.embed", {"onnxruntime", "PIL", "click", "tqdm", "torch", "onnx"}),
        ("import aezip.images", {"onnxruntime", "click", "torch"}),
        ("import aezip.cli", {"numpy", "onnxruntime", "PIL", "torch", "aezip.images", "aezip.bulk"}),
        ("import aezip.cli.info", {"numpy", "onnxruntime", "PIL", "aezip.images", "aezip.bulk", "multiprocessing"}),
    ],
)
def test_imports_stay_light(statement: str, absent: set[str]) -> None:
    assert not loaded(statement) & absent


def test_the_public_names_are_there() -> None:
    import aezip
    from aezip import errors

    assert all(getattr(aezip, name) is not None for name in aezip.__all__)
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__) < set(aezip.__all__)


def test_public_modules_are_imported_when_they_are_named() -> None:
    code = "import aezip; assert aezip.embed.Encoder and aezip.pillow.LatImageFile; print('embed' in dir(aezip))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
    code = "import sys; sys.modules['zarr'] = None; import aezip; help(aezip); aezip.zarr"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "DependencyMissing: zarr 3 is required: pip install zarr" in found.stderr


def test_the_codec_needs_neither_pillow_nor_click_nor_torch(tiny: str) -> None:
    code = f"""
import sys
for name in ("PIL", "click", "torch", "onnx", "aezip_train", "aezip_export"):
    sys.modules[name] = None
import numpy as np
import aezip
codec = aezip.Codec({tiny!r})
pixels, lat = codec.decode(codec.encode(np.zeros((5, 7, 3), np.uint8)))
assert pixels.shape == (5, 7, 3)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_one_line_that_installs_it() -> None:
    from aezip.errors import line_of

    for module, package in (("matplotlib.pyplot", "matplotlib"), ("cv2", "opencv-python"), ("fsspec", "aiohttp")):
        line = line_of(ModuleNotFoundError(f"No module named '{module}'", name=module))
        assert line.startswith(f"{module.partition('.')[0]} is required: pip install ")
        assert package in line


def test_what_is_missing_is_an_import_error_and_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    import aezip
    from aezip.errors import require

    assert require("json").dumps({}) == "{}"
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for kind in (ImportError, aezip.DependencyMissing, aezip.AezipError):
        with pytest.raises(kind) as caught:
            require("rawpy", "is a raw camera file", "a picture", file="a.dng")
    line = "a.dng: is a raw camera file; expected rawpy (pip install rawpy, aezip's extra 'raw'), or a picture"
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value))) == line
    with pytest.raises(ImportError, match=r"^rawpy is required: pip install rawpy \(aezip's extra 'raw'\)$"):
        require("rawpy")


def test_extras_are_those_of_the_package() -> None:
    from pathlib import Path

    from aezip.errors import _EXTRAS

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    for package, extra in _EXTRAS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{extra} = ["))
        assert f'"{package}' in line
