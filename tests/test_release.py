"""What a release has in several places is the same everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aezip

ROOT = Path(__file__).parents[1]


def test_one_version() -> None:
    package = json.loads((ROOT / "runtime/web/package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "runtime/web/package-lock.json").read_text(encoding="utf-8"))
    citation = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    found = [package["version"], lock["version"], lock["packages"][""]["version"], *citation]
    assert found == [aezip.__version__] * 4


def test_the_install_page_names_the_lowest_versions() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    needed = re.findall(r'"([\w-]+)>=([\d.]+)"', re.findall(r"^dependencies = .*", project, re.M)[0])
    assert len(needed) == 5
    assert not [f"{name} {version}" for name, version in needed if name not in page.lower() or version not in page]
