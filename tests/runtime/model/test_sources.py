"""Places: what is fetched, from where, and what a place can do wrong; against a local server."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.model import home, packages, sources, store
from aezip.storage import web

Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Answers with the files of a folder, unless `answers` has the path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()
        self.answers: dict[str, Answer] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, headers, data = outer.answers.get(self.path) or outer.file(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def file(self, path: str) -> Answer:
        file = self.folder / unquote(path.lstrip("/"))
        return (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"")

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("AEZIP_OFFLINE", raising=False)
    monkeypatch.setattr(sources, "_answers", {})
    return tmp_path / "data/aezip/models"


@pytest.fixture
def server(tiny: str, golden: Path, tmp_path: Path) -> Iterator[Server]:
    """Of two models and a restorer, with an index."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(tiny, folder / "my model.aezm")
    for name in ("tiny-static", "tiny-denoise"):
        shutil.copy(golden / f"{name}.aezm", folder)
    result = run("models", "index", str(folder))
    assert result.exit_code == 0
    assert "tiny-denoise.aezm: left out: it decodes no files" in result.stderr
    assert "2 models" in result.stderr
    running = Server(folder)
    yield running
    running.stop()


@pytest.fixture
def lat(golden: Path, tmp_path: Path) -> str:
    shutil.copy(golden / "odd.lat", tmp_path / "odd.lat")
    return str(tmp_path / "odd.lat")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="aezip")


def error_of(result: Result) -> str:
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    return line


def fingerprint(package: str) -> bytes:
    return packages.describe(Path(package)).fingerprint


def kept(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir()) if data.exists() else []


def test_a_model_is_fetched_checked_and_kept(server, data, lat, tiny, tmp_path) -> None:
    assert "expected its package (aezip models install FILE.aezm), a place" in error_of(run("decompress", lat))
    assert run("models", "add", server.url + "/").stderr == f"added {server.url}  2 models\n"
    assert not kept(data)
    server.asked.clear()
    assert run("decompress", lat).exit_code == 0
    assert kept(data) == [f"{fingerprint(tiny).hex()}.aezm"]
    assert server.asked == ["/my%20model.aezm"]  # the index is known already
    server.stop()
    assert run("verify", lat).exit_code == 0
    assert run("models", "forget", server.url).exit_code == 0
    assert home.places() == []
    assert run("verify", lat).exit_code == 0  # what was fetched stays


def test_a_package_is_a_place(server, data, lat, tiny) -> None:
    url = f"{server.url}/my%20model.aezm"
    assert run("models", "add", url, tiny).exit_code == 0
    assert home.places() == [home.Place(url, fingerprint(tiny)), home.Place(tiny, fingerprint(tiny))]
    assert run("models", "places").stdout == f"{url}\n{tiny}\n"
    assert run("decompress", lat).exit_code == 0
    assert kept(data) == [f"{fingerprint(tiny).hex()}.aezm"]


