"""The JavaScript decoder, in Node: its own tests against the golden vectors, and its types."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "runtime" / "web"

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (WEB / "node_modules").is_dir(),
    reason="needs node, and npm ci in runtime/web",
)


def test_golden_vectors_in_node() -> None:
    tests = sorted(str(path) for path in (WEB / "test").glob("*.test.js"))
    environment = {k: v for k, v in os.environ.items() if k != "NODE_TEST_CONTEXT"}
    done = subprocess.run(["node", "--test", *tests], cwd=WEB, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
