"""The speed benchmark measures and compares; stages are named where they happen. No time is asserted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import aezip
from aezip.bench import chart, machine, speed, start
from aezip.cli import main
from aezip.engine import timing
from aezip.model.packages import Package
from aezip.model.store import find


def test_stages_of_a_round_trip(drawn, tiny) -> None:
    codec = aezip.Codec(tiny)
    with timing.listening() as spans:
        data = codec.encode(drawn(64, 80))
        half = len(spans)
        codec.decode(data)
    stages = [s.stage for s in spans[:half]]
    assert stages[:5] == ["encoder", "hyper", "prior", "context", "entropy"]
    assert stages[-2:] == ["decoder", "container"]  # what a reader will see
    assert set(timing.totals(spans[half:])) == {"container", "entropy", "prior", "context", "decoder"}
    assert spans[0].inputs is not None
    assert spans[0].inputs["image"].shape == (1, 64, 128, 3)
    codec.decode(data)
    assert timing._heard is None


def test_a_package_tells_its_arithmetic(tiny) -> None:
    package = Package(find(tiny))
    told = package.about.description["macs"]
    assert set(told) == {*package.about.kind.encoding, *package.about.kind.decoding}
    pytest.importorskip("onnx")
    counting = pytest.importorskip("aezip_export.macs")
    for name, macs in told.items():
        data = package.member(f"{name}.onnx")
        assert counting.macs(data, 256, 512) / (256 * 512) == pytest.approx(macs, rel=0.05)  # borders weigh more


def test_worse_ratios_are_found() -> None:
    before = {"a": 1.0, "b": 2.0, "gone": 1.0}
    assert speed.compare({"a": 1.09, "b": 2.3, "new": 9}, before, 0.1) == [("b", 2.0, 2.3)]


def test_cold_commands_work_and_are_held_against_warm_ones(tmp_path, drawn, tiny) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(drawn(64, 80)).save(picture)
    times, ratios = start.measure(picture, tmp_path, aezip.Codec(tiny, threads=1), tiny, rounds=1)
    assert set(ratios) == {"help", "info", "compress", "decompress"}
    assert times["compress"] > times["warm compress"] > 0
    assert (tmp_path / "bytecode").is_dir()


def test_drawn_pictures_repeat() -> None:
    picture = machine.draw(96, 64)
    assert picture.shape == (64, 96, 3)
    assert np.array_equal(picture, machine.draw(96, 64))
    assert 20 < picture.std() < 100


def test_the_command(tmp_path, drawn, tiny, monkeypatch) -> None:
    monkeypatch.setattr(machine, "gemm_rate", lambda threads: 1e11)
    monkeypatch.setattr(start, "_process_time", lambda arguments, environment: 0.1)
    monkeypatch.setattr(speed, "peak_memory", lambda arguments: 100.0)
    picture = tmp_path / "a.png"
    Image.fromarray(drawn(64, 80)).save(picture)
    arguments = ["bench", "--speed", str(picture), "-m", tiny, "--threads", "1", "--seconds", "0"]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    expected = {"a.png/1/encode/graphs", "a.png/1/decoder/limit", "a.png/1/decode/jpeg", "start/info"}
    assert expected <= set(found["ratios"])
    assert [r["codec"] for r in found["runs"]][:3] == ["aezip", "jpeg", "webp"]
    assert set(found["runs"][0]["stages_s"]["decode"]) <= set(chart.STAGES)

    ratios = {name: 0.0 if name == "start/help" else 1e9 for name in found["ratios"]}
    (tmp_path / "old.json").write_text(json.dumps({"ratios": ratios}))
    result = CliRunner().invoke(main, [*arguments, "--compare", str(tmp_path / "old.json")])
    assert result.exit_code == 1
    assert "worse: start/help" in result.stderr
    assert f"1 of {len(ratios)} ratios" in result.stderr
    assert "ENCODER" in result.stdout

    pytest.importorskip("matplotlib")
    chart.write(found, tmp_path)
    with Image.open(tmp_path / "speed.png") as image:
        assert image.size[0] > 500


def test_a_wrong_file_to_compare_with_is_named(tmp_path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for name, finding, code in (("x.json", "holds no ratios", 2), ("none.json", "no such file", 1)):
        result = CliRunner().invoke(main, ["bench", "--speed", "--compare", str(tmp_path / name)])
        assert result.exit_code == code
        assert f"{name}: {finding}" in result.stderr