def test_a_folder_of_this_machine_is_a_place_and_nothing_is_copied(data, lat, golden, tmp_path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    assert "no model packages" in error_of(run("models", "add", str(folder)))
    shutil.copy(golden / "tiny.aezm", folder)
    assert run("models", "add", str(folder)).exit_code == 0
    assert run("decompress", lat, "--offline").exit_code == 0
    assert not kept(data)


@pytest.mark.parametrize("how", ["option", "setting"])
def test_offline(server, data, lat, monkeypatch, how) -> None:
    assert run("models", "add", server.url).exit_code == 0
    server.asked.clear()
    if how == "setting":
        monkeypatch.setenv("AEZIP_OFFLINE", "1")
    result = run("decompress", lat, *(["--offline"] if how == "option" else []))
    assert f"{server.url}: was not asked (offline)" in error_of(result)
    if how == "setting":
        assert "AEZIP_OFFLINE is set" in run("models", "add", server.url).stderr
    with pytest.raises(errors.UnknownFingerprint):
        Codec(None, offline=how == "option").decode(Path(lat).read_bytes())
    assert server.asked == []
    assert not kept(data)


def _index(change: Callable[[dict[str, dict[str, str]]], object]) -> Callable[[Server, str], None]:
    def make(server: Server, key: str) -> None:
        said = json.loads((server.folder / sources.INDEX).read_bytes())
        change(said["packages"])
        server.answers[f"/{sources.INDEX}"] = 200, {}, json.dumps(said).encode()

    return make


def _answer(path: str, status: int, headers: dict[str, str], data: bytes = b"") -> Callable[[Server, str], None]:
    return lambda server, key: server.answers.update({path: (status, headers, data)})


def _package(change: Callable[[bytes], bytes]) -> Callable[[Server, str], None]:
    return lambda server, key: server.answers.update(
        {"/my%20model.aezm": (200, {}, change((server.folder / "my model.aezm").read_bytes()))}
    )


KEY = "6d84579583b490dc"  # of the model that wrote the file
WRONG: list[tuple[str, Callable[[Server, str], object], str]] = [
    ("wrong bytes", _package(lambda d: d[:9000] + bytes([d[9000] ^ 1]) + d[9001:]), "cannot read |its digest"),
    ("no bytes", _package(lambda d: b""), "not a complete model package"),
    ("half the bytes", _package(lambda d: d[: len(d) // 2]), "not a complete model package"),
    ("cut", _answer("/my%20model.aezm", 200, {"Content-Length": "999999"}, b"PK"), "the connection ended after 2 B"),
    ("wrong fingerprint", _index(lambda p: p[KEY].update(file="tiny-static.aezm")), r"aezm: this is the model \w{16}"),
    ("a restorer", _index(lambda p: p[KEY].update(file="tiny-denoise.aezm")), r"aezm: this is the model \w{16}"),
    ("404", _answer("/my%20model.aezm", 404, {}), r"the server answers 404 \(Not Found\)"),
    ("500", _answer("/my%20model.aezm", 500, {}), "the server answers 500"),
    ("no index", _answer(f"/{sources.INDEX}", 404, {}), r"json: the server answers 404"),
    ("text", _answer(f"/{sources.INDEX}", 200, {}, b"<html>"), "not an index of models"),
    ("a list", _answer(f"/{sources.INDEX}", 200, {}, b"[]"), "not an index of models"),
    ("deep", _answer(f"/{sources.INDEX}", 200, {}, b"[" * 100_000), "not an index of models"),
    ("another version", _answer(f"/{sources.INDEX}", 200, {}, b'{"version": 2, "packages": {}}'), "not an index"),
    ("a path", _index(lambda p: p[KEY].update(file="../../etc/x.aezm")), "not an index of models"),
    ("a URL", _index(lambda p: p[KEY].update(file="http://127.0.0.1:1/x.aezm")), "not an index of models"),
    (
        "redirect to a file",
        _answer("/my%20model.aezm", 302, {"Location": "file:///etc/passwd"}),
        "Redirection to url 'file:///etc/passwd' is not allowed",
    ),
    ("redirect to ftp", _answer("/my%20model.aezm", 302, {"Location": "ftp://127.0.0.1/x"}), "redirects to ftp:"),
    ("endless redirects", _answer("/my%20model.aezm", 302, {"Location": "/my%20model.aezm"}), "the server answers 302"),
]


@pytest.mark.parametrize(("make", "finding"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_a_place_can_do_wrong_is_one_line_and_nothing_is_kept(server, data, lat, make, finding) -> None:
    assert run("models", "add", server.url).exit_code == 0
    sources._answers.clear()
    make(server, KEY)
    result = run("decompress", lat)
    line = error_of(result)
    assert "which is not installed (" in line
    assert "aezip models add PLACE" in line
    with pytest.raises(errors.UnknownFingerprint, match=finding):
        Codec(None).decode(Path(lat).read_bytes())
    assert kept(data) == []
    assert sorted(path.name for path in data.parent.rglob("*") if path.is_file()) == ["places.json"]


def test_a_place_that_does_not_have_it_is_named(server, data, lat, golden, tmp_path) -> None:
    assert run("models", "add", str(golden / "tiny-static.aezm")).exit_code == 0
    assert "tiny-static.aezm: does not have it); expected its package" in error_of(run("decompress", lat))


@pytest.mark.parametrize("what", ["package here", "folder here", "package there", "folder there"])
def test_a_place_that_has_it_no_more_is_no_place_for_it(what, server, data, lat, tmp_path) -> None:
    kind, where = what.split()
    name = str(server.folder) if where == "here" else server.url
    if kind == "package":
        name += "/my model.aezm" if where == "here" else "/my%20model.aezm"
    assert run("models", "add", name).exit_code == 0
    if where == "there":  # what redirects has it
        server.answers["/my%20model.aezm"] = 302, {"Location": "/other"}, b""
        server.answers["/other"] = 200, {}, (server.folder / "my model.aezm").read_bytes()
    assert run("models", "install", f"{server.folder}/my model.aezm").exit_code == 0
    assert "no place but" not in run("verify", lat).stderr
    if where == "here":
        path = server.folder / "my model.aezm"
        path.write_bytes(path.read_bytes()[:-100_000])
    else:
        server.answers["/other"] = 404, {}, b""
    assert "no place but" in run("verify", lat).stderr
    assert "is in no other place" in run("models", "remove", "my model").stderr
    assert kept(data) == ["my model.aezm"]
    assert run("models", "remove", "my model", "--yes").exit_code == 0
    assert run("models", "needed", lat).exit_code == 1


def test_a_damaged_package_here_leaves_the_search_to_other_places(server, data, lat, golden, tmp_path) -> None:
    path = tmp_path / "rotten.aezm"
    whole = (golden / "tiny.aezm").read_bytes()
    path.write_bytes(whole)
    assert run("models", "add", str(path), server.url).exit_code == 0
    path.write_bytes(whole.replace(b"LeakyRelu", b"LeakyRemu"))
    assert run("decompress", lat).exit_code == 0


def test_another_place_may_have_it(server, data, lat, tiny) -> None:
    assert run("models", "add", server.url, tiny).exit_code == 0
    server.stop()
    sources._answers.clear()
    assert run("decompress", lat).exit_code == 0


def test_a_redirect_to_another_address_is_followed(server, data, lat) -> None:
    server.answers["/my%20model.aezm"] = 302, {"Location": "/other"}, b""
    server.answers["/other"] = 200, {}, (server.folder / "my model.aezm").read_bytes()
    assert run("models", "add", server.url).exit_code == 0
    assert run("decompress", lat).exit_code == 0


def test_no_network(server, data, lat) -> None:
    assert run("models", "add", server.url).exit_code == 0
    server.stop()
    sources._answers.clear()
    assert "cannot be reached (Connection refused)" in error_of(run("decompress", lat))
    line = error_of(run("models", "add", "http://models.invalid/x"))
    assert "http://models.invalid/x/aezip-models.json: cannot be reached (" in line


def test_a_dead_server_is_asked_once_for_many_files(server, data, lat, golden, tmp_path) -> None:
    assert run("models", "add", server.url).exit_code == 0
    server.answers[f"/{sources.INDEX}"] = 500, {}, b""
    sources._answers.clear()
    server.asked.clear()
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5):
        shutil.copy(golden / "odd.lat", folder / f"{number}.lat")
    result = run("verify", str(folder))
    assert result.stderr.count("the server answers 500") == 5
    assert server.asked == [f"/{sources.INDEX}"]


def test_too_large_a_file_is_not_read_whole(server, monkeypatch) -> None:
    server.answers["/large"] = 200, {}, bytes(2000)
    with pytest.raises(errors.LimitExceeded, match="large: the file is too large; expected at most 1,999 B"):
        web.get(f"{server.url}/large", 1999)
    assert len(web.get(f"{server.url}/large", 2000)) == 2000


def test_two_processes_at_once(server, data, lat, tiny) -> None:
    assert run("models", "add", server.url).exit_code == 0
    code = "import sys; from aezip import Codec; print(Codec(None).decode(open(sys.argv[1], 'rb').read())[0].sum())"
    both = [
        subprocess.Popen([sys.executable, "-c", code, lat], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [process.communicate(timeout=60) for process in both]
    assert [error for _, error in ended] == [""] * 4
    assert len({out for out, _ in ended}) == 1
    assert kept(data) == [f"{fingerprint(tiny).hex()}.aezm"]
    packages.check(packages.describe(data / kept(data)[0]))


def test_a_damaged_list_of_places_is_told(data, lat) -> None:
    data.parent.mkdir(parents=True)
    (data.parent / home.LIST).write_text('{"place": 1')
    assert "places.json: not a list of places" in error_of(run("models", "places"))
    assert "not a list of places" in error_of(run("decompress", lat))


def test_what_cannot_be_added_or_forgotten(server, tmp_path, golden) -> None:
    assert "no such folder" in error_of(run("models", "add", str(tmp_path / "nothing")))
    assert "no such model package" in error_of(run("models", "add", str(tmp_path / "nothing.aezm")))
    assert "tiny-denoise.aezm: this package" in error_of(run("models", "add", str(golden / "tiny-denoise.aezm")))
    line = error_of(run("models", "add", f"{server.url}/empty"))
    assert f"{server.url}/empty/aezip-models.json: the server answers 404" in line
    assert "expected aezip-models.json, as `aezip models index FOLDER` writes it" in line
    server.answers["/x.aezm"] = 200, {}, b"no package"
    assert f"{server.url}/x.aezm: not a " in error_of(run("models", "add", f"{server.url}/x.aezm"))
    assert "is not among your places; expected one of them (none was added)" in error_of(run("models", "forget", "x"))
    assert home.places() == []


def test_an_index_of_a_bucket(data, lat, golden, tmp_path) -> None:
    fsspec = pytest.importorskip("fsspec")
    bucket = fsspec.filesystem("memory")
    folder = tmp_path / "bucket"
    folder.mkdir()
    shutil.copy(golden / "tiny.aezm", folder)
    assert run("models", "index", str(folder)).exit_code == 0
    for file in folder.iterdir():
        bucket.pipe_file(f"/models/{file.name}", file.read_bytes())
    try:
        assert run("models", "add", "memory://models/aezip-models.json").exit_code == 0
        assert home.places() == [home.Place("memory://models")]
        assert run("decompress", lat).exit_code == 0
        assert len(kept(data)) == 1
    finally:
        bucket.rm("/models", recursive=True)


def test_a_model_that_a_place_has_is_removed_without_asking(server, data, tiny, tmp_path) -> None:
    assert run("models", "install", tiny).exit_code == 0
    asked = CliRunner().invoke(main, ["models", "remove", "tiny"], input="n\n", prog_name="aezip")
    assert "is in no other place" in asked.stderr
    assert kept(data) == ["tiny.aezm"]
    command = [sys.executable, "-m", "aezip", "models", "remove", "tiny"]
    nobody = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert nobody.returncode == 1
    line = nobody.stderr.splitlines()[-1]
    assert line.endswith("expected an answer, or: aezip models remove --yes tiny")
    assert kept(data) == ["tiny.aezm"]
    assert run("models", "add", server.url).exit_code == 0
    assert run("models", "remove", "tiny").stderr.startswith("removed ")
    assert kept(data) == []
    assert store.user_folder() == data
