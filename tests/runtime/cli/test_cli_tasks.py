from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aezip.cli import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch, drawn) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    Image.fromarray(drawn(40, 50)).save("a.png")
    os.mkdir("empty")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="aezip")


def error_of(result: Result) -> str:
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if "files:" not in line and " → " not in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("aezip: error: ")
    return lines[0].removeprefix("aezip: error: ")


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def test_denoise_says_the_noise() -> None:
    result = run("restore", "-t", "denoise", "-m", "tiny-denoise", "a.png")
    assert result.exit_code == 0, result.output
    assert "a.png → a.denoised.png  σ " in result.stderr
    assert pixels("a.denoised.png").shape == (40, 50, 3)
    result = run(
        "restore", "-t", "denoise", "-m", "tiny-denoise", "--sigma", "30", "a.png", "-o", "b.jpg", "--json-lines"
    )
    assert json.loads(result.stdout)["sigma"] == 30
    assert pixels("b.jpg").shape == (40, 50, 3)


def test_colorize_keeps_alpha_and_refuses_colours(drawn) -> None:
    grey = drawn(20, 30, channels=1)[:, :, 0]
    Image.fromarray(np.dstack((grey, grey // 2 + 1))).save("g.png")
    assert run("restore", "-t", "colorize", "-m", "tiny-colorize", "g.png", "-o", "c.png").exit_code == 0
    assert pixels("c.png").shape == (20, 30, 4)
    np.testing.assert_array_equal(pixels("c.png")[:, :, 3], grey // 2 + 1)
    base = ("restore", "-t", "colorize", "-m", "tiny-colorize")
    assert "a.png: the picture has colours" in error_of(run(*base, "a.png"))
    assert run(*base, "--grey", "a.png").exit_code == 0
    assert pixels("a.colorized.png").shape == (40, 50, 3)


def test_colours_by_hints_and_by_a_picture_like_it(drawn) -> None:
    Image.fromarray(drawn(40, 50, channels=1)[:, :, 0]).save("g.png")
    hints = np.zeros((40, 50, 4), np.uint8)
    hints[10:14, 20:24] = 200, 90, 90, 255
    Image.fromarray(hints).save("hints.png")
    base = ("restore", "-t", "colorize", "-m", "tiny-colorize", "g.png", "-f", "-o", "c.png")
    result = run(*base, "--hints", "hints.png", "--json-lines")
    assert json.loads(result.stdout)["hinted"] == 0.008
    red, green, blue = np.moveaxis(pixels("c.png").astype(int), 2, 0)
    assert (red - green)[5:35, 5:45].mean() > 60
    assert np.abs(green - blue).max() <= 2
    assert run(*base, "--hints", "hints.png", "--like", "a.png").exit_code == 0
    assert run(*base, "--like", "a.png").exit_code == 0
    assert (pixels("c.png") != pixels("g.png")[:, :, None]).any()
    Image.fromarray(hints[:, :40]).save("small.png")
    assert "the hints have 40×40 pixels; expected those of the picture, 50×40" in error_of(
        run(*base, "--hints", "small.png")
    )
    assert "a.png: the hints have no transparent part" in error_of(run(*base, "--hints", "a.png"))
    assert "g.png: the picture has no colours" in error_of(run(*base, "--like", "g.png"))
    assert "none.png" in error_of(run(*base, "--hints", "none.png"))
    Image.fromarray(0 * hints).save("none.png")
    assert "the hints are transparent everywhere" in run(*base, "--hints", "none.png").stderr
    result = run("restore", "-t", "denoise", "--like", "a.png", "g.png")
    assert result.exit_code == 2
    assert "--like belongs to the task colorize" in result.stderr


def test_masks_of_a_tree_and_masks_that_may_be_of_several_pictures() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[5:20, 10:30] = 255
    for name in ("in/a/1.png", "in/b/1.png", "in/b/2.jpg"):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        Image.open("a.png").save(name)
    for name, share in (
        ("tree/a/1.png", 1),
        ("tree/b/1.png", 2),
        ("tree/b/2.png", 1),
        ("flat/1.png", 1),
        ("flat/2.png", 1),
        ("two/2.png", 1),
        ("two/2.bmp", 1),
    ):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        Image.fromarray(mask // share).save(name)
    base = ("restore", "-t", "inpaint", "-m", "tiny-inpaint", "in", "-r", "--json-lines")
    result = run(*base, "--mask", "tree", "-o", "out")
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["missing"] for line in result.stdout.splitlines()] == [0.15, 0.0, 0.15]
    result = run(*base, "--mask", "flat", "-o", "flat-out")
    assert result.exit_code == 1
    for name in "ab":
        assert f"in/{name}/1.png: 'flat/1.png' is the mask of 2 files; expected a mask for each" in result.stderr
    assert os.listdir("flat-out") == ["b"]
    assert os.listdir("flat-out/b") == ["2.png"]
    result = run(*base, "--mask", "two", "-o", "two-out")
    assert "in/b/2.jpg: its mask may be 'two/2.bmp' or 'two/2.png'; expected one file of that name" in result.stderr


def test_inpaint_takes_a_mask_or_a_folder_of_them() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[5:20, 10:30] = 255
    os.makedirs("masks")
    os.makedirs("in")
    for name in ("m.png", "masks/a.png"):
        Image.fromarray(mask).save(name)
    Image.open("a.png").save("in/a.png")
    Image.open("a.png").save("in/b.png")
    base = ("restore", "-t", "inpaint", "-m", "tiny-inpaint")
    result = run(*base, "--mask", "m.png", "a.png")
    assert result.exit_code == 0, result.output
    assert "15.00 % filled" in result.stderr
    np.testing.assert_array_equal(pixels("a.inpainted.png")[mask == 0], pixels("a.png")[mask == 0])
    assert (pixels("a.inpainted.png")[mask > 0] != pixels("a.png")[mask > 0]).any()
    result = run(*base, "--mask", "masks", "in", "-o", "out")
    assert "in/b.png: there is no mask for it" in error_of(result)
    np.testing.assert_array_equal(pixels("out/a.png"), pixels("a.inpainted.png"))
    Image.fromarray(mask.astype(np.uint16) * 257).save("deep.png")
    assert run(*base, "--mask", "deep.png", "a.png", "-o", "deep.out.png").exit_code == 0
    np.testing.assert_array_equal(pixels("deep.out.png"), pixels("a.inpainted.png"))
    Image.fromarray(mask[:, :9]).save("small.png")
    finding = error_of(run(*base, "--mask", "small.png", "a.png", "-f"))
    assert finding == "a.png: the mask has 9×40 pixels; expected those of the picture, 50×40"
    assert error_of(run(*base, "--mask", "a.png", "a.png", "-f")).startswith("a.png: the mask has colours")
    assert error_of(run(*base, "--mask", "none.png", "a.png", "-f")).startswith("none.png: no such file")


@pytest.mark.parametrize(
    ("args", "code", "finding"),
    [
        (("restore", "-t", "denoise", "-m", "tiny", "a.png"), 1, "the model 'tiny' cannot denoise; it codes pictures"),
        (("restore", "-t", "denoise", "-m", "tiny-denoise", "empty"), 1, "empty: the folder holds no such file"),
        (("restore", "-t", "denoise", "--mask", "a.png", "a.png"), 2, "--mask belongs to the task inpaint"),
        (("restore", "-t", "inpaint", "a.png"), 2, "needs --mask"),
        (("restore", "-t", "denoise", "--sigma", "nan", "a.png"), 2, "nan is not a number"),
        (("compress", "-m", "tiny-denoise", "a.png"), 1, "cannot compress pictures; it is for denoise"),
        (("anomaly", "fit", "empty", "-o", "p"), 1, "empty: the folder holds no such file"),
        (("anomaly", "fit", "a.png", "-o", "p", "-m", "tiny"), 1, "1 normal pictures; expected at least 5"),
        (
            ("anomaly", "fit", "a.png", "-o", "p", "-m", "tiny-denoise"),
            1,
            "cannot compress pictures; it is for denoise",
        ),
        (("anomaly", "score", "a.png", "a.png"), 1, "a.png: not a complete anomaly profile"),
        (("features", "empty", "-o", "v.npz", "-m", "tiny"), 1, "empty: the folder holds no such file"),
        (("anomaly", "score", "p", "a.png", "--rate", "nan"), 2, "nan is not a number"),
        (("sample", "--spread", "nan", "-o", "b.png"), 2, "nan is not a number"),
        (("features", "a.png", "-o", "vectors"), 2, "expected a name that ends in .npz"),
        (("features", "a.png"), 2, "expected --output, --nearest, or both"),
        (("features", "a.png", "--nearest", "none.png", "-m", "tiny"), 1, "none.png: no such file"),
        (("features", "none.npz", "--nearest", "a.png", "-m", "tiny"), 1, "none.npz: no such file"),
    ],
)
def test_bad_input_gets_one_line(args: tuple[str, ...], code: int, finding: str) -> None:
    result = run(*args)
    assert result.exit_code == code, result.output
    assert finding in result.stderr
    assert "Traceback" not in result.stderr
    assert not {"p", "v.npz", "a.lat", "a.denoised.png"} & set(os.listdir())


def test_an_empty_folder_leaves_none() -> None:
    assert run("restore", "-t", "denoise", "-m", "tiny-denoise", "empty", "-o", "out").exit_code == 1
    assert not os.path.exists("out")


def test_anomalies_from_folder_to_table(drawn, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.makedirs("good")
    for n in range(6):
        Image.fromarray(drawn(48, 64, seed=1)[:, :] // 2 + np.uint8(n)).save(f"good/{n}.png")
    broken = drawn(48, 64, seed=1) // 2
    broken[10:30, 20:40] = 255
    os.makedirs("today")
    Image.fromarray(broken).save("today/broken.png")
    Image.fromarray(broken[:20]).save("today/small.png")
    result = run("anomaly", "fit", "good", "-o", "p.profile", "-m", "tiny")
    assert result.exit_code == 0, result.output
    assert "6 pictures" in result.stderr
    assert run("anomaly", "fit", "good", "-o", "p.profile", "-m", "tiny").exit_code == 1
    result = run("anomaly", "score", "p.profile", "today/broken.png", "--heat", "map.png")
    assert result.exit_code == 0, result.output
    assert "anomalous  score" in result.stdout
    assert pixels("map.png").shape == (48, 64, 3)
    result = run("anomaly", "score", "p.profile", "today", "--csv")
    assert result.exit_code == 1
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert rows["today/broken.png"]["anomalous"] == "True"
    assert "at least 32" in rows["today/small.png"]["error"]
    found = json.loads(run("anomaly", "score", "p.profile", "today", "--json").stdout)
    assert [row["status"] for row in found] == ["done", "failed"]
    assert found[0]["score"] > found[0]["threshold"]
    shutil.copy(str(golden / "tiny.aezm"), "mine.aezm")
    monkeypatch.setenv("AEZIP_MODELS", "elsewhere")
    result = run("anomaly", "score", "p.profile", "today/broken.png")
    assert (result.exit_code, error_of(result)[:35]) == (1, "p.profile: no model named 'tiny'; e")
    assert run("anomaly", "score", "p.profile", "today/broken.png", "-m", "mine.aezm").exit_code == 0


def test_features_of_a_folder_and_the_nearest(drawn) -> None:
    os.makedirs("many")
    for n in range(4):
        Image.fromarray(drawn(32, 48, seed=n)).save(f"many/{n}.png")
    assert run("features", "many", "-o", "v.npz", "--full", "-m", "tiny").exit_code == 0
    with np.load("v.npz") as file:
        assert file["files"].tolist() == [f"many/{n}.png" for n in range(4)]
        assert file["pooled"].shape == (4, 2 * file["latents_3"].shape[2])
        assert file["latents_0"].shape[:2] == (2, 3)
    for source in ("many", "v.npz"):
        result = run("features", source, "--nearest", "many/2.png", "-k", "2", "--json", "-m", "tiny")
        assert result.exit_code == 0, result.output
        near = json.loads(result.stdout)
        assert len(near) == 2
        assert near[0] == {"file": "many/2.png", "distance": 0.0}
    (Path("bad.npz")).write_bytes(b"PK nothing")
    assert error_of(run("features", "bad.npz", "--nearest", "a.png", "-m", "tiny")).startswith("bad.npz: no vectors")


def test_pictures_of_16_bits_are_taken_in_8(drawn) -> None:
    deep = drawn(40, 50, channels=1)[:, :, 0].astype(np.uint16) * 257
    Image.fromarray(deep).save("deep.png")
    Image.fromarray((deep >> 8).astype(np.uint8)).save("plain.png")
    said = "deep{}: 16-bit samples are used in 8 bits"
    for name in ("deep", "plain"):
        result = run("restore", "-t", "denoise", "-m", "tiny-denoise", f"{name}.png", "-o", f"{name}-out.png")
        assert result.exit_code == 0, result.output
        assert (said.format("-out.png") in result.stderr) == (name == "deep")
    np.testing.assert_array_equal(pixels("deep-out.png"), pixels("plain-out.png"))
    os.mkdir("in")
    for name in ("deep", "plain"):
        os.rename(f"{name}.png", f"in/{name}.png")
    result = run("features", "in", "-m", "tiny", "--nearest", "in/deep.png", "--json")
    assert result.exit_code == 0, result.output
    assert [row["distance"] for row in json.loads(result.stdout)] == [0, 0]
    assert "in/deep.png: 16-bit samples are used in 8 bits" in result.stderr
    Image.fromarray(deep // 600).save("dark.png")
    assert "little of their range; of grey, --stretch takes the range" in " ".join(
        run("restore", "-t", "denoise", "-m", "tiny-denoise", "dark.png").stderr.split()
    )
