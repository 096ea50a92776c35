"""Writes golden files whose colours are named by code points (FORMAT.md §1), and what is in them.

    python tests/golden/colours.py

Written once, as those of `write.py`. They hold exact pixels, so no model is needed to read or to write them.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

from aezip.coding import exact_pixels
from aezip.format.container import Section

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
DISPLAY = struct.pack(">8H2I", 34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 10_000_000, 50)
CASES = {
    "colours": (
        draw(9, 14, 41),
        {
            b"iCCP": b"a profile",
            b"cICP": bytes((9, 16, 0, 1)),
            b"cLLI": struct.pack(">2I", 10_000_000, 4_000_000),
            b"mDCV": DISPLAY,
            b"gMAP": b"\xff\xd8\xff\xd9",
        },
    ),
    "colours-grey": (draw(7, 5, 42, 1), {b"cICP": bytes((1, 1, 0, 0))}),
}


def main() -> None:
    facts = {}
    for name, (pixels, sections) in CASES.items():
        data = exact_pixels.encode(pixels, tuple(map(Section._make, sections.items())))
        (HERE / f"{name}.lat").write_bytes(data)
        facts[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "pixels": hashlib.sha256(pixels.tobytes()).hexdigest(),
            "sections": {kind.decode(): body.hex() for kind, body in sections.items()},
        }
    (HERE / "colours.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
