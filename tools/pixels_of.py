"""What files decode to: for `measure_exact.py`, which starts this on other processors, with no more than aezip there.

    python tools/pixels_of.py MODEL DECODER THREADS OPTIMISATION REPEAT FILE …

Says a line of JSON for each file: the SHA-256 of its pixels as RGBA, and the milliseconds of REPEAT decodings after the
first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from aezip.coding import lossy
from aezip.engine.sessions import Sessions
from aezip.format import container
from aezip.model import store


def pixels_of(
    model: str, decoder: str, threads: int, optimisation: str, repeat: int, files: list[str]
) -> Iterator[dict[str, Any]]:
    """As above."""
    sessions = Sessions(store.find_codec(model), threads=threads, optimisation=optimisation, decoder=decoder)
    for file in files:
        lat = container.unpack(Path(file).read_bytes())
        shown = np.full((lat.header.height, lat.header.width, 4), 255, np.uint8)
        shown[..., :3] = lossy.decode(sessions, lat)
        times = []
        for _ in range(repeat):
            start = perf_counter()
            lossy.decode(sessions, lat)
            times.append(1e3 * (perf_counter() - start))
        yield {"file": file, "pixels": hashlib.sha256(shown.tobytes()).hexdigest(), "milliseconds": times}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model")
    options.add_argument("decoder")
    options.add_argument("threads", type=int)
    options.add_argument("optimisation")
    options.add_argument("repeat", type=int)
    options.add_argument("files", nargs="+")
    for found in pixels_of(**vars(options.parse_args())):
        print(json.dumps(found), flush=True)
