"""What is kept of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aezip_train import runs


def test_weights_that_are_no_numbers_do_not_replace_those_that_are(tmp_path: Path) -> None:
    good = {"averaged": {"weight": torch.ones(2), "count": torch.ones(1, dtype=torch.int64)}, "step": 10}
    runs.save_state(good, tmp_path)
    bad = {"averaged": {"weight": torch.tensor([1.0, torch.nan])}, "step": 2000}
    with pytest.raises(ValueError, match=r"no numbers any more at step 2,000.*; expected"):
        runs.save_state(bad, tmp_path)
    assert runs.load_state(tmp_path)["step"] == 10
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"hello\n", b"a", b"GIF89a", b"PK\x03\x04"])
def test_a_damaged_state_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"state\.pt is damaged, or no run's; expected"):
        runs.load_state(tmp_path)


def test_a_state_that_was_cut_off_is_named(tmp_path: Path) -> None:
    runs.save_state({"averaged": {"weight": torch.ones(1000)}, "step": 1}, tmp_path)
    file = tmp_path / "state.pt"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is damaged"):
        runs.load_state(file)


@pytest.mark.parametrize("what", [torch.zeros(3), [1], {}, {"averaged": {}}])
def test_what_is_no_run_is_named(tmp_path: Path, what: object) -> None:
    torch.save(what, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="is damaged, or no run's"):
        runs.load_state(tmp_path)
