"""tools/measure_quality.py finds the qualities of other codecs that look as good."""

from __future__ import annotations

import measure_quality
import pytest

from aezip import Codec
from aezip.bench import peers


@pytest.mark.parametrize(
    ("wanted", "quality"),
    [(2, 1), (2.9, 1), (3.1, 2), (100, 50), (100.9, 50), (199.2, 100), (200, 100), (1, None), (201, None)],
)
def test_the_nearest_quality(wanted: float, quality: int | None) -> None:
    asked: list[int] = []

    def score_of(quality: int) -> float:
        asked.append(quality)
        return 2.0 * quality

    found = measure_quality.nearest(score_of, wanted)
    assert found == quality
    assert len(asked) < 12


def test_rows(drawn, tiny: str) -> None:
    found = measure_quality.rows([drawn(64, 80)], Codec(tiny), peers.classic(["jpeg"]), 50)
    assert [row[0] for row in found] == ["0", "50", "100"]
    assert all(row[1].count(",") == 2 and " bpp, " in row[1] for row in found)
    assert any(row[2].startswith("**") for row in found) or {row[2] for row in found} == {"–"}
