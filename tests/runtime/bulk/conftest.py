"""The command in an empty folder, with the small model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aezip.cli import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: str) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZIP_MODELS", str(Path(tiny).parent))

    def call(*args: str, **options: Any) -> Result:
        model = ("-m", tiny) if args[0] == "compress" else ()
        return CliRunner().invoke(main, [*args, *model, "--threads", "1"], prog_name="aezip", **options)

    return call
