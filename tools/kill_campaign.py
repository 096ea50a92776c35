"""Kill a run of many small files at random moments, over and over; no output may ever be partial.

    python tools/kill_campaign.py [--files 500] [--kills 20] [--jobs 2] [--model MODEL] [--seed 0]

Each round starts `aezip compress --skip-existing` and kills it (SIGKILL): the command alone, or all its processes, in
turn. One round in five ends at a random moment of its start; the others after a random number of outputs, every second
of these as soon as a file is being written. Every output is checked against that of an undisturbed run. In the
end one run completes the rest. Exit code 1 if a file is partial, missing, left over, or differs, or if fewer than half
of the kills met a run at work.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import aezip, parser
from PIL import Image


def draw(folder: Path, count: int) -> None:
    """Small pictures, each another."""
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{i:04}.png")


def main() -> int:
    options = parser(__doc__, files=500, kills=20, jobs=2, model="photo", seed=0).parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        draw(root / "in", options.files)

        def command(out: str) -> list[str]:
            return aezip(
                "compress",
                root / "in",
                "-o",
                root / out,
                "--quiet",
                "--skip-existing",
                "-j",
                str(options.jobs),
                "-m",
                options.model,
            )

        start = time.perf_counter()
        whole = subprocess.Popen(command("whole"))
        wait_for_work(whole, root / "whole", 1)
        start_s = time.perf_counter() - start
        if whole.wait():
            return 1
        wanted = {path.name: path.read_bytes() for path in (root / "whole").iterdir()}
        print(f"{len(wanted)} files without a kill; the first after {start_s:.1f} s", flush=True)
        if len(wanted) != options.files:
            return 1
        met = 0
        for kill in range(options.kills):
            before = len(outputs(root / "out"))
            process = subprocess.Popen(command("out"), start_new_session=True)
            if kill % 5 == 4:
                time.sleep(rng.uniform(0, start_s))
            else:  # the rounds share the work
                more = rng.randint(1, 2 * options.files // options.kills)
                wait_for_work(process, root / "out", before + more, writing=kill % 2 == 1)
            ended = end(process, alone=kill % 4 < 2)
            after = len(outputs(root / "out"))
            met += after > before and not ended
            when = f"kill {kill + 1}, {after - before} files on" + (" (had ended)" if ended else "")
            if not check(root / "out", wanted, when):
                return 1
        time.sleep(1)
        subprocess.run(command("out"), check=True)
        good = check(root / "out", wanted, "completed") and sorted(os.listdir(root / "out")) == sorted(wanted)
        print(f"{met} of {options.kills} kills met a run at work")
        return 0 if good and 2 * met >= options.kills else 1


def outputs(folder: Path) -> list[str]:
    """Names that are no temporary ones."""
    return [name for name in (os.listdir(folder) if folder.exists() else []) if not name.endswith(".part")]


def wait_for_work(process: subprocess.Popen[bytes], folder: Path, count: int, writing: bool = False) -> None:
    """Wait until there are this many outputs, and a temporary file, if asked for."""
    while process.poll() is None and len(outputs(folder)) < count:
        time.sleep(0.005)
    while writing and process.poll() is None and len(os.listdir(folder)) == len(outputs(folder)):
        pass


def end(process: subprocess.Popen[bytes], alone: bool) -> bool:
    """Kill a process, or it and all that it began; whether it had ended before."""
    ended = process.poll() is not None
    if alone:
        process.kill()
    elif not ended:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return ended


def check(folder: Path, wanted: dict[str, bytes], when: str) -> bool:
    """Whether every existing output is complete; prints what was found."""
    names, found = os.listdir(folder) if folder.exists() else [], outputs(folder)
    bad = [name for name in found if (folder / name).read_bytes() != wanted.get(name)]
    print(
        f"{when}: {len(found)} outputs, {len(bad)} of them not whole, {len(names) - len(found)} temporary files",
        flush=True,
    )
    return not bad


if __name__ == "__main__":
    sys.exit(main())
