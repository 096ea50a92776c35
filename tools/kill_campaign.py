"""Kill a run of many small files at random moments, over and over; no output may ever be partial.

    python tools/kill_campaign.py [--files 500] [--kills 20] [--jobs 2] [--model MODEL] [--seed 0]

Each round starts `aezip compress --skip-existing`, kills it (SIGKILL) after a random part of the time that a whole
run takes, and checks every output against that of an undisturbed run. In the end one run completes the rest.
Exit code 1 if a file is partial, missing, left over, or differs.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def draw(folder: Path, count: int) -> None:
    """Small pictures, each another."""
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{i:04}.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        draw(root / "in", options.files)

        def command(out: str) -> list[str]:
            return [sys.executable, "-m", "aezip", "compress", str(root / "in"), "-o", str(root / out), "--quiet",
                    "--skip-existing", "-j", str(options.jobs), "-m", options.model]

        start = time.perf_counter()
        subprocess.run(command("whole"), check=True)
        whole_s = time.perf_counter() - start
        wanted = {path.name: path.read_bytes() for path in (root / "whole").iterdir()}
        print(f"{len(wanted)} files in {whole_s:.1f} s without a kill", flush=True)
        if len(wanted) != options.files:
            return 1
        for kill in range(options.kills):
            process = subprocess.Popen(command("out"))
            # the rounds share the work, so each is killed within its share, and some while they start
            time.sleep(rng.uniform(0.5, 2 + 2 * whole_s / options.kills))
            ended = process.poll() is not None
            process.kill()
            process.wait()
            if not check(root / "out", wanted, f"kill {kill + 1}" + (" (had ended)" if ended else "")):
                return 1
        time.sleep(1)
        subprocess.run(command("out"), check=True)
        good = check(root / "out", wanted, "completed")
        return 0 if good and sorted(os.listdir(root / "out")) == sorted(wanted) else 1


def check(folder: Path, wanted: dict[str, bytes], when: str) -> bool:
    """Whether every output that is there is whole; says what was found."""
    names = os.listdir(folder) if folder.exists() else []
    outputs = [name for name in names if not name.endswith(".part")]
    bad = [name for name in outputs if (folder / name).read_bytes() != wanted.get(name)]
    print(f"{when}: {len(outputs)} outputs, {len(bad)} of them not whole, {len(names) - len(outputs)} temporary files",
          flush=True)
    return not bad


if __name__ == "__main__":
    sys.exit(main())
