"""Hostile files: damaged and made-up .lat files and model packages, by the million.

    python tools/fuzz.py --count 1000000 --log fuzz.jsonl      # continues where the log ends; stop it at any time
    python tools/fuzz.py --report fuzz.jsonl                   # what was reached, and what was found
    python tools/fuzz.py --one 4711 -o finding                 # write input 4711, and run it
    python tools/fuzz.py --atheris stream -max_total_time=600  # coverage-guided (pip install atheris)

Input N is made from the golden files by a random generator that is seeded with N, so a number is all that a finding
needs. Inputs go to seven targets:

    bytes      a file with bytes changed, cut off or added: each must be refused
    header     the header's fields, with its checksum corrected
    sections   sections changed, moved, made up, with their checksums corrected: alpha, metadata, image files
    stream     the latents' section, with its checksum corrected: symbols, by both coders, then pixels
    early      latents that are cut off, and damaged in front of that: what a reader shows of them, at any scale
    exact      exact pixels and patches, made up and damaged before they are deflated: whole and in part
    package    a model package's zip, description, tables and graphs, with digests corrected: checks, onnxruntime

An input passes if it is accepted, or refused with an AezipError, within 5 s of processor time and 512 MB of memory; a
package may ask for more memory than there is, which is counted. All inputs run in one process that is watched: if it
dies, its input is a finding, and the others continue. With atheris, the fuzzer's bytes replace the random generator's.
Exit code 1: findings.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import random
import resource
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any


def instrumented() -> contextlib.AbstractContextManager[object]:
    """With --atheris, within which aezip has to be imported so that the fuzzer sees where inputs lead."""
    if "--atheris" not in sys.argv:
        return contextlib.nullcontext()
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    seen: contextlib.AbstractContextManager[object] = atheris.instrument_imports(include=["aezip"])
    return seen


with instrumented():
    import fuzz_mutations as mutations
    from common import parser, peak_mb
    from fuzz_targets import Targets

    from aezip.errors import AezipError

LIMIT_S = 5  # of processor time an input
SILENCE_S = 120  # of a process that hangs where no signal reaches it
ADDRESS_SPACE = 4 * 2**30  # bytes
MEMORY_MB = 512  # resident memory that reading a .lat file with this many pixels may take
CHUNK = 1000
ORDER = (
    "bytes",
    "header",
    "bytes",
    "sections",
    "bytes",
    "stream",
    "bytes",
    "header",
    "bytes",
    "sections",
    "bytes",
    "stream",
    "bytes",
    "header",
    "bytes",
    "sections",
    "package",
    "stream",
    "header",
    "sections",
    "exact",
    "exact",
    "early",
    "early",
)


class Hang(BaseException):
    """An input takes too long."""


class Campaign:
    """Counts over inputs."""

    def __init__(self, targets: Targets) -> None:
        self.targets = targets
        self.counts: Counter[str] = Counter()  # "target/stage/outcome"
        self.findings: list[dict[str, Any]] = []
        self.longest: tuple[float, int] = (0.0, -1)  # seconds of processor time, input
        self.peak = {"lat": 0.0, "package": 0.0}  # MB

    def input(self, number: int) -> None:
        """Make and run input `number`, and book it."""
        target, rng = ORDER[number % len(ORDER)], random.Random(number)
        data = self.targets.make(target, rng)
        start = process_time()
        outcome, trace = outcome_of(lambda: self.targets.run(target, data, rng), target)
        self.longest = max(self.longest, (process_time() - start, number))
        self.counts[f"{target}/{self.targets.stage}/{outcome}"] += 1
        peak, kind = round(peak_mb(), 1), "package" if target == "package" else "lat"
        self.peak[kind] = max(self.peak[kind], peak)
        if peak > MEMORY_MB:
            trace = trace or (f"{peak:.0f} MB of memory" if kind == "lat" else "")
            with contextlib.suppress(OSError):  # where Linux lets it, measure the peak anew from here on
                Path("/proc/self/clear_refs").write_text("5")
        if trace:
            self.findings.append({"input": number, "target": target, "stage": self.targets.stage, "trace": trace})

    def line(self, first: int, last: int, seconds: float) -> dict[str, Any]:
        """As the log has it, of inputs first … last - 1."""
        return {
            "from": first,
            "to": last,
            "counts": self.counts,
            "findings": self.findings,
            "peak_mb": self.peak,
            "longest_ms": round(1000 * self.longest[0], 1),
            "longest_input": self.longest[1],
            "cpu_s": round(seconds, 1),
        }


def outcome_of(run: Callable[[], None], target: str) -> tuple[str, str]:
    """The name of what came of it, and a traceback if that is a finding."""
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        run()
    except AezipError as error:
        if "\n" in str(error):
            return type(error).__name__, f"an error of several lines: {error}"
        return type(error).__name__, ""
    except MemoryError:
        return "MemoryError", "" if target == "package" else traceback.format_exc()
    except (Exception, Hang) as error:
        return type(error).__name__, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "accepted", ""


def watch_time() -> None:
    """From now on an input that takes LIMIT_S raises Hang."""

    def ring(*_: object) -> None:
        raise Hang(f"more than {LIMIT_S} s")

    signal.signal(signal.SIGPROF, ring)


def work(at: Any, pipe: Any, start: int, stop: int, skipped: frozenset[int]) -> None:
    """In a separate process: chunks of inputs. After each chunk the counts go through the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow's, of Exif
    watch_time()
    targets = Targets(mutations.Corpus())
    for first in range(start, stop, CHUNK):
        campaign, last, began = Campaign(targets), min(first + CHUNK, stop), process_time()
        for number in range(first, last):
            at.value = number
            if number not in skipped:
                campaign.input(number)
        pipe.send(campaign.line(first, last, process_time() - began))
    targets.close()


