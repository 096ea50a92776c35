"""Measuring speed: every time beside what it is held against, in one run.

In: pictures, a model, numbers of threads. Out: a dictionary, ready for JSON, of times and of `ratios`.
Ratios are what another run can be compared by, the smaller the better:

    PICTURE/THREADS/encode/graphs    a warm encode against its graphs, run bare
    PICTURE/THREADS/encoder/limit    a graph's time against its arithmetic at the rate of a matrix product
    PICTURE/THREADS/encode/PEER      a warm encode against a peer's at about the same rate
    PICTURE/memory/PEER              peak memory of a process that encodes and decodes
    start/help, start/info           a command against `import click`
    start/compress, …/decompress     what a cold command takes beyond a warm one, against the imports it needs (`start`)

Codecs take turns, round by round, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from PIL import Image

from .. import images
from ..codec import Codec
from ..engine import timing
from ..engine.cores import cores
from ..engine.sessions import open_session
from ..errors import UsageError
from ..storage.files import read_bytes
from . import limits, peers, start
from .equal import at_rate
from .measure import peak_memory, read_rgb
from .peers import Pixels

QUALITY = 60
ROUNDS = 9  # at most, of a picture
WAYS = ("encode", "decode")
GRAPHS = ("encoder", "hyper", "prior", "context", "decoder")


@dataclass
class Turns:
    """What one codec took for one picture, a list entry a round."""

    encode: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)
    size: int = 0  # bytes of the file
    stages: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {way: [] for way in WAYS})
    bare: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {way: [] for way in WAYS})

    def of(self, way: str) -> float:
        """Median seconds."""
        return float(median(getattr(self, way)))


class Warm:
    """A codec, and the same graphs to run bare."""

    def __init__(self, model: str, threads: int) -> None:
        self.codec = Codec(model, threads=threads)
        self._bare = {name: open_session(self.codec.package, name, "cpu", threads) for name in GRAPHS}

    def turn(self, file: Path, into: Turns) -> None:
        """One round: the picture at `file` compressed and decompressed, and the graphs that this ran, bare."""
        begin = perf_counter()
        pixels = images.read(str(file)).pixels
        read = perf_counter() - begin
        data = self._way("encode", lambda: self.codec.encode(pixels, QUALITY), into)
        out, lat = self._way("decode", lambda: self.codec.decode(data), into)
        picture = images.picture_of(out, lat)
        begin = perf_counter()
        images.build(picture, "png")
        into.stages["decode"][-1]["write"] = perf_counter() - begin
        into.stages["encode"][-1]["read"] = read
        into.size = len(data)

    def _way(self, way: str, run: Callable[[], Any], into: Turns) -> Any:
        with timing.listening() as spans:
            begin = perf_counter()
            out = run()
            total = perf_counter() - begin
        stages = timing.totals(spans)
        stages["rest"] = max(0.0, total - sum(stages.values()))
        bare: dict[str, float] = {}
        for span in spans:
            if span.inputs is not None:
                begin = perf_counter()
                self._bare[span.stage].run(None, span.inputs)
                bare[span.stage] = bare.get(span.stage, 0.0) + perf_counter() - begin
        getattr(into, way).append(total)
        into.stages[way].append(stages)
        into.bare[way].append(bare)
        return out


def pictures_of(files: Sequence[Path]) -> dict[str, Pixels]:
    """The pictures by name; without any files, a small and a large one that are drawn."""
    if files:
        return {file.name: read_rgb(file) for file in files}
    return {f"{w}x{h}": limits.draw(w, h) for w, h in ((768, 512), (4000, 3000))}


def measure(
    pictures: dict[str, Pixels], model: str, threads: Sequence[int], seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """All of it.

    pictures: uint8 [H, W, 3] by name, the first one small; threads: numbers of them, none for 1, 2 and 4 as far as
    there are cores; seconds: about, for each picture.
    """
    threads = threads or [n for n in (1, 2, 4) if n <= cores()]
    rates = {n: limits.gemm_rate(n) for n in threads}
    say(", ".join(f"{n} thread{'s' * (n > 1)}: {rate / 1e9:.0f} GFLOP/s" for n, rate in rates.items()))
    warm = {n: Warm(model, n) for n in threads}
    package = warm[threads[0]].codec.package
    operations = {name: 2 * macs for name, macs in package.about.description.get("macs", {}).items()}
    first = next(iter(pictures.values()))
    settings = _settings(warm[threads[0]].codec, first)
    result: dict[str, Any] = {
        "machine": limits.machine(), "model": package.about.name, "quality": QUALITY, "peer_settings": settings,
        "gemm_flop_per_s": {str(n): rate for n, rate in rates.items()},
        "macs_per_pixel": {name: value / 2 for name, value in operations.items()},
        "runs": [], "memory_mb": {}, "start_s": {}, "ratios": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, pixels in pictures.items():
            file = Path(folder) / "picture.png"
            Image.fromarray(pixels).save(file, compress_level=1)
            memory = {
                codec: peak_memory([codec, str(setting), str(file), model])
                for codec, setting in {"aezip": QUALITY, **settings}.items()
            }
            result["memory_mb"][name] = memory
            result["ratios"].update({f"{name}/memory/{p}": memory["aezip"] / memory[p] for p in settings})
            for n in threads:
                turns = _rounds(file, pixels, warm[n], n, settings, seconds / len(threads))
                result["runs"] += [_row(name, n, codec, turn) for codec, turn in turns.items()]
                result["ratios"].update({
                    f"{name}/{n}/{key}": value for key, value in _ratios(turns, operations, pixels, rates[n]).items()
                })
                say(f"{name}, {n} thread{'s' * (n > 1)}: {len(turns['aezip'].encode)} rounds")
            if pixels is first:
                result["start_s"], ratios = start.measure(file, Path(folder), warm[threads[-1]].codec, model)
                result["ratios"].update({f"start/{name}": value for name, value in ratios.items()})
    return result


def _settings(codec: Codec, pixels: Pixels) -> dict[str, float]:
    """Peers, each with the setting that makes this picture's file about as large as the model's."""
    bpp = 8 * len(codec.encode(pixels, QUALITY)) / (pixels.shape[0] * pixels.shape[1])
    return {peer.name: at_rate(peer, pixels, bpp)[1] for peer in peers.classic()}


def _rounds(
    file: Path, pixels: Pixels, warm: Warm, threads: int, settings: dict[str, float], seconds: float
) -> dict[str, Turns]:
    """Rounds until the seconds are used up, two at least; the first one warms and is not counted."""
    players = peers.classic(list(settings), threads)
    turns = {name: Turns() for name in ("aezip", *settings)}
    begin, rounds = perf_counter(), 0
    while rounds < 2 or (rounds <= ROUNDS and (perf_counter() - begin) * (1 + 1 / rounds) < seconds):
        if rounds == 1:
            turns = {name: Turns() for name in turns}
        warm.turn(file, turns["aezip"])
        for peer in players:
            before = perf_counter()
            data = peer.encode(pixels, settings[peer.name])
            between = perf_counter()
            peer.decode(data)
            turns[peer.name].encode.append(between - before)
            turns[peer.name].decode.append(perf_counter() - between)
            turns[peer.name].size = len(data)
        rounds += 1
    return turns


def _ratios(turns: dict[str, Turns], operations: dict[str, float], pixels: Pixels, rate: float) -> dict[str, float]:
    ours, out = turns["aezip"], {}
    for way in WAYS:
        out[f"{way}/graphs"] = median(
            total / sum(bare.values()) for total, bare in zip(getattr(ours, way), ours.bare[way], strict=True)
        )
        out.update({f"{way}/{peer}": ours.of(way) / turn.of(way) for peer, turn in turns.items() if turn is not ours})
    for name, way in (("encoder", "encode"), ("decoder", "decode")):
        if name in operations:
            count = operations[name] * pixels.shape[0] * pixels.shape[1]
            out[f"{name}/limit"] = median(b[name] for b in ours.bare[way]) * rate / count
    return out


def _row(picture: str, threads: int, codec: str, turn: Turns) -> dict[str, Any]:
    row: dict[str, Any] = {
        "picture": picture, "threads": threads, "codec": codec, "bytes": turn.size, "rounds": len(turn.encode),
        "encode_s": turn.of("encode"), "decode_s": turn.of("decode"),
    }
    for kind in ("stages", "bare"):
        found = {way: getattr(turn, kind)[way] for way in WAYS}
        if found["encode"]:
            row[f"{kind}_s"] = {
                way: {name: median(r.get(name, 0.0) for r in rounds) for name in rounds[0]}
                for way, rounds in found.items()
            }
    return row


def compare(now: dict[str, float], before: dict[str, float], tolerance: float) -> list[tuple[str, float, float]]:
    """Ratios that got worse by more than the tolerance (0.1: 10 %), with what they were and are."""
    shared = [name for name in now if name in before]
    return [(name, before[name], now[name]) for name in shared if now[name] > before[name] * (1 + tolerance)]


def ratios_of(file: Path) -> dict[str, float]:
    """The ratios of an earlier run's JSON.  Raises UsageError."""
    data = read_bytes(file, UsageError)
    try:
        return {str(name): float(value) for name, value in json.loads(data)["ratios"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError("holds no ratios", "what aezip bench --speed --json wrote", file=str(file)) from None
