"""The benchmark measures what it says, on two drawn pictures and the golden model."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip.bench import equal, measure, peers
from aezip.cli import main
from aezip.quality.metrics import ms_ssim


def test_ms_ssim(drawn) -> None:
    a = drawn(200, 180)
    noisy = np.clip(a + np.random.default_rng(1).normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    assert ms_ssim(a, a) == pytest.approx(1)
    assert 0.2 < ms_ssim(a, noisy) < 0.99
    assert ms_ssim(a, noisy) == pytest.approx(ms_ssim(noisy, a))
    assert math.isnan(ms_ssim(a[:5], a[:5]))
    with pytest.raises(ValueError, match="one shape"):
        ms_ssim(a, a[:50])


def test_points_count_whole_files(drawn) -> None:
    jpeg = peers.classic(["jpeg"])[0]
    pixels = drawn(64, 80)
    (point,) = measure.measure(jpeg, {"a": pixels}, [50])
    assert point.size == len(jpeg.encode(pixels, 50))
    assert point.bpp == 8 * point.size / (64 * 80)
    assert point.psnr_db > 20


def test_curves_average_and_compare(drawn) -> None:
    jpeg = peers.classic(["jpeg"])[0]
    pictures = {"a": drawn(64, 80), "b": drawn(64, 64, seed=2)}
    points = list(measure.measure(jpeg, pictures, [20, 50, 80]))
    (curve,) = measure.curves(points)
    assert curve.setting == [20, 50, 80]
    assert curve.bpp[0] == pytest.approx((points[0].bpp + points[3].bpp) / 2)
    half = measure.Curve("half", [b / 2 for b in curve.bpp], *list(vars(curve).values())[2:])
    assert measure.bd_table([curve, half])["half"]["psnr"] == pytest.approx(-50)


def test_equal_sizes(drawn) -> None:
    pixels = drawn(128, 160)
    strip = equal.strip(peers.classic(["jpeg", "webp"]), pixels, 1.5, side=64)
    assert [crop.shape for _, crop in strip] == [(64, 64, 3)] * 3
    data, _ = equal.at_rate(peers.classic(["jpeg"])[0], pixels, 1.5)
    assert len(data) <= 1.5 * 128 * 160 / 8


def test_the_command_writes_its_files(tmp_path, drawn, tiny) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "in").mkdir()
    for n in range(2):
        Image.fromarray(drawn(70, 90, seed=n)).save(tmp_path / "in" / f"{n}.png")
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "x.json").write_text(json.dumps({"old": {"bpp": [0.5, 1], "psnr": [30, 33]}}))
    arguments = ["bench", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-m", tiny, "-q", "20,60", "-c", "jpeg"]
    result = CliRunner().invoke(main, [*arguments, "--anchors", str(tmp_path / "curves")])
    assert result.exit_code == 0, result.output
    assert {f.name for f in (tmp_path / "out").iterdir()} == {
        "bench.json", "points.csv", "report.html", "psnr.png", "psnr.svg", "ms-ssim.png", "ms-ssim.svg",
        "crops.png",
    }
    found = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert [c["codec"] for c in found["curves"]] == ["tiny", "jpeg"]
    assert set(found["memory_mb"]) == {"tiny", "jpeg"}


def test_a_report_without_similarity(tmp_path, drawn, tiny) -> None:
    pytest.importorskip("matplotlib")
    Image.fromarray(drawn(70, 90)).save(tmp_path / "0.png")
    arguments = ["bench", str(tmp_path), "-o", str(tmp_path / "out"), "-m", tiny, "-q", "20,60", "-c", "jpeg"]
    result = CliRunner().invoke(main, [*arguments, "--no-similarity"])
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "out" / "ms-ssim.png").exists()
    assert (tmp_path / "out" / "report.html").read_text().count("<svg") == 1


def test_a_folder_without_pictures_is_named(tmp_path) -> None:
    result = CliRunner().invoke(main, ["bench", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no pictures" in result.stderr
