"""The command `aezip doctor`."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner

from aezip.bench import doctor
from aezip.cli import main
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.entropy import coder
from aezip.model import store, writing

DIGEST = "42a84103e59855ec"  # of the golden model, on every machine
PIXELS = "bb0f103944a2415b"  # of the golden model in integers


def run(*arguments: str):
    return CliRunner().invoke(main, ["doctor", *arguments])


def test_facts_as_json(tiny: str) -> None:
    done = run("-m", tiny, "--json", "--threads", "1")
    facts = json.loads(done.output)
    assert (done.exit_code, facts["digest"], facts["threads"]) == (0, DIGEST, 1)
    assert facts["coder"] == coder.chosen()[0]
    (cpu,) = (p for p in facts["providers"] if p["name"] == "cpu")
    assert (cpu["digest"], cpu["exact"]) == (DIGEST, True)
    assert cpu["decode_ms"] > 0
    assert {"cpu", "cuda", "tensorrt"} <= {p["name"] for p in facts["providers"]} | set(facts["absent"])


def test_a_model_without_a_hyperprior(golden) -> None:
    facts = json.loads(run("-m", str(golden / "tiny-static-grey.aezm"), "--json").output)
    (cpu,) = (p for p in facts["providers"] if p["name"] == "cpu")
    assert cpu["exact"]


def test_the_table_says_which_coder_works(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(coder.VARIABLE, raising=False)
    monkeypatch.setattr(coder, "_absence", "aezip was installed without a C compiler")
    done = run("-m", tiny)
    assert done.exit_code == 0
    assert "coder      numpy (aezip was installed without a C compiler)" in done.output
    assert f"digest     {DIGEST}" in done.output


def test_a_machine_that_is_not_exact_fails(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["0", "1"])
    monkeypatch.setattr(doctor, "digest", lambda _: next(said))
    done = run("-m", tiny)
    assert (done.exit_code, "NOT exact (digest 1)" in done.output) == (1, True)


def test_a_half_is_examined_as_far_as_it_goes(golden, tmp_path) -> None:
    package = store.find_codec(str(golden / "tiny-integer.aezm"))
    for half, other in (("encoder", "decode"), ("decoder", "encode")):
        path = tmp_path / f"{half}.aezm"
        path.write_bytes(writing.split(package, half))
        result = run("-m", str(path), "--json")
        assert result.exit_code == 0, result.output
        (cpu,) = (p for p in json.loads(result.output)["providers"] if p["name"] == "cpu")
        assert cpu["exact"]
        assert ("exact_pixels" in cpu) == (half == "decoder")
        assert f"{other}_ms" not in cpu


def test_pixels_that_are_the_same_everywhere_are_proved(golden, monkeypatch: pytest.MonkeyPatch) -> None:
    package = str(golden / "tiny-integer.aezm")
    facts = json.loads(run("-m", package, "--json").output)
    (cpu,) = (p for p in facts["providers"] if p["name"] == "cpu")
    assert facts["pixels"] == cpu["pixels"] == PIXELS
    assert cpu["exact_pixels"]
    done = run("-m", package)
    assert done.exit_code == 0
    assert f"pixels     {PIXELS}" in done.output
    assert "exact, same pixels, encoder" in done.output
    monkeypatch.setattr(doctor, "pixels_digest", lambda _: "1")
    done = run("-m", package)
    assert (done.exit_code, "exact, OTHER pixels (1), encoder" in done.output) == (1, True)


def test_the_pixels_are_those_that_the_format_says(golden) -> None:
    graphs = Sessions(store.find_codec(str(golden / "tiny-integer.aezm")))
    channels = len(Graphs.at(graphs, 0).rung.gain)
    latents = [(i * 2654435761 // 2**8) % 65 - 32 for i in range(6 * 6 * channels)]
    latent = np.array(latents, np.int16).reshape(6, 6, channels)
    made = b"".join(Graphs.at(graphs, quality).decoder(latent).tobytes() for quality in (0, 300, 600, 1000))
    assert hashlib.sha256(made).hexdigest()[:16] == PIXELS


def test_two_builds_of_onnxruntime_are_told(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "builds", lambda: {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    names = "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1"
    assert f"{names} have overwritten each other; keep one: pip" in run("-m", tiny).output


def test_a_model_of_another_task_is_healthy_but_no_codec(golden, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("-m", "denoise")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "cannot compress pictures; it is for denoise" in done.output


def test_errors_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("-m", "absent.aezm")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    monkeypatch.setenv(coder.VARIABLE, "rust")
    assert run().exit_code == 2
