from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from aezip_train import recipe
from aezip_train.flagship import Config


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
        ("batch = true", "type int"),
        ("threads = -1", "threads is -1; expected 0 to"),
        ("seed = -1", "seed is -1; expected 0 to"),
        ("drawn = 5", "drawn is 5; expected 0 to 1"),
        ("batch = ", r"mine\.toml: is no recipe .*; expected a \.toml file"),
    ],
)
def test_wrong_recipes_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        recipe.read(str(file))


@pytest.mark.parametrize(
    ("key", "size", "least"), [("latent", 0, 1), ("latent", 2.5, 1), ("coarse_blocks", -1, 0), ("latent_inner", "a", 0)]
)
def test_sizes_are_whole_numbers(key: str, size: object, least: int) -> None:
    with pytest.raises(ValueError, match=f"network: {key} is {size!r}; expected whole numbers from {least}"):
        recipe.read("photo", {"network": {key: size}}).sizes(Config)


@pytest.mark.parametrize("key", ["args", "func", "__doc__"])
def test_sizes_that_there_are_not_are_named(key: str) -> None:
    for config in (Config, partial(Config, latent=32)):
        with pytest.raises(ValueError, match=f"recipe photo: network: .*'{key}'"):
            recipe.read("photo", {"network": {key: 3}}).sizes(config)


def test_a_missing_recipe_names_the_known() -> None:
    with pytest.raises(FileNotFoundError, match="photo"):
        recipe.read("phto")