def supervise(start: int, stop: int, log: Path | None) -> list[dict[str, Any]]:
    """All chunks of [start, stop), over as many processes as die on the way."""
    lines: list[dict[str, Any]] = []
    died: dict[int, str] = {}
    context = multiprocessing.get_context("spawn")
    while start < stop:
        at = context.Value("q", start)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(at, theirs, start, stop, frozenset(died)), daemon=True)
        process.start()
        theirs.close()
        seen = -1
        with contextlib.suppress(EOFError):
            while True:
                if ours.poll(SILENCE_S):
                    line = ours.recv()
                    for number in [n for n in died if line["from"] <= n < line["to"]]:
                        target = ORDER[number % len(ORDER)]
                        line["findings"].append({"input": number, "target": target, "trace": died.pop(number)})
                    start = line["to"]
                    lines.append(line)
                    _say(line, log)
                elif at.value == seen:
                    process.kill()
                    break
                seen = at.value
        process.join()
        if start < stop:
            died[at.value] = f"the process ended with {process.exitcode}"
            print(f"input {at.value}: {died[at.value]}", flush=True)
    return lines


def _say(line: dict[str, Any], log: Path | None) -> None:
    print(
        f"{line['to']:>9,} inputs, {line['cpu_s']:.0f} s, peak {line['peak_mb']['lat']:.0f} MB, longest "
        f"{line['longest_ms']:.0f} ms, {len(line['findings'])} findings",
        flush=True,
    )
    for finding in line["findings"]:
        print(f"input {finding['input']} ({finding['target']}): {finding['trace'].strip()}", flush=True)
    if log:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def report(lines: list[dict[str, Any]]) -> int:
    """Print what was reached; 1 if anything was found."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line["counts"])
    stages: dict[str, Counter[str]] = {}
    totals: Counter[str] = Counter(dict.fromkeys(ORDER, 0))
    for key, count in sorted(counts.items()):
        place, outcome = key.rsplit("/", 1)
        stages.setdefault(place, Counter())[outcome] += count
        totals[place.split("/")[0]] += count
    print(f"{sum(totals.values()):,} inputs: " + ", ".join(f"{t} {n:,}" for t, n in totals.items()))
    for place, outcomes in stages.items():
        print(f"  {place}: " + ", ".join(f"{name} {n:,}" for name, n in outcomes.most_common()))
    findings = [finding for line in lines for finding in line["findings"]]
    longest = max(lines, key=lambda line: line["longest_ms"], default=None)
    if longest:
        peaks = [max(line["peak_mb"][kind] for line in lines) for kind in ("lat", "package")]
        print(
            f"peak memory {peaks[0]:.0f} MB with .lat files, {peaks[1]:.0f} MB with packages; longest input "
            f"{longest['longest_input']}: {longest['longest_ms']:.0f} ms of processor time"
        )
    print(f"{len(findings)} findings")
    for finding in findings:
        print(f"  {finding['input']} ({finding['target']}): {finding['trace'].strip().splitlines()[-1]}")
    return 1 if findings else 0


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def one(number: int, output: str | None) -> int:
    """Make one input again, write it if asked, and run it."""
    watch_time()
    campaign = Campaign(Targets(mutations.Corpus()))
    if output:
        Path(output).write_bytes(campaign.targets.make(ORDER[number % len(ORDER)], random.Random(number)))
    campaign.input(number)
    campaign.targets.close()
    print(*campaign.counts)
    for finding in campaign.findings:
        print(finding["trace"])
    return 1 if campaign.findings else 0


def guided(target: str, options: list[str]) -> None:
    """Let atheris choose.  Does not return."""
    import atheris

    watch_time()
    targets = Targets(mutations.Corpus())

    def test(data: bytes) -> None:
        chosen = mutations.Chosen(data)
        made = targets.make(target, chosen)
        _, trace = outcome_of(lambda: targets.run(target, made, chosen), target)
        if trace:
            raise RuntimeError(trace)

    atheris.Setup([sys.argv[0], *options], test)
    atheris.Fuzz()


def main() -> int:
    known = parser(__doc__, start=0, count=100_000, log=Path, report=Path, one=int)
    known.add_argument("-o", "--output", help="of --one")
    known.add_argument("--atheris", choices=sorted(set(ORDER)), help="a target; other options are libFuzzer's")
    options, rest = known.parse_known_args()
    if options.atheris:
        guided(options.atheris, rest)
    if rest:
        known.error(f"unknown: {' '.join(rest)}")
    if options.report:
        return report(read_log(options.report))
    if options.one is not None:
        return one(options.one, options.output)
    before = read_log(options.log) if options.log else []
    start = max([options.start, *(line["to"] for line in before)])
    return report(before + supervise(start, options.count, options.log))


if __name__ == "__main__":
    sys.exit(main())
