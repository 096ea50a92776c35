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
    assert "ImportError: zarr 3 is required: pip install zarr" in found.stderr


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
