"""Hostile files: damaged and made-up .lat files and model packages, by the million.

    python tools/fuzz.py --count 1000000 --log fuzz.jsonl      # goes on where the log ends; stop it at will
    python tools/fuzz.py --report fuzz.jsonl                   # what was reached, and what was found
    python tools/fuzz.py --one 4711 -o finding                 # write input 4711, and run it
    python tools/fuzz.py --atheris stream -max_total_time=600  # coverage-guided (pip install atheris)

Input N is made from the golden files by a random generator that is seeded with N, so a number is all that a finding
needs. Inputs go to five targets:

    bytes      a file with bytes changed, cut off or added: each must be refused
    header     the header's fields, with its checksum mended
    sections   sections changed, moved, made up, with their checksums mended: alpha, metadata, image files
    stream     the latents' section, with its checksum mended: symbols, by both coders, then pixels
    package    a model package's zip, description, tables and graphs, with digests mended: checks, onnxruntime

An input passes if it is accepted, or refused with an AezipError, within 5 s of processor time and 512 MB of memory; a
package may ask for more than there is, which is counted. All run in one process that is watched: should it die, its
input is a finding, and the rest goes on. With atheris the fuzzer's bytes take the place of the random generator's.
Exit code 1: findings.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import fuzz_mutations as mutations

LIMIT_S = 5  # of processor time an input
SILENCE_S = 120  # of a process that hangs where no signal reaches it
ADDRESS_SPACE = 4 * 2**30  # bytes
MAX_PIXELS = 2**20
MEMORY_MB = 512  # resident, that reading a .lat file of so many pixels may take
CHUNK = 1000
ORDER = ("bytes", "header", "bytes", "sections", "bytes", "stream", "bytes", "header", "bytes", "sections",
         "bytes", "stream", "bytes", "header", "bytes", "sections", "package", "stream", "header", "sections")


class Hang(BaseException):
    """An input takes too long."""


class Finding(Exception):
    """An input that passed where it must not, or two results that should be one."""


class Targets:
    """What is done with an input of each target; `stage` says how far it came."""

    def __init__(self, corpus: mutations.Corpus) -> None:
        from aezip import Codec
        from aezip.entropy import coder

        self.corpus, self.stage = corpus, ""
        self.codec = Codec(str(corpus.package), threads=1)
        self._compiled = coder.chosen()[0] == "compiled"
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self._path = Path(self._folder.name) / "mutated.aezm"

    def close(self) -> None:
        """Remove what was written."""
        self._folder.cleanup()

    def make(self, target: str, rng: random.Random) -> bytes:
        """The input."""
        self.stage = "made"
        if target == "stream" and rng.random() < 0.15:
            return self._symbols_made_up(rng)
        made: bytes = getattr(mutations, f"mutate_{target}")(rng, self.corpus)
        return made

    def run(self, target: str, data: bytes, rng: random.Random) -> None:
        """Put an input through.  Raises AezipError, or what should never be raised."""
        getattr(self, f"_{target}")(data, rng)

    def _bytes(self, data: bytes, rng: random.Random) -> None:
        from aezip.format import container

        self.stage = "unpack"
        container.unpack(data)
        raise Finding("accepted, though its bytes were changed")

    def _header(self, data: bytes, rng: random.Random) -> None:
        self._latents(data, rng)

    def _sections(self, data: bytes, rng: random.Random) -> None:
        import numpy as np

        from aezip import images
        from aezip.format import container

        self.stage = "unpack"
        lat = container.unpack(data, MAX_PIXELS)
        self.stage = "contents"
        images.check_sections(lat)
        h = lat.header
        picture = images.picture_of(np.zeros((h.height, h.width, h.channels), np.uint8), lat, None)
        if rng.random() < 0.25:
            self.stage = "image file"
            images.build(picture, rng.choice(tuple(images.FORMATS)))

    def _stream(self, data: bytes, rng: random.Random) -> None:
        self._latents(data, rng)
        if rng.random() < 0.5:
            self.stage = "pixels"
            pixels, lat = self.codec.decode(data, MAX_PIXELS)
            if pixels.shape != (lat.header.height, lat.header.width, lat.header.channels):
                raise Finding(f"pixels of shape {pixels.shape}")

    def _latents(self, data: bytes, rng: random.Random) -> None:
        """Every symbol; now and then by the other coder, too, who has to say the same."""
        from aezip.errors import AezipError
        from aezip.format import container

        self.stage = "unpack"
        lat = container.unpack(data, MAX_PIXELS)
        self.stage = "symbols"
        if not self._compiled or rng.random() > 0.1 or lat.header.width * lat.header.height > 2**14:
            self.codec.check(data, MAX_PIXELS)
            return
        said = []
        for name in ("numpy", "compiled"):
            try:
                with _coder(name):
                    said.append(self._symbols(lat))
            except AezipError as error:
                said.append(f"{type(error).__name__}: {error}")
        if said[0] != said[1]:
            raise Finding(f"numpy says {said[0][:200]!r}, the compiled coder {said[1][:200]!r}")
        self.codec.check(data, MAX_PIXELS)

    def _symbols(self, lat: Any) -> str:
        from aezip.codec import decode_latents

        found, _ = decode_latents(self.codec._for(lat.header.fingerprint), lat)
        return str(found.tobytes().hex())

    def _symbols_made_up(self, rng: random.Random) -> bytes:
        """A sound stream of symbols that no picture has."""
        import numpy as np

        from aezip.coding import hyperprior
        from aezip.format import container
        from aezip.model.ladder import rung

        graphs, level = self.codec._encoding, rng.randrange(1001)
        step = rung(graphs.package.ladder, level)
        h, w = rng.randint(1, 6), rng.randint(1, 6)
        numbers = np.random.default_rng(rng.getrandbits(32))
        reach, wide = rng.choice((0, 1, 30, 1023)), rng.choice((1, 100, 32767))
        hyper = numbers.integers(-reach, reach + 1, (-(-h // 4), -(-w // 4), len(step.hyper_gain)), np.int16)
        latent = numbers.integers(-wide, wide + 1, (h, w, len(step.gain)), np.int16)
        stream = hyperprior.encode(graphs, latent, hyper, step, rng.randrange(2))
        header = container.Header(16 * w - rng.randrange(16), 16 * h - rng.randrange(16), rng.choice((1, 3)), level,
                                  graphs.package.fingerprint)
        return container.pack(container.Lat(header, (container.Section(container.LATENTS, stream),)))

    def _package(self, data: bytes, rng: random.Random) -> None:
        from aezip import Codec, codec
        from aezip.model import packages, writing
        from aezip.model.ladder import rung

        self._path.write_bytes(data)
        self.stage = "describe"
        about = packages.describe(self._path)
        self.stage = "check"
        writing.check(about)
        rung(packages.Package(about).ladder, rng.randrange(1001))
        if rng.random() < 0.5:
            self.stage = "run"
            codec._read.cache_clear()  # another package under the same name
            mutated = Codec(str(self._path), threads=1)
            mutated.decode(self.corpus.written_by(rng, about.fingerprint), MAX_PIXELS)
            self.stage = "run encoder"
            mutated.encode(self.corpus.picture(rng))


@contextlib.contextmanager
def _coder(name: str) -> Iterator[None]:
    before = os.environ.get("AEZIP_CODER")
    os.environ["AEZIP_CODER"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["AEZIP_CODER"]
        else:
            os.environ["AEZIP_CODER"] = before


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
        target = ORDER[number % len(ORDER)]
        rng = random.Random(number)
        data = self.targets.make(target, rng)
        start = process_time()
        outcome, trace = outcome_of(lambda: self.targets.run(target, data, rng), target)
        self.longest = max(self.longest, (process_time() - start, number))
        self.counts[f"{target}/{self.targets.stage}/{outcome}"] += 1
        peak = peak_mb()
        kind = "package" if target == "package" else "lat"
        self.peak[kind] = max(self.peak[kind], round(peak, 1))
        if peak > MEMORY_MB:
            trace = trace or (f"{peak:.0f} MB of memory" if kind == "lat" else "")
            forget_peak()
        if trace:
            self.findings.append({"input": number, "target": target, "stage": self.targets.stage, "trace": trace})


def outcome_of(run: Callable[[], None], target: str) -> tuple[str, str]:
    """The name of what came of it, and a traceback if that is a finding."""
    from aezip.errors import AezipError

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


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def forget_peak() -> None:
    """Where Linux lets it, measure the peak anew from here on."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def work(at: Any, pipe: Any, start: int, stop: int, skipped: frozenset[int]) -> None:
    """In a process of its own: chunks of inputs; what was counted goes through the pipe after each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow's, of Exif
    watch_time()
    targets = Targets(mutations.Corpus())
    for first in range(start, stop, CHUNK):
        campaign, last = Campaign(targets), min(first + CHUNK, stop)
        began = process_time()
        for number in range(first, last):
            at.value = number
            if number not in skipped:
                campaign.input(number)
        pipe.send({
            "from": first, "to": last, "counts": campaign.counts, "findings": campaign.findings,
            "peak_mb": campaign.peak, "longest_ms": round(1000 * campaign.longest[0], 1),
            "longest_input": campaign.longest[1], "cpu_s": round(process_time() - began, 1),
        })
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
                if not ours.poll(SILENCE_S):
                    if at.value == seen:
                        process.kill()
                        break
                    seen = at.value
                    continue
                line = ours.recv()
                for number in [n for n in died if line["from"] <= n < line["to"]]:
                    target = ORDER[number % len(ORDER)]
                    line["findings"].append({"input": number, "target": target, "trace": died.pop(number)})
                start = line["to"]
                lines.append(line)
                _say(line)
                if log:
                    with log.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
        process.join()
        if start < stop:
            died[at.value] = f"the process ended with {process.exitcode}"
            print(f"input {at.value}: {died[at.value]}", flush=True)
    return lines


def _say(line: dict[str, Any]) -> None:
    print(f"{line['to']:>9,} inputs, {line['cpu_s']:.0f} s, peak {line['peak_mb']['lat']:.0f} MB, longest "
          f"{line['longest_ms']:.0f} ms, {len(line['findings'])} findings", flush=True)
    for finding in line["findings"]:
        print(f"input {finding['input']} ({finding['target']}): {finding['trace'].strip()}", flush=True)


def report(lines: list[dict[str, Any]]) -> int:
    """Print what was reached; 1 if anything was found."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line["counts"])
    stages: dict[str, Counter[str]] = {}
    for key, count in sorted(counts.items()):
        target, stage, outcome = key.split("/")
        stages.setdefault(f"{target}/{stage}", Counter())[outcome] += count
    totals = Counter({t: sum(n for key, n in counts.items() if key.startswith(f"{t}/")) for t in dict.fromkeys(ORDER)})
    print(f"{sum(totals.values()):,} inputs: " + ", ".join(f"{t} {n:,}" for t, n in totals.items()))
    for place, outcomes in stages.items():
        print(f"  {place}: " + ", ".join(f"{name} {n:,}" for name, n in outcomes.most_common()))
    findings = [finding for line in lines for finding in line["findings"]]
    longest = max(lines, key=lambda line: line["longest_ms"], default=None)
    if longest:
        peaks = [max(line["peak_mb"][kind] for line in lines) for kind in ("lat", "package")]
        print(f"peak memory {peaks[0]:.0f} MB with .lat files, {peaks[1]:.0f} MB with packages; longest input "
              f"{longest['longest_input']}: {longest['longest_ms']:.0f} ms of processor time")
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
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with atheris.instrument_imports(include=["aezip"]):
        import aezip.codec
        import aezip.format.alpha
        import aezip.images
        import aezip.model.writing  # noqa: F401
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="go on to this input")
    parser.add_argument("--start", type=int, default=0, help="begin with this input, where no log says otherwise")
    parser.add_argument("--log", type=Path, help="JSON lines, one for 1,000 inputs; appended to")
    parser.add_argument("--report", type=Path, metavar="LOG")
    parser.add_argument("--one", type=int, metavar="INPUT")
    parser.add_argument("-o", "--output", help="of --one")
    parser.add_argument("--atheris", choices=sorted(set(ORDER)), metavar="TARGET", help="other options are libFuzzer's")
    options, rest = parser.parse_known_args()
    if options.atheris:
        guided(options.atheris, rest)
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.report:
        return report(read_log(options.report))
    if options.one is not None:
        return one(options.one, options.output)
    before = read_log(options.log) if options.log else []
    start = max([options.start, *(line["to"] for line in before)])
    return report(before + supervise(start, options.count, options.log))


if __name__ == "__main__":
    sys.exit(main())
