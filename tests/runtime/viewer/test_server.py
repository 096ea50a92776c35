"""`aezip view`: what its server answers, what the package ships, and the page in Chromium."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import codec as codecs
from aezip.cli import main
from aezip.errors import FormatError, ImageError, UsageError, ViewerMissing
from aezip.format import container
from aezip.model import packages
from aezip.viewer import server as viewer

WEB = Path(__file__).parents[3] / "runtime" / "web"
MODULE_BYTES = 34_000
needs_node = pytest.mark.skipif(
    not shutil.which("node") or not (WEB / "node_modules").is_dir(), reason="needs node, and npm ci in runtime/web"
)


@pytest.fixture
def serve(monkeypatch, golden):
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    servers = []

    def start(**shown) -> viewer.Server:
        running = viewer.Server(viewer.Shown(**shown))
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((running, thread))
        return running

    yield start
    for running, thread in servers:
        running.shutdown()
        thread.join()
        running.server_close()


def ask(server: viewer.Server, path: str, method: str = "GET", **headers: str):
    """Status, headers and body of what is asked for below the secret, or anywhere with an absolute path."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path if path.startswith("/") else f"/{server.secret}/{path}", headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_serves_the_page_the_file_and_its_model(serve, golden) -> None:
    file = golden / "odd.lat"
    server = serve(file=str(file))
    assert server.server_address[0] == "127.0.0.1"
    status, headers, body = ask(server, "")
    assert status == 200
    assert b"<title>aezip</title>" in body
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert json.loads(ask(server, "start")[2]) == {"file": "odd.lat", "original": None}
    assert ask(server, "lat")[2] == file.read_bytes()
    fingerprint = container.unpack(file.read_bytes()).header.fingerprint.hex()
    assert ask(server, f"models/{fingerprint}")[2] == (golden / "tiny.aezm").read_bytes()
    assert ask(server, "", "HEAD")[2] == b""


def test_compressed_files_are_served_as_they_are_or_inflated(serve) -> None:
    server = serve()
    _, headers, packed = ask(server, viewer.ORT, **{"Accept-Encoding": "gzip, br"})
    assert (headers["Content-Type"], headers["Content-Encoding"]) == ("application/wasm", "gzip")
    _, headers, plain = ask(server, viewer.ORT)
    assert headers["Content-Encoding"] is None
    assert plain[:4] == b"\0asm"
    assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[::1", "", "127.0.0.1.evil.example"])
def test_hosts_of_other_names_get_nothing(serve, host) -> None:
    assert ask(serve(), "", Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1"])
def test_a_tunnel_may_change_the_port(serve, host) -> None:
    assert ask(serve(), "", Host=host)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/x/",
        "/start",
        "../errors.py",
        "..%2ferrors.py",
        "%2e%2e/errors.py",
        "/../../etc/passwd",
        "models/../../errors.py",
        "models/0011223344556677",
        "models/nothing",
        "lat",
        "original",
        "web/index.html",
        "ort-wasm-simd-threaded.wasm.gz",
    ],
)
def test_nothing_else_is_served(serve, path) -> None:
    status, headers, body = ask(serve(), path)
    assert status == 404
    assert headers["Content-Type"].startswith("text/plain")
    assert len(body) < 300


def test_originals_that_browsers_cannot_show_become_png(serve, golden, tmp_path) -> None:
    picture = tmp_path / "original.tiff"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(picture)
    server = serve(file=str(golden / "odd.lat"), original=str(picture))
    assert ask(server, "original")[2].startswith(b"\x89PNG")
    assert json.loads(ask(server, "start")[2])["original"] == {"name": "original.tiff", "bytes": picture.stat().st_size}


def test_what_cannot_be_shown_is_said_first(golden, tmp_path) -> None:
    cut, text = tmp_path / "cut.lat", tmp_path / "text.tiff"
    cut.write_bytes((golden / "odd.lat").read_bytes()[:40])
    text.write_text("no picture")
    with pytest.raises(FormatError, match=r"cut\.lat: the file ends"):
        viewer.Shown(str(cut)).check()
    with pytest.raises(ImageError, match=r"text\.tiff: "):
        viewer.Shown(str(golden / "odd.lat"), str(text)).check()
    for arguments, code, line in (
        ([str(tmp_path / "no.lat")], 1, "no such file"),
        (["--original", str(text)], 2, "without a .lat file"),
        (["--model", "nobody"], 1, "no model named 'nobody'"),
        (["--port", "70000"], 2, "70000"),
    ):
        result = CliRunner().invoke(main, ["view", "--no-browser", *arguments])
        assert result.exit_code == code, result.output
        assert line in result.output


def test_a_taken_port_and_a_missing_page(serve, monkeypatch, tmp_path) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        viewer.Server(viewer.Shown(), serve().server_port)
    monkeypatch.setattr(viewer, "WEB", tmp_path)
    with pytest.raises(ViewerMissing, match="npm ci && npm run build"):
        viewer.Server(viewer.Shown())


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_it(golden) -> None:
    import signal

    command = [sys.executable, "-m", "aezip", "view", "--no-browser", str(golden / "odd.lat")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{16}/\n", process.stdout.readline())
        assert "Ctrl-C" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read().strip() == ""


def test_the_module_is_small() -> None:
    assert len((viewer.WEB / "aezip.js").read_bytes()) <= MODULE_BYTES
    assert sum(path.stat().st_size for path in viewer.WEB.iterdir()) < 4e6


@needs_node
def test_the_page_is_what_the_sources_build(tmp_path) -> None:
    subprocess.run(["node", "build.js", str(tmp_path / "web")], cwd=WEB, check=True, capture_output=True)
    built, shipped = (
        {path.name: _contents(path) for path in folder.iterdir()} for folder in (tmp_path / "web", viewer.WEB)
    )
    assert built.keys() == shipped.keys()
    differ = [name for name in built if built[name] != shipped[name]]
    assert not differ, f"{differ} are not what `npm run build` makes"


def _contents(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@needs_node
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_page_in_chromium(serve, golden, tmp_path) -> None:
    rows, columns = np.mgrid[:96, :160]
    pixels = np.stack((rows * 2, columns, 64 + 60 * np.sin(rows * columns / 97)), axis=2).astype(np.uint8)
    codec = codecs.Codec("photo")
    data = codec.encode(pixels, 75)
    lat = tmp_path / "photo.lat"
    lat.write_bytes(data)
    given = {
        "address": serve(file=str(golden / "odd.lat")).address,
        "chromium": shutil.which("chromium"),
        "lat": str(lat),
        "digest": _digest(golden, codec.package, data),
    }
    environment = {k: v for k, v in os.environ.items() if k != "NODE_TEST_CONTEXT"} | {"AEZIP_VIEW": json.dumps(given)}
    done = subprocess.run(
        ["node", "--test", "test/chromium.test.js"], cwd=WEB, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"skipped 0$", done.stdout, re.MULTILINE) or "no WebGPU here" in done.stdout, done.stdout


def _digest(golden: Path, package: packages.Package, data: bytes) -> str:
    """SHA-256 over table and symbol of each phase, then the latents, as the native engine says them."""
    found = runpy.run_path(str(golden / "vectors.py"))["vectors"](package, "photo", data)
    phases = [key for phase in range(3) for key in (f"table.{phase}", f"symbol.{phase}")]
    parts = (found[f"photo.0.{key}"] for key in (*phases, "latent"))
    return hashlib.sha256(b"".join(a.astype("u1" if a.dtype == "u1" else "<i2").tobytes() for a in parts)).hexdigest()
