"""Other processors on this one, for `measure_exact.py`: Python commands whose onnxruntime believes to be elsewhere.

    python tools/processors.py FOLDER

makes, where what it needs is there, in FOLDER (some 300 MB; it may be deleted):

    hidden/     a copy of this Python's onnxruntime in which CPUID is answered by a library of our own, that leaves out
                what the environment's HIDDEN names: older x86-64 processors, at full speed. Needs x86-64 Linux, cc and
                objdump.
    aarch64/    Debian's Python and onnxruntime's wheel for ARM, for qemu-aarch64. Needs mmdebstrap, qemu-user and pip.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from common import parser

RUNTIME = Path(__file__).parents[1] / "runtime"
LIBRARIES = ("numpy", "onnxruntime", "pillow", "click", "tqdm")
AARCH64 = ("max", "cortex-a76", "cortex-a72")  # SVE and products of 8 bits; those of 8 bits without SVE; neither
CPUID, UD2 = b"\x0f\xa2", b"\x0f\x0b"  # the instruction, and one that no program has
# leaf, subleaf, register and bits of CPUID
VNNI = "7.0.c.800"
AVX_VNNI = "7.1.a.10"
AVX512 = f"7.0.b.d0030000 7.1.a.20 {VNNI}"
AVX2 = "7.0.b.20"
AVX = "1.0.c.10001000"  # with FMA
LEVELS = {
    "AVX-512 with VNNI": "",
    "AVX-512 without VNNI": f"{VNNI} {AVX_VNNI}",
    "AVX2 with VNNI": AVX512,
    "AVX2": f"{AVX512} {AVX_VNNI}",
    "AVX": f"{AVX512} {AVX_VNNI} {AVX2}",
    "SSE4": f"{AVX512} {AVX_VNNI} {AVX2} {AVX}",
}
ANSWERS = r"""
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

/* Stands for CPUID, whose two bytes are now those of UD2. */
static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned leaf = at[REG_RAX], sub = at[REG_RCX], found[4];
    __cpuid_count(leaf, sub, found[0], found[1], found[2], found[3]);
    unsigned of, within, bits;
    char name;
    for (const char *s = getenv("HIDDEN"); s && sscanf(s, "%x.%x.%c.%x", &of, &within, &name, &bits) == 4;) {
        if (of == leaf && (within == sub || leaf == 1))
            found[name - 'a'] &= ~bits;
        s = strchr(s, ' ');
        s = s ? s + 1 : 0;
    }
    at[REG_RAX] = found[0], at[REG_RBX] = found[1], at[REG_RCX] = found[2], at[REG_RDX] = found[3];
    at[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, 0);
}
"""
# the oldest that has a name; what more there is onnxruntime learns from the kernel, here qemu
CPUINFO = """processor\t: {n}
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd08
CPU revision\t: 1

"""


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and beginning of a command line, to be followed by a script, for each processor available."""
    answers = folder / "hidden/answers.so"
    if answers.exists():
        for name, hidden in LEVELS.items():
            settings = {"PYTHONPATH": answers.parent, "LD_PRELOAD": answers, "HIDDEN": hidden}
            yield name, ["env", *(f"{key}={value}" for key, value in settings.items()), sys.executable]
    if shutil.which("qemu-x86_64"):
        path = os.pathsep.join(filter(None, [*sys.path, str(RUNTIME)]))
        python = str(Path(sys.executable).resolve())
        yield "qemu x86-64, AVX2", ["env", f"PYTHONPATH={path}", "qemu-x86_64", "-cpu", "max", python]
    root = folder / "aarch64"
    if (root / "site").is_dir() and shutil.which("qemu-aarch64"):
        for cpu in AARCH64:
            emulated = ["qemu-aarch64", "-cpu", cpu, "-L", str(root), str(root / "usr/bin/python3")]
            yield f"qemu aarch64, {cpu}", ["env", f"PYTHONPATH={root / 'site'}:{RUNTIME}", *emulated]


def hide(folder: Path) -> None:
    """A copy of onnxruntime whose CPUID asks us."""
    spec = find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent
    shutil.copytree(source, folder / "onnxruntime", ignore=shutil.ignore_patterns("libonnxruntime.so*", "__pycache__"))
    (library,) = (folder / "onnxruntime/capi").glob("onnxruntime_pybind11_state*.so")
    data = bytearray(library.read_bytes())
    for place in _places(library):
        assert data[place : place + 2] == CPUID
        data[place : place + 2] = UD2
    library.write_bytes(data)
    command = ["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", folder / "answers.so"]
    subprocess.run(command, input=ANSWERS, text=True, check=True)


def _places(library: Path) -> list[int]:
    """Offsets of the file's CPUID instructions."""

    def said(*options: str) -> str:
        return subprocess.run(["objdump", *options, library], check=True, capture_output=True, text=True).stdout

    sections = re.findall(r"^ *\d+ \S+ +([0-9a-f]+) +([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+)", said("-h"), re.M)
    ranges = [[int(value, 16) for value in section] for section in sections]
    addresses = [int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):\s+cpuid", said("-d", "--no-show-raw-insn"), re.M)]
    return [a - start + offset for a in addresses for size, start, offset in ranges if start <= a < start + size]


def emulate(folder: Path) -> None:
    """Debian's Python for ARM, and the wheels of this Python's libraries."""
    packages = "python3,libstdc++6,libgomp1,zlib1g"
    extracted = ["--mode=root", "--variant=extract", "--architectures=arm64", f"--include={packages}"]
    subprocess.run(["mmdebstrap", *extracted, "bookworm", folder], check=True)
    python = max((folder / "usr/bin").glob("python3.*")).name.removeprefix("python")
    platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in (17, 27, 28)]
    wanted = [f"{name}=={version(name)}" for name in LIBRARIES]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder / "site", "--only-binary=:all:"]
    subprocess.run([*command, f"--python-version={python}", *platforms, *wanted], check=True)
    (folder / "proc").mkdir(exist_ok=True)  # onnxruntime reads it, and qemu shows ours
    (folder / "proc/cpuinfo").write_text("".join(CPUINFO.format(n=n) for n in range(2)))


def main() -> None:
    folder = Path(parser(__doc__, "folder").parse_args().folder).resolve()
    x86 = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    kinds = ("hidden", hide, ("cc", "objdump")), ("aarch64", emulate, ("mmdebstrap", "qemu-aarch64"))
    for name, make, needs in kinds:
        absent = [program for program in needs if not shutil.which(program)]
        if (folder / name).exists():
            print(f"{name}: there already")
        elif absent or (name == "hidden" and not x86):
            print(f"{name}: left out, for want of {' and '.join(absent) or 'x86-64 Linux'}")
        else:
            made = folder / f"{name}.part"
            shutil.rmtree(made, ignore_errors=True)
            make(made)
            made.rename(folder / name)
            print(f"{name}: made")


if __name__ == "__main__":
    main()
