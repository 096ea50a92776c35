"""Measuring speed: every time next to what it is compared with, in one run.

Runs are compared by their ratios; smaller is better:

    PICTURE/THREADS/encode/graphs    a warm encode against its graphs, run bare
    PICTURE/THREADS/encoder/limit    a graph's time against its arithmetic at the rate of a matrix product
    PICTURE/THREADS/encode/PEER      a warm encode against a peer's at about the same rate
    PICTURE/memory/PEER              peak memory of a process that encodes and decodes
    start/help, start/info           a command against `import click`
    start/compress, …/decompress     what a cold command takes beyond a warm one, against the imports it needs (`start`)
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from PIL import Image

from .. import images
from ..arrays import Image8
from ..codec import Codec
from ..engine import timing
from ..engine.cores import cores
from ..engine.sessions import Sessions
from ..errors import UsageError
from ..model.kinds import GraphName
from ..storage.files import read_bytes
from . import machine, peers, start
from .equal import at_rate
from .measure import peak_memory, read_rgb

QUALITY = 60
ROUNDS = 9  # at most, of a picture
WAYS = ("encode", "decode")

# Of one codec and picture: bytes of the file, and for each way the total and, of aezip, stages and bare graphs in s.
Round = dict[str, Any]


class Warm:
    """A codec, and the same graphs to run bare."""

    def __init__(self, model: str, threads: int) -> None:
        self.codec = Codec(model, threads=threads)
        self._bare = Sessions(self.codec.package, threads=threads)

    def round(self, file: Path) -> Round:
        """The picture at `file` compressed and decompressed, and the graphs that this ran, bare."""
        begin = perf_counter()
        pixels = images.read(file).pixels
        read = perf_counter() - begin
        data, encode = self._way(lambda: self.codec.encode(pixels, QUALITY))
        (out, lat), decode = self._way(lambda: self.codec.decode(data))
        picture = images.picture_of(out, lat)
        begin = perf_counter()
        images.build(picture, "png")
        decode["stages"]["write"] = perf_counter() - begin
        encode["stages"]["read"] = read
        return {"bytes": len(data), "encode": encode, "decode": decode}

    def _way(self, run: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
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
                self._bare.session(GraphName.of(span.stage), span.inputs).run(None, span.inputs)
                bare[span.stage] = bare.get(span.stage, 0.0) + perf_counter() - begin
        return out, {"total": total, "stages": stages, "bare": bare}


def pictures_of(files: Sequence[Path]) -> dict[str, Image8]:
    """The pictures by name; without any files, a small and a large one that are drawn."""
    if files:
        return {file.name: read_rgb(file) for file in files}
    return {f"{w}x{h}": machine.draw(w, h) for w, h in ((768, 512), (4000, 3000))}


def measure(
    pictures: dict[str, Image8], model: str, threads: Sequence[int], seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """All of it, ready for JSON: times, and `ratios`.

    pictures: uint8 [H, W, 3] by name, the first one small; threads: numbers of them, none for 1, 2 and 4 as far as
    there are cores; seconds: about, for each picture.
    """
    threads = threads or [n for n in (1, 2, 4) if n <= cores()]
    rates = {n: machine.gemm_rate(n) for n in threads}
    say(", ".join(f"{n} thread{'s' * (n > 1)}: {rate / 1e9:.0f} GFLOP/s" for n, rate in rates.items()))
    warm = {n: Warm(model, n) for n in threads}
    package = warm[threads[0]].codec.package
    operations = {name: 2 * macs for name, macs in package.about.description.get("macs", {}).items()}
    first = next(iter(pictures.values()))
    settings = _settings(warm[threads[0]].codec, first)
    result: dict[str, Any] = {
        "machine": machine.described(),
        "model": package.about.name,
        "quality": QUALITY,
        "peer_settings": settings,
        "gemm_flop_per_s": {str(n): rate for n, rate in rates.items()},
        "macs_per_pixel": {name: value / 2 for name, value in operations.items()},
        "runs": [],
        "memory_mb": {},
        "start_s": {},
        "ratios": {},
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
                rounds = _rounds(file, pixels, warm[n], n, settings, seconds / len(threads))
                result["runs"] += [_row(name, n, codec, found) for codec, found in rounds.items()]
                result["ratios"].update(
                    {f"{name}/{n}/{key}": value for key, value in _ratios(rounds, operations, pixels, rates[n]).items()}
                )
                say(f"{name}, {n} thread{'s' * (n > 1)}: {len(rounds['aezip'])} rounds")
            if pixels is first:
                result["start_s"], ratios = start.measure(file, Path(folder), warm[threads[-1]].codec, model)
                result["ratios"].update({f"start/{name}": value for name, value in ratios.items()})
    return result


def _settings(codec: Codec, pixels: Image8) -> dict[str, float]:
    """Peers, each with the setting that makes this picture's file about as large as the model's."""
    bpp = 8 * len(codec.encode(pixels, QUALITY)) / (pixels.shape[0] * pixels.shape[1])
    return {peer.name: at_rate(peer, pixels, bpp)[1] for peer in peers.classic()}


def _rounds(
    file: Path, pixels: Image8, warm: Warm, threads: int, settings: dict[str, float], seconds: float
) -> dict[str, list[Round]]:
    """Rounds of each codec until the seconds are used up, two at least; the first one warms and is not counted."""
    players = peers.classic(list(settings), threads)
    rounds: dict[str, list[Round]] = {name: [] for name in ("aezip", *settings)}
    begin, count = perf_counter(), 0
    while count < 2 or (count <= ROUNDS and (perf_counter() - begin) * (1 + 1 / count) < seconds):
        rounds["aezip"].append(warm.round(file))
        for peer in players:
            before = perf_counter()
            data = peer.encode(pixels, settings[peer.name])
            between = perf_counter()
            peer.decode(data)
            times = {"encode": {"total": between - before}, "decode": {"total": perf_counter() - between}}
            rounds[peer.name].append({"bytes": len(data), **times})
        count += 1
    return {name: found[1:] for name, found in rounds.items()}


def _ratios(
    rounds: dict[str, list[Round]], operations: dict[str, float], pixels: Image8, rate: float
) -> dict[str, float]:
    ours, out = rounds["aezip"], {}
    for way in WAYS:
        out[f"{way}/graphs"] = median(r[way]["total"] / sum(r[way]["bare"].values()) for r in ours)
        others = {name: _total(found, way) for name, found in rounds.items() if name != "aezip"}
        out.update({f"{way}/{peer}": _total(ours, way) / total for peer, total in others.items()})
    for name, way in (("encoder", "encode"), ("decoder", "decode")):
        if name in operations:
            count = operations[name] * pixels.shape[0] * pixels.shape[1]
            out[f"{name}/limit"] = median(r[way]["bare"][name] for r in ours) * rate / count
    return out


def _total(rounds: list[Round], way: str) -> float:
    """Median seconds."""
    return float(median(r[way]["total"] for r in rounds))


def _row(picture: str, threads: int, codec: str, rounds: list[Round]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "picture": picture,
        "threads": threads,
        "codec": codec,
        "bytes": rounds[-1]["bytes"],
        "rounds": len(rounds),
        "encode_s": _total(rounds, "encode"),
        "decode_s": _total(rounds, "decode"),
    }
    for kind in ("stages", "bare") if codec == "aezip" else ():
        row[f"{kind}_s"] = {
            way: {name: median(r[way][kind].get(name, 0.0) for r in rounds) for name in rounds[0][way][kind]}
            for way in WAYS
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
        raise UsageError("holds no ratios", "the JSON of an earlier run", file=str(file)) from None
