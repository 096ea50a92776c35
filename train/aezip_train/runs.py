"""A run's folder: `recipe.json`, `state.pt` (complete, or the previous one), `log.jsonl` (one line per validation)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .recipe import Recipe


def exists(folder: Path) -> bool:
    """Whether a run was saved there."""
    return (folder / "state.pt").exists()


def save_state(state: dict[str, Any], folder: Path) -> None:
    """Write a run's state; an interrupted write leaves the old one, and so do weights that are no numbers any more.

    Raises ValueError for those.
    """
    import torch

    if not all(w.isfinite().all() for w in state.get("averaged", {}).values() if w.is_floating_point()):
        finding = f"the weights are no numbers any more at step {state['step']:,}, and were not saved"
        raise ValueError(f"{folder}: {finding}; expected finite ones (a lower learning_rate?)")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "state.pt.part"
    torch.save(state, part)
    os.replace(part, folder / "state.pt")


def is_run(name: str) -> bool:
    """Whether a name is that of a run's folder or of the state in it."""
    return name.endswith(".pt") or exists(Path(name))


def load_state(path: Path, recipe: Recipe | None = None) -> dict[str, Any]:
    """The state of a run: its folder, or the `state.pt` in it.  Raises FileNotFoundError.

    recipe: one that the run should share family and task with. Raises ValueError for another.
    """
    import torch

    file = path / "state.pt" if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"{path}: no training run found; expected a folder with state.pt")
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        if not {"recipe", "step"} & set(state):
            raise LookupError
    except OSError:
        raise
    except Exception:  # of many kinds
        raise ValueError(f"{file} is damaged, or no run's; expected the state.pt of aezip-train") from None
    for key in ("family", "task") if recipe else ():
        found, wanted = state["recipe"].get(key, ""), getattr(recipe, key)
        if found != wanted:
            raise ValueError(f"{path} is a run of the {key} {found}; expected one of {wanted}")
    return state


def write_recipe(recipe: Recipe, folder: Path) -> None:
    """What is trained, for people to read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n", encoding="utf-8")


def log(line: dict[str, Any], folder: Path) -> None:
    """Add a validation's figures to the log."""
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
