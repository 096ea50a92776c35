"""What the command does for habits of other commands: completion, summaries, what goes to stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from PIL import Image

from aezip.bulk.work import FAILED, Item, Outcome
from aezip.cli import main
from aezip.cli.progress import Progress, json_of, line_of, ratio_of
from aezip.cli.run import Run
from aezip.cli.stopping import Stopped, Stops


@pytest.fixture(autouse=True)
def place(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZIP_MODELS", str(golden))


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="aezip")


def completions(command: str, begun: str) -> list[tuple[str, str]]:
    shell = ShellComplete(main, {}, "aezip", "_AEZIP_COMPLETE")
    return [(item.value, item.type) for item in shell.get_completions([command, "-m"], begun)]


def test_models_are_completed() -> None:
    assert ("tiny", "plain") in completions("compress", "t")
    assert "photo" in dict(completions("decompress", ""))
    assert completions("restore", "tiny-d") == [("tiny-denoise", "plain")]
    assert completions("bench", "my/mod") == [("my/mod", "file")]


def test_verify_reports_to_stdout_and_says_what_is_too_small() -> None:
    for name, side in (("a", 40), ("b", 7)):
        Image.linear_gradient("L").resize((side, side)).save(f"{name}.png")
        assert run("compress", f"{name}.png", "-m", "tiny").exit_code == 0
    result = run("verify", "a.lat", "b.lat")
    assert [line.split("  ")[:2] for line in result.stdout.splitlines()] == [["a.lat", "whole"], ["b.lat", "whole"]]
    assert result.stderr.startswith("2 files: 2 done; ")
    assert "\n  version " in run("verify", "-v", "a.lat").stdout
    told = run("verify", "b.lat", "--original", "b.png").stdout
    assert "no MS-SSIM: too small a picture" in told
    assert "nan" not in told


def test_bytes_before_are_known_of_every_file() -> None:
    for name in ("a.png", "b.png"):
        Image.linear_gradient("L").resize((40, 30)).save(name)
    Path("c.png").write_bytes(b"no picture")
    assert run("compress", "a.png", "-m", "tiny").exit_code == 0
    result = run("compress", ".", "-m", "tiny", "--skip-existing", "--json-lines")
    told = {line["file"]: line for line in map(json.loads, result.stdout.splitlines()) if "file" in line}
    assert {line["status"] for line in told.values()} == {"done", "skipped", "failed"}
    assert all(line["bytes_before"] == os.path.getsize(name) for name, line in told.items())
    assert json_of(Outcome(Item("x", "y"), FAILED))["bytes_before"] == 0


def test_a_lat_file_is_not_called_an_image() -> None:
    Image.linear_gradient("L").resize((40, 30)).save("a.png")
    for name in ("out.jpg", "OUT.PNG"):
        result = run("compress", "a.png", "-m", "tiny", "-o", name)
        assert result.exit_code == 2
        assert f"'{name}' has the suffix of an image; expected the name of a .lat file" in result.stderr
        assert not Path(name).exists()
    assert run("compress", "a.png", "-m", "tiny", "-o", "out.bin").exit_code == 0
    Path("pictures.png").mkdir()
    assert run("compress", "a.png", "-m", "tiny", "-o", "pictures.png").exit_code == 0
    assert Path("pictures.png/a.lat").exists()


def test_ratios_read_as_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert ratio_of(1000, 85) == "8.5 %"
    assert ratio_of(85, 1083) == "12.7 times as large"
    progress = Progress(Run(()), 2, 0, before=1000, after=12739, counts=Counter(done=2))
    progress.summary()
    assert "2 files: 2 done; 1.0 kB → 12.7 kB (12.7 times as large); " in capsys.readouterr().err
    assert "no SSIMULACRA2" in line_of(Outcome(Item("a", ""), "done", facts={"bpp": 1.0, "ssimulacra2": float("nan")}))


def test_signals_wait_for_what_is_begun() -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    done = []
    with pytest.raises(Stopped) as caught, Stops() as stops, stops.held():
        signal.raise_signal(signal.SIGTERM)
        done.append("the rest")
    assert (caught.value.kind, done) == (signal.SIGTERM, ["the rest"])
    with pytest.raises(Stopped), Stops() as stops, stops.held():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        done.append("not this")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("command", ["compress", "decompress", "verify"])
def test_help_is_in_groups_and_leaves_no_option_out(command: str) -> None:
    text = CliRunner().invoke(main, [command, "--help"]).output
    heads = [line.rstrip(":") for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    groups = ["Options", "How pictures are read", "Many files", "Advanced"]
    assert heads == [group for group in groups if group in heads]
    assert {"Options", "Many files", "Advanced"} <= set(heads)
    assert "--model" in text[text.index("\nOptions:") : text.index("\nMany files:")]
    found = main.get_command(click.Context(main), command)
    assert found
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert any(f"{option} " in text or f"{option}\n" in text for option in parameter.opts), parameter.name
    assert "]..." not in text[text.index("\nOptions:") :]  # arguments are in the first line alone


def test_a_model_is_split_into_one_half_at_a_time(tmp_path: Path) -> None:
    for halves in ([], ["--encoder-only", "--decoder-only"]):
        result = CliRunner().invoke(main, ["models", "split", "tiny", *halves, "-o", "half.aezm"])
        assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
        assert "expected one of --encoder-only and --decoder-only" in result.stderr
    assert CliRunner().invoke(main, ["models", "split", "tiny", "--decoder-only", "-o", "half.aezm"]).exit_code == 0


@pytest.mark.parametrize("command", ["compress", "decompress", "info", "view"])
def test_an_empty_name_is_called_empty(command: str) -> None:
    result = run(command, "")
    assert result.exit_code in (1, 2)
    assert "is empty; expected " in result.stderr


@pytest.mark.parametrize("command", [("models",), ("compress", "a.png", "-m", "tiny", "-f")])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_is_no_error(command: tuple[str, ...], stream: str) -> None:
    Image.linear_gradient("L").resize((40, 30)).save("a.png")
    shell = f'exec "$@" {">&-" if stream == "stdout" else "2>&-"}'
    done = subprocess.run(["sh", "-c", shell, "sh", sys.executable, "-m", "aezip", *command], check=False)
    assert done.returncode == 0


def test_what_is_missing_gets_no_folder() -> None:
    Path("list").write_text("below/none.png\n")
    assert run("compress", "--files-from", "list", "-m", "tiny", "-o", "out/").exit_code == 1
    assert not Path("out/below").exists()
