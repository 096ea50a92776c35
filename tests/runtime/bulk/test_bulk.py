from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aezip.bulk import pool
from aezip.bulk.work import FAILED, Item, Work
from aezip.cli import main
from aezip.errors import ModelDiffers
from aezip.storage import places
from aezip.storage.files import is_temporary, sweep


def draw(*names: str) -> None:
    for i, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").resize((40 + i, 30)).save(name)


def tree(folder: str = ".") -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def test_a_folder_is_mirrored_there_and_back(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/sub/b.jpg", "in/sub/deep/c.png", "in/.hidden/d.png")
    Path("in/notes.txt").write_text("no picture")
    result = run("compress", "in", "-o", "flat")
    assert result.exit_code == 0, result.output
    assert tree("flat") == ["a.lat"]
    result = run("compress", "in", "-r", "-o", "out")
    assert result.exit_code == 0, result.output
    assert tree("out") == ["a.lat", "sub/b.lat", "sub/deep/c.lat"]
    assert result.stderr.splitlines()[-1].startswith("3 files: 3 done; ")
    assert run("decompress", "out", "--recursive", "-o", "back").exit_code == 0
    assert tree("back") == ["a.png", "sub/b.png", "sub/deep/c.png"]
    assert run("verify", "-r", "out", "--quiet").stderr == ""
    assert run("compress", "in", "-r").exit_code == 0
    assert "in/sub/deep/c.lat" in tree()


def test_patterns(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/b.png", "in/sub/c.png", "odd[1].png")
    assert run("compress", "in/?.png", "-o", "out").exit_code == 0
    assert run("compress", "in/**/*.png", "-o", "all/").exit_code == 0
    assert run("compress", "odd[1].png").exit_code == 0
    assert tree("out") == ["a.lat", "b.lat"]
    assert tree("all") == ["a.lat", "b.lat", "sub/c.lat"]
    assert Path("odd[1].lat").exists()
    result = run("compress", "none*.png")
    assert (result.exit_code, result.stderr) == (
        1,
        "aezip: error: none*.png: no file matches; expected a pattern that matches a file\n",
    )


def test_two_inputs_of_one_output_are_refused_before_anything(run: Callable[..., Result]) -> None:
    draw("in/a.jpg", "in/a.png", "in/b.png")
    result = run("compress", "in", "-o", "out")
    assert result.exit_code == 2
    assert "'in/a.jpg' and 'in/a.png' would both be written to 'out/a.lat'" in result.stderr
    assert "or --append-suffix: a.jpg.lat, a.png.lat" in result.stderr
    assert not Path("out").exists()
    draw("sub/a.png")
    assert "--append" not in run("compress", "in/a.png", "sub/a.png", "-o", "out/").stderr


def test_whole_names_are_kept(run: Callable[..., Result]) -> None:
    draw("in/a.jpg", "in/a.png", "in/.b/c.png")
    assert run("compress", "in", "-o", "out", "--append-suffix").exit_code == 0
    assert tree("out") == ["a.jpg.lat", "a.png.lat"]
    assert run("decompress", "out", "-o", "back").exit_code == 0
    assert tree("back") == ["a.jpg.png", "a.png.png"]
    assert run("decompress", "out/a.png.lat", "--append-suffix", "--format", "webp").exit_code == 0
    assert "out/a.png.lat.webp" in tree()


def test_a_run_goes_on_after_bad_files_and_is_resumed(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/b.png", "in/c.png")
    Path("in/b.png").write_bytes(b"no picture")
    result = run("compress", "in", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.count("error") == 1
    assert "3 files: 2 done, 1 failed; " in result.stderr
    draw("in/b.png")
    before = Path("out/a.lat").stat().st_mtime_ns
    result = run("compress", "in", "-o", "out", "--skip-existing")
    assert "3 files: 1 done, 2 skipped; " in result.stderr
    assert Path("out/a.lat").stat().st_mtime_ns == before


def test_json_lines_and_times(run: Callable[..., Result]) -> None:
    draw("a.png")
    os.utime("a.png", ns=(10**18, 10**18 + 5_000))
    result = run("compress", "a.png", "b.png", "--json-lines", "--keep-times", "--verify")
    good, bad = map(json.loads, result.stdout.splitlines())
    assert (good["file"], good["output"], good["status"], good["width"]) == ("a.png", "a.lat", "done", 40)
    assert good["psnr_db"] > 20
    assert good["ssimulacra2"] < 100
    assert (bad["status"], bad["error"]) == (
        "failed",
        "b.png: no such file or folder; expected a file that can be read",
    )
    assert Path("a.lat").stat().st_mtime_ns == 10**18 + 5_000
    result = run("compress", "-", "-o", "c.lat", "--keep-times", input=Path("a.png").read_bytes())
    assert "note: c.lat: the time of its input is not known" in result.stderr


def test_pipes(run: Callable[..., Result], tmp_path: Path) -> None:
    draw("a.png")
    result = run("compress", "-", input=Path("a.png").read_bytes())
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes[:4] == b"\xaeLAT"
    result = run("decompress", "-", "-o", "b.png", input=result.stdout_bytes)
    assert result.exit_code == 0, result.stderr
    with Image.open("b.png") as image:
        assert image.size == (40, 30)
    assert "standard input alone" in run("compress", "-", "a.png").stderr
    assert run("compress", "a.png", "-o", "-", "--json-lines").exit_code == 2


@pytest.mark.repairs  # other processes do
def test_processes_make_the_same_bytes(run: Callable[..., Result]) -> None:
    draw(*(f"in/{i}.png" for i in range(5)))
    Path("in/bad.png").write_bytes(b"")
    assert run("compress", "in", "-o", "one").exit_code == 1
    result = run("compress", "in", "-o", "two", "-j", "2")
    assert result.exit_code == 1
    assert "6 files: 5 done, 1 failed" in result.stderr
    assert tree("two") == tree("one")
    for name in tree("one"):
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_process_is_one_line_and_the_rest_is_done(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw("a.png", "c.png")
    Path("b.png").write_bytes(b"kill")
    (tmp_path / "killer.py").write_text(KILLER)
    monkeypatch.syspath_prepend(str(tmp_path))
    from killer import Killer  # type: ignore[import-not-found]

    work = Work(Killer(), tiny, threads=1)
    found = list(pool.outcomes(work, [Item(f"{n}.png", f"{n}.lat") for n in "abc"], 2, []))
    errors = {outcome.item.source: outcome.error for outcome in found}
    assert errors == {
        "a.png": "",
        "c.png": "",
        "b.png": "b.png: its process was killed (out of memory?); try fewer processes",
    }
    assert [o.item.source for o in found if o.status == FAILED] == ["b.png"]
    assert Path("a.lat").exists()
    assert Path("c.lat").exists()


KILLER = """
import os, signal
from aezip.bulk.jobs import Compression

class Killer(Compression):
    def run(self, codec, data, target):
        if data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(codec, data, target)
"""

# a shell's background jobs start with interrupts ignored, and hand that on
INTERRUPTED = """
import signal, sys, time
from aezip.storage import files
signal.signal(signal.SIGINT, signal.default_int_handler)
link = files._place_new
def slow(*names):
    print("writing", flush=True)
    time.sleep(30)
files._place_new = slow
from aezip.cli import main
main(prog_name="aezip")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_partial_file(tmp_path: Path, tiny: str, kind: signal.Signals) -> None:
    draw(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    args = [sys.executable, "-c", INTERRUPTED, "compress", "a.png", "b.png", "-m", tiny]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(args, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(kind)
        _, told = process.communicate(timeout=30)
    left = [name for name in os.listdir(tmp_path) if name not in ("a.png", "b.png")]
    if kind == signal.SIGINT:
        assert process.returncode == 130
        assert told.decode().startswith("aezip: interrupted\n2 files: none done")
        assert left == []
    else:
        assert [is_temporary(name) for name in left] == [True]
        sweep(tmp_path)
        assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_sweeping_leaves_what_is_being_written(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / ".aezip-0.part").write_bytes(b"")
    with open(tmp_path / ".aezip-1.part", "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sweep(tmp_path)
        assert os.listdir(tmp_path) == [".aezip-1.part"]


def test_urls(run: Callable[..., Result], tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    draw("in/a.png", "in/sub/b.png")
    memory = fsspec.filesystem("memory")
    memory.put("in/", "/pictures/", recursive=True)
    result = run("compress", "memory://pictures", "-r", "-o", "memory://coded/")
    assert result.exit_code == 0, result.output
    assert sorted(memory.find("/coded")) == ["/coded/a.lat", "/coded/sub/b.lat"]
    result = run("compress", "memory://pictures", "-r", "-o", "memory://coded/", "--skip-existing")
    assert "2 files: 2 skipped" in result.stderr
    assert "note: --keep-times is for files" in run("compress", "in", "-o", "memory://b/", "--keep-times").stderr
    assert run("decompress", "memory://coded/a.lat", "-o", "a.png", "--keep-times").exit_code == 0
    stored_s = memory.modified("/coded/a.lat").timestamp()
    assert abs(Path("a.png").stat().st_mtime - stored_s) < 1e-3
    assert "exists already" in run("compress", "in/a.png", "-o", "memory://coded/a.lat").stderr
    assert run("decompress", "memory://coded/*.lat", "-o", f"file://{tmp_path}/back/").exit_code == 0
    assert tree("back") == ["a.png"]
    result = run("compress", "nothing://x/a.png")
    assert result.exit_code in (1, 2)
    assert "a URL that fsspec can open" in result.stderr
    assert "no such file" in run("verify", "memory://coded/none.lat").stderr


def test_urls_without_fsspec(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    result = run("compress", "s3://bucket/a.png")
    assert result.exit_code == 1
    assert "fsspec is required: pip install fsspec aiohttp requests (aezip's extra 'url')" in result.stderr
    assert not places.is_url(r"C:\pictures\a.png")


@pytest.mark.repairs  # other processes do
def test_a_cluster_makes_the_same_bytes(
    run: Callable[..., Result], tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    draw(*(f"in/{i}.png" for i in range(3)))
    Path("in/bad.png").write_bytes(b"")
    assert run("compress", "in", "-o", "one").exit_code == 1
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(host="127.0.0.1", **options) as cluster:
        result = run("compress", "in", "-o", "two", "--scheduler", cluster.scheduler_address)
        monkeypatch.setenv("AEZIP_MODELS", str(tmp_path))
        with zipfile.ZipFile(tiny) as package:
            description = package.read("model.json")
        told = []
        for name, digest in (("tiny", "00" * 32), ("mine", "")):
            with zipfile.ZipFile(tmp_path / f"{name}.aezm", "w") as package:
                encoder = json.loads(description)["digests"]["encoder.onnx"]
                package.writestr("model.json", description.replace(encoder.encode(), (digest or encoder).encode()))
            args = ["compress", "in", "-o", "three", "-m", name, "--scheduler", cluster.scheduler_address]
            refused = CliRunner().invoke(main, args)
            assert refused.exit_code == 1
            told.append(refused.stderr)
    assert "has another model 'tiny'; expected the model of this machine on every worker" in told[0]
    assert "has no such model (no model named 'mine')" in told[1]
    assert told[0].count("\n") == told[1].count("\n") == 1
    assert tree("three") == []
    assert result.exit_code == 1
    assert "4 files: 3 done, 1 failed" in result.stderr
    assert tree("two") == tree("one")
    for name in tree("one"):
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes()


def test_a_worker_that_joins_late_is_asked_for_its_model(tiny: str) -> None:
    pytest.importorskip("distributed")
    from aezip.bulk import cluster
    from aezip.bulk.jobs import Compression

    with pytest.raises(ModelDiffers, match="has another model"):
        cluster._do(Work(Compression(), tiny), "another", Item("a.png", "a.lat"))
