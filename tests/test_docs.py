"""README and the guide: blocks marked `sh` and `python` run as typed, page by page; links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = sorted(
    {
        *PAGES,
        *(path for where in ("*.md", ".github/*.md", "runtime/*.md", "runtime/*/*.md") for path in ROOT.glob(where)),
    }
)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.M | re.S)
# Blocks that need a network, your data or hours are not run. Their commands and options have to exist.
NOT_RUN = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)
NAMED = re.compile(
    r"(?:^|&& |do )(aezip(?:-train|-export)?|python (?:tools/\w+\.py|-m aezip\w+\.\w+))((?: [^&;#\s]+)*)", re.M
)
# Done before, for all pages, or by .ci/run.
DONE = re.compile(r"^pip install -e .*|^pip install \. && |^python examples/pictures\.py try && cd try$", re.M)
TRAINING = ("aezip-train", "aezip-export")
# How a page's commands are started here; training is as short as can be.
COMMANDS = {
    "aezip": '-m aezip "$@"',
    "aezip-train": '-m aezip_train.cli "$@" --max-steps 2 --set batch=1',
    "aezip-export": '-m aezip_export.cli "$@"',
    "python": '"$@"',
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Kind and text of each block that can be run."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.repairs  # other processes do
@pytest.mark.skipif(os.name == "nt", reason="a shell")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_a_page_runs_as_typed(page: Path, tmp_path: Path) -> None:
    found = blocks(page)
    if any(name in text for _, text in found for name in TRAINING) and not importlib.util.find_spec("torch"):
        pytest.skip("needs torch")
    work = tmp_path / "try"
    subprocess.run([sys.executable, ROOT / "examples/pictures.py", work], check=True)
    (work / "runtime").symlink_to(ROOT / "runtime")
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, arguments in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/sh\nexec '{sys.executable}' {arguments}\n")
        (commands / name).chmod(0o755)
    script = ["set -ex"]
    for kind, text in found:
        script.append(DONE.sub("", text) if kind == "sh" else f"python - <<'END'\n{text}END")
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    done = subprocess.run(["sh", "-c", "\n".join(script)], cwd=work, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "error" not in done.stderr, done.stderr[-3000:]


def named_commands() -> dict[str, set[str]]:
    """Commands of blocks that are not run, with their subcommands, and the options that they are given."""
    found: dict[str, set[str]] = {}
    for page in TEXTS:
        for block in NOT_RUN.findall(page.read_text(encoding="utf-8")):
            for command, rest in NAMED.findall(re.sub(r"\\\n\s*", "", block)):
                words = rest.split()
                inner = 0 if command != "aezip" else 2 if words[0] == "models" else 1
                name = " ".join([command, *words[:inner]])
                found.setdefault(name, set()).update(re.match(r"[\w-]+", word)[0] for word in words if word[0] == "-")
    return found


@pytest.mark.parametrize("command", named_commands())
def test_commands_that_are_not_run_have_their_options(command: str) -> None:
    name, *arguments = command.removeprefix("python ").split()
    if name in TRAINING:
        pytest.importorskip("torch")
    program = [name, *arguments] if name != "aezip" else ["-m", name, *arguments]
    program = program if name not in TRAINING else ["-m", f"{name.replace('-', '_')}.cli"]
    helped = subprocess.run([sys.executable, *program, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert helped.returncode == 0, helped.stderr
    known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", helped.stdout))
    assert named_commands()[command] <= known


def test_no_command_replaces_files() -> None:
    assert not [
        line
        for page in PAGES
        for _, text in blocks(page)
        for line in text.splitlines()
        if re.search(r" (-f|--force)\b", line)
    ]


def test_readme_is_short_and_begins_with_its_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.encode()) <= 6000
    assert re.findall(r"^pip install.*", readme, re.M) == [
        "pip install . && aezip compress runtime/aezip/samples/sample.png -o sample.lat"
        " && aezip decompress sample.lat -o decoded.png",
        "pip install -e '.[train,test]' && pytest",
    ]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(text: Path) -> None:
    """Files and headings; mkdocs checks the site's pages once more."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text.read_text(encoding="utf-8")):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, heading = target.partition("#")
        file = (text.parent / name).resolve() if name else text
        assert file.exists(), target
        if heading:
            body = file.read_text(encoding="utf-8")
            if body.startswith("--8<--"):  # another file, shown as a page
                body = (ROOT / re.findall(r'"(.*?)"', body)[0]).read_text(encoding="utf-8") + body
            slugs = [
                re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", line.strip().lower()))
                for line in re.findall(r"^#+ (.*)", body, re.M)
            ]
            assert heading in slugs, target


def test_tools_that_the_pages_name_exist() -> None:
    named = {name for page in TEXTS for name in re.findall(r"\b(?:tools|examples)/\w+\.py", page.read_text("utf-8"))}
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
