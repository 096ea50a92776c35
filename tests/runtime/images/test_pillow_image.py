"""Arrays as Pillow sees them, in both directions."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aezip.images.pillow_image import array_of


@pytest.mark.parametrize("height", [1, 127, 128, 300])
@pytest.mark.parametrize(("source", "mode"), [("RGB", "RGB"), ("P", "RGB"), ("1", "L"), ("L", "L"), ("LA", "LA")])
def test_strips_are_the_image(drawn, height, source, mode) -> None:
    image = Image.fromarray(drawn(height, 21)).convert(source)
    want = np.array(image.convert(mode)).reshape(height, 21, -1)
    np.testing.assert_array_equal(array_of(image, mode), want)
