"""The benchmark measures what it says, on two drawn pictures and the golden model."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip.bench import butteraugli, curves, equal, measure, peers
from aezip.cli import main
from aezip.errors import AezipError, ModelUnfit, UsageError
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
    (curve,) = curves.curves(points)
    assert curve.setting == [20, 50, 80]
    assert curve.bpp[0] == pytest.approx((points[0].bpp + points[3].bpp) / 2)
    assert curve.ssimulacra2[0] == pytest.approx((points[0].ssimulacra2 + points[3].ssimulacra2) / 2)
    half = curves.Curve("half", [b / 2 for b in curve.bpp], *list(vars(curve).values())[2:])
    rates = curves.bd_table([curve, half])["half"]
    assert set(rates) == {"psnr", "ms_ssim", "ssimulacra2"}
    assert (rates["psnr"], rates["ms_ssim"]) == pytest.approx((-50, -50))


def curve_of(codec: str, bpp: list[float], score: list[float], **others: list[float]) -> curves.Curve:
    nothing = [math.nan] * len(bpp)
    fields = dict.fromkeys(("psnr_db", "ms_ssim", "butteraugli", "setting", "encode_s", "decode_s"), nothing)
    return curves.Curve(codec, bpp, **{**fields, "ssimulacra2": score, **others})


def test_bd_rates_of_scores_are_over_their_span_and_need_two_points() -> None:
    score = [-20.0, 10, 30, 50, 85, 95]
    rate = np.exp(np.array(score) / 40)
    outside = np.where((np.array(score) < 30) | (np.array(score) > 85), 9, 0.5)
    found = curves.bd_table(
        [
            curve_of("jpeg", list(rate), score),
            curve_of("x", list(rate * 0.5), score, butteraugli=[9, 8, 7, 6, 5, 4]),
            curve_of("other", list(np.sort(rate * outside)), score),
            curve_of("one", [1, 2], [50, math.inf]),
        ]
    )
    assert found["x"]["ssimulacra2"] == pytest.approx(-50)
    assert math.isnan(found["x"]["butteraugli"])  # the reference has none
    assert math.isnan(found["one"]["ssimulacra2"])


def test_lower_is_better_for_butteraugli_and_equal_files_do_not_matter() -> None:
    score, far = [20.0, 50, 80], [3.0, 2, 1]
    found = curves.bd_table(
        [
            curve_of("jpeg", [0.2, 0.4, 0.8], score, butteraugli=far),
            curve_of("x", [0.1, 0.2, 0.4, 0.5], [*score, 80], butteraugli=[*far, 1]),
        ]
    )
    assert found["x"] == pytest.approx({"ssimulacra2": -50, "butteraugli": -50})


def test_curves_are_read(tmp_path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"old": {"bpp": [1, 2], "psnr": [30, 33], "ssimulacra2": [40, 60]}}')
    (found,) = curves.anchors(tmp_path)
    assert (found.codec, found.ssimulacra2) == ("old*", [40, 60])
    assert [measure.key for measure in curves.measured([found])] == ["psnr", "ssimulacra2"]
    for text in ("", "[]x", '{"a": 3}', '{"a": {"bpp": [1]}}', '{"a": {"bpp": [1], "psnr": [1, 2]}}'):
        file.write_text(text)
        with pytest.raises(UsageError, match=r"a\.json: holds no curves"):
            curves.anchors(tmp_path)


PROGRAM = """#!/bin/sh
{}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 9.5; echo '3-norm: 1.25'", ""),
        ("echo oh >&2; echo no >&2; exit 3", "ended with 3: no"),
        ("echo 1.5", "printed no line '3-norm:'"),
        ("echo '3-norm: nan'", "printed '3-norm: nan'; expected a number"),
        ("sleep 9", "took more than 1 seconds and was stopped"),
        (None, "is not on PATH; expected libjxl's tools"),
    ],
)
def test_butteraugli_is_read_or_refused_in_one_line(
    script: str | None, words: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr(butteraugli, "LIMIT_S", 0.5)
    if script:
        (tmp_path / butteraugli.PROGRAM).write_text(PROGRAM.format(f"PATH=/bin:/usr/bin\n{script}"))
        (tmp_path / butteraugli.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if not words:
        assert butteraugli.distance(pixels, pixels) == 1.25
        return
    with pytest.raises(AezipError, match=words):
        butteraugli.check()


@pytest.mark.skipif(not shutil.which(butteraugli.PROGRAM), reason="needs libjxl-devtools")
def test_butteraugli(drawn) -> None:
    picture = drawn(64, 80)
    jpeg = peers.classic(["jpeg"])[0]
    found = [butteraugli.distance(picture, jpeg.decode(jpeg.encode(picture, quality))) for quality in (10, 50, 95)]
    assert found[0] > found[1] > found[2] > 0
    assert butteraugli.distance(picture, picture) == 0


def test_codecs_are_chosen_by_name() -> None:
    there = [peer.name for peer in peers.classic()]
    assert there[:2] == ["jpeg", "webp"]
    assert "avifpsnr" not in there
    with pytest.raises(UsageError, match="there is no codec 'jpg'; expected names of jpeg, webp, avif420"):
        peers.classic(["jpeg", "jpg"])


@pytest.mark.skipif("avif420" not in [peer.name for peer in peers.classic()], reason="this Pillow has no AVIF")
def test_a_model_for_grey_pictures_codes_those_that_are(golden, drawn) -> None:
    peer = peers.aezip(str(golden / "tiny-static-grey.aezm"), (60,))
    pixels = drawn(64, 80)
    grey = pixels[:, :, 1:2].repeat(3, 2)
    decoded = peer.decode(peer.encode(grey, 60))
    assert decoded.shape == grey.shape
    np.testing.assert_array_equal(decoded[:, :, 0], decoded[:, :, 2])
    with pytest.raises(ModelUnfit, match="codes grey pictures"):
        peer.encode(pixels, 60)


def test_avif_says_how_it_is_tuned(drawn) -> None:
    plain, tuned = peers.classic(["avif444", "avifpsnr"])
    assert tuned.what.startswith("AVIF 4:4:4, speed 4, libavif ")
    assert tuned.what.endswith("tune=psnr")
    picture = drawn(64, 64)
    assert tuned.encode(picture, 50) != plain.encode(picture, 50)
    assert peers._tuning("1.4.0", None) == ", tune=iq by default"
    assert peers._tuning("1.3.9", None) == peers._tuning("unknown", None) == ""


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
        "bench.json",
        "points.csv",
        "report.html",
        "crops.png",
        *(f"{name}.{kind}" for name in ("psnr", "ms-ssim", "ssimulacra2") for kind in ("png", "svg")),
    }
    assert "BD-RATE SSIMULACRA2, 30 TO 85" in result.stdout
    assert "BUTTERAUGLI" not in result.stdout
    found = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert found["codecs"]["jpeg"].startswith("JPEG 4:2:0")
    assert found["points"][0]["butteraugli"] is None
    with (tmp_path / "out" / "points.csv").open(encoding="utf-8") as file:
        assert float(next(csv.DictReader(file))["ssimulacra2"]) < 100
    assert [c["codec"] for c in found["curves"]] == ["tiny", "jpeg"]
    assert set(found["memory_mb"]) == {"tiny", "jpeg"}


def test_a_report_without_similarity(tmp_path, drawn, tiny) -> None:
    pytest.importorskip("matplotlib")
    Image.fromarray(drawn(70, 90)).save(tmp_path / "0.png")
    arguments = ["bench", str(tmp_path), "-o", str(tmp_path / "out"), "-m", tiny, "-q", "20,60", "-c", "jpeg"]
    result = CliRunner().invoke(main, [*arguments, "--no-similarity"])
    assert result.exit_code == 0, result.output
    assert not [name for name in ("ms-ssim", "ssimulacra2") if (tmp_path / "out" / f"{name}.png").exists()]
    assert "SSIMULACRA2" not in result.stdout
    assert (tmp_path / "out" / "report.html").read_text().count("<svg") == 1


def test_a_folder_without_pictures_is_named(tmp_path) -> None:
    result = CliRunner().invoke(main, ["bench", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no pictures" in result.stderr


def test_one_bad_picture_does_not_end_the_run(tmp_path, drawn, tiny) -> None:
    (tmp_path / "0.png").write_bytes(b"no picture")
    Image.fromarray(drawn(70, 90)).convert("L").save(tmp_path / "1.png")
    arguments = ["bench", str(tmp_path), "-m", tiny, "-q", "20,60", "-c", "jpeg", "--no-similarity"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"aezip: error: {tmp_path / '0.png'}: " in result.stderr
    assert "jpeg" in result.stdout
    assert " MB" in result.stdout  # a grey picture is measured, too
    (tmp_path / "1.png").unlink()
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "holds no picture that can be read" in result.stderr


def test_a_codec_that_fails_is_left_out(tmp_path, drawn) -> None:
    def encode(pixels: peers.Pixels, _: float) -> bytes:
        if pixels.shape[0] == 64:
            return jpeg.encode(pixels, 50)
        raise OSError("broken")

    jpeg = peers.classic(["jpeg"])[0]
    for side in (64, 72):
        Image.fromarray(drawn(side, side)).save(tmp_path / f"{side}.png")
    files = sorted(tmp_path.glob("*.png"))
    plan = measure.Plan(tmp_path, files, {}, [peers.Peer("broken", "Broken", (1, 2), encode, jpeg.decode), jpeg], [])
    told: list[str] = []
    steps: list[int] = []
    result = measure.compare(
        plan, similarity=False, say=told.append, step=steps.append, failed=lambda error, name: told.append(name)
    )
    assert told[0] == "Broken, left out"
    assert [curve.codec for curve in result.curves] == ["jpeg"]
    assert sum(steps) == plan.steps


def test_what_fails_at_the_end_fails_before_the_work(tmp_path, drawn, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(drawn(70, 90)).save(tmp_path / "0.png")
    arguments = ["bench", str(tmp_path), "-m", tiny, "-c"]
    result = CliRunner().invoke(main, [*arguments, "jpeg,jepg"])
    assert result.exit_code == 2
    assert "there is no codec 'jepg'; expected names of jpeg, webp" in result.stderr
    assert CliRunner().invoke(main, [*arguments, "jpeg", "-q", "20,101"]).exit_code == 2
    monkeypatch.setattr(measure, "compare", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = CliRunner().invoke(main, [*arguments, "jpeg", "-o", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "pip install matplotlib" in result.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(main, [*arguments, "jpeg", "--butteraugli"])
    assert result.exit_code == 1
    assert "butteraugli_main is not on PATH" in result.stderr


def test_figures_are_saved_before_anything_is_drawn(tmp_path, drawn, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    Image.fromarray(drawn(70, 90)).save(tmp_path / "0.png")

    def fail(*_: object) -> None:
        raise AezipError("the pencil broke")

    monkeypatch.setattr("aezip.bench.report.draw", fail)
    arguments = ["bench", str(tmp_path), "-o", str(tmp_path / "out"), "-m", tiny, "-q", "20,60", "-c", "jpeg"]
    result = CliRunner().invoke(main, [*arguments, "--no-similarity"])
    assert result.exit_code == 1
    assert "the pencil broke" in result.stderr
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"bench.json", "points.csv"}


@pytest.mark.skipif(not shutil.which(butteraugli.PROGRAM), reason="needs libjxl-devtools")
def test_a_report_with_butteraugli(tmp_path, drawn, tiny) -> None:
    pytest.importorskip("matplotlib")
    Image.fromarray(drawn(70, 90)).save(tmp_path / "0.png")
    arguments = ["bench", str(tmp_path), "-o", str(tmp_path / "out"), "-m", tiny, "-q", "20,60", "-c", "jpeg"]
    result = CliRunner().invoke(main, [*arguments, "--no-similarity", "--butteraugli"])
    assert result.exit_code == 0, result.output
    assert "BD-RATE BUTTERAUGLI" in result.stdout
    assert (tmp_path / "out" / "butteraugli.png").exists()


def test_a_failure_of_butteraugli_is_told_and_the_rest_is_measured(tmp_path, drawn, monkeypatch) -> None:
    def fail(*_: object) -> float:
        raise AezipError("it broke")

    monkeypatch.setattr(measure, "distance", fail)
    Image.fromarray(drawn(64, 64)).save(tmp_path / "a.png")
    told: list[str] = []
    plan = measure.Plan(tmp_path, [tmp_path / "a.png"], {}, peers.classic(["jpeg"]), [])
    result = measure.compare(
        plan,
        similarity=False,
        butteraugli=True,
        say=lambda _: None,
        failed=lambda error, name: told.append(f"{name}: {error}"),
    )
    assert set(told) == {"a.png: it broke"}
    assert all(math.isnan(point.butteraugli) and point.psnr_db > 15 for point in result.points)
    assert [m.key for m in curves.measured(result.curves)] == ["psnr"]
