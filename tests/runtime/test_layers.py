"""The order of the modules: each imports from its own layer or from one below it, and no two import each other."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = (
    "errors",
    "complaints",
    "arrays",
    "html_report",
    "storage",
    "format",
    "entropy",
    "model",
    "engine",
    "coding",
    "images",
    "quality",
    "codec embed",
    "pillow numcodecs zarr",
    "bulk",
    "tasks",
    "bench",
    "viewer",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
SOURCES = {"aezip": "runtime", "aezip_train": "train", "aezip_export": "export"}
# What a package must not import.
APART = {
    "aezip": ("aezip_train", "aezip_export"),
    "aezip_train": ("aezip_export", "aezip.bench"),
}


def modules(package: str) -> dict[str, Path]:
    """Each module's name and file."""
    root = ROOT / SOURCES[package]
    found = {}
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


KNOWN = {name: file for package in SOURCES for name, file in modules(package).items()}


def imported(name: str) -> set[str]:
    """The modules of ours that a module imports, also inside of functions, but not for its types alone."""
    tree, found = ast.parse(KNOWN[name].read_text(encoding="utf-8")), set()
    package = name if KNOWN[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in outside_of_types(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            source = ".".join(filter(None, (base, node.module))) if node.level else str(node.module)
            members = {f"{source}.{alias.name}" for alias in node.names}
            found |= members & KNOWN.keys()
            if members - KNOWN.keys():  # something of the package's own
                found.add(source)
    return (found & KNOWN.keys()) - {name}


def outside_of_types(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from outside_of_types(child)


def level(name: str) -> int:
    """The layer of a module of aezip; the package itself, whose errors all use and whose names are lazy, is below."""
    return LEVEL[name.split(".")[1]] if "." in name else -1


@pytest.mark.parametrize("name", [name for name in modules("aezip") if "." in name])
def test_nothing_is_imported_from_above(name: str) -> None:
    above = sorted(other for other in imported(name) if other.startswith("aezip.") and level(other) > level(name))
    assert not above


@pytest.mark.parametrize("package", APART)
def test_packages_are_apart(package: str) -> None:
    for name in modules(package):
        assert not [o for o in imported(name) if f"{o}.".startswith(tuple(f"{a}." for a in APART[package]))]


@pytest.mark.parametrize("package", SOURCES)
def test_no_modules_import_each_other(package: str) -> None:
    graph = {name: {other for other in imported(name) if other in modules(package)} for name in modules(package)}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("name", KNOWN)
def test_files_and_functions_are_short(name: str) -> None:
    text = KNOWN[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 60, node.name


def test_every_module_has_a_layer() -> None:
    assert {name.split(".")[1] for name in modules("aezip") if "." in name} == set(LEVEL)
