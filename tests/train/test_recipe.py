from __future__ import annotations

from pathlib import Path

import pytest

from aezip_train import recipe


def test_built_in_recipes_are_read() -> None:
    photo = recipe.read("photo", {"batch": 2})
    assert photo.name == "photo"
    assert photo.batch == 2
    assert photo.family == "flagship"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 3", "unknown key 'speed'"),
        ('batch = "many"', "type int"),
        ("crop = 100", "multiple of 64"),
        ("last_crop = 500", "last_crop is 500; expected a positive multiple of 64"),
        ("last_part = 1.5", "last_part is 1.5; expected 0 to 1"),
    ],
)
def test_wrong_recipes_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        recipe.read(str(file))


def test_a_missing_recipe_names_the_known() -> None:
    with pytest.raises(FileNotFoundError, match="photo"):
        recipe.read("phto")
