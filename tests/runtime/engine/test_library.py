"""onnxruntime tells nobody anything: no file below the home, no socket, and the environment as it was."""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from aezip.codec import Codec
from aezip.engine import library, sessions
from aezip.errors import ProviderError
from aezip.model import store
from aezip.model.kinds import GraphName

ROOT = Path(__file__).parents[3]
OWN = Path("runtime/aezip/engine/library.py")

# A filter of Linux (seccomp) ends the process at its first socket, of whichever thread, Python's or not.
NO_SOCKETS = """
import ctypes, platform, struct
numbers = {"x86_64": 41, "aarch64": 198}
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in (
    (0x20, 0, 0, 0),                                # load the number of the system call
    (0x15, 0, 1, numbers[platform.machine()]),      # not socket(): skip a line
    (0x06, 0, 0, 0x80000000),                       # end the process
    (0x06, 0, 0, 0x7FFF0000),                       # allow
)))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0              # no new privileges, which a filter asks for
assert libc.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(program)))) == 0
"""
LIVES = """
import os, sys, time
import numpy as np
import aezip
codec = aezip.Codec(sys.argv[1])
codec.decode(codec.encode(np.zeros((16, 16, 3), np.uint8)))
assert "ORT_DISABLE_TELEMETRY" not in os.environ
time.sleep(5)
"""


def run(code: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**environment, "HOME": str(home)}, capture_output=True, text=True
    )


def test_a_process_that_lives_some_seconds_writes_no_file_and_opens_no_socket(tiny: str, tmp_path: Path) -> None:
    watch = ""
    if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64"):
        probe = run(NO_SOCKETS + "import socket; socket.socket()", tmp_path)
        watch = NO_SOCKETS if probe.returncode < 0 else ""
    done = run(watch + LIVES, tmp_path, tiny)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*")) == []
    if not watch:
        pytest.skip("files only: sockets cannot be watched on this system")


@pytest.mark.parametrize(("before", "after"), [(None, None), ("0", "0")])
def test_the_switch_is_on_while_onnxruntime_is_imported_alone(
    before: str | None, after: str | None, tmp_path: Path
) -> None:
    module = "import os\nseen, InferenceSession = os.environ['ORT_DISABLE_TELEMETRY'], None\n"
    (tmp_path / "onnxruntime.py").write_text(module)
    code = f"""
import os, sys
sys.path.insert(0, {str(tmp_path)!r})
if {before!r}: os.environ["ORT_DISABLE_TELEMETRY"] = {before!r}
from aezip.engine.library import onnxruntime
assert onnxruntime().seen == ({before!r} or "1")
assert onnxruntime() is sys.modules["onnxruntime"]
assert os.environ.get("ORT_DISABLE_TELEMETRY") == {after!r}
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_one_function_imports_onnxruntime() -> None:
    """And what else is its own is imported behind a call of that function."""
    found = set()
    for folder in ("runtime/aezip", "train", "export", "tools", "examples", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            if any(outright(node) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
                found.add(file.relative_to(ROOT))
    typing_alone = {Path("runtime/aezip/engine/sessions.py"), Path("runtime/aezip/engine/fixed_size.py")}
    assert found - typing_alone == {OWN}


def outright(node: ast.AST) -> bool:
    return isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "onnxruntime" for alias in node.names)


def test_an_onnxruntime_that_is_not_whole_is_told(tmp_path: Path) -> None:
    """What is left when one of two builds is uninstalled: a folder, which Python takes for a package."""
    (tmp_path / "onnxruntime" / "capi").mkdir(parents=True)
    code = f"""
import sys
import aezip.engine.library
sys.path[:] = [{str(tmp_path)!r}, *(p for p in sys.path if not p.endswith("-packages"))]
try:
    aezip.engine.library.onnxruntime()
except aezip.ProviderError as error:
    print(error)
"""
    done = run(code, tmp_path)
    assert done.stdout.startswith("onnxruntime is incomplete"), done.stderr
    assert "&& pip install 'onnxruntime'" in done.stdout or "expected pip install 'onnxruntime'" in done.stdout


def test_advice_names_every_build_that_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "builds", lambda: {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    remove = "pip uninstall -y onnxruntime onnxruntime-gpu && "
    assert library.advice("cuda") == remove + "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    assert library.advice() == remove + "pip install 'onnxruntime'"


def test_the_build_that_is_here_is_found() -> None:
    assert set(library.builds().values()) >= {library.onnxruntime().__version__}


class Session:
    """One that got the CPU in place of what was asked for, as onnxruntime does where CUDA's libraries are missing."""

    def __init__(self, *_: object, **options: object) -> None:
        assert options["enable_fallback"] == 0  # else it prints to stdout, and goes on with the CPU

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_a_provider_that_does_not_start_is_an_error_and_prints_nothing(
    tiny: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ort = library.onnxruntime()
    monkeypatch.setattr(library, "_said", [])
    monkeypatch.setattr(ort, "InferenceSession", Session)
    said = "Failed to load x: libcublasLt.so.13: no such file"
    monkeypatch.setattr(ort, "preload_dlls", lambda: print(said), raising=False)
    monkeypatch.setattr(ort, "set_default_logger_severity", lambda _: None)
    library.prepare("cuda")
    package = store.find_codec(tiny)
    with pytest.raises(ProviderError, match=r"cannot start the provider 'cuda' \(libcublasLt.so.13: no such file\)"):
        sessions.open_session(package, GraphName("encoder"), "cuda", 1)
    assert capfd.readouterr() == ("", "")


def test_a_provider_of_another_build_is_told_how_to_get(tiny: str) -> None:
    with pytest.raises(ProviderError, match=r"'directml' is not in .* or after pip .*install 'onnxruntime-directml'"):
        Codec(tiny, provider="directml")
