"""The network's graphs, run by onnxruntime: arrays in, arrays out.

Sessions open when they are first used, once; or `prepare` opens them in a thread of its own, while something else is
done. The transforms run where the caller
wants; the prior runs on the CPU always, for its integers decide which tables are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnfit, PackageDamaged, ProviderError, UsageError
from ..model import onnx_check
from ..model.ladder import Rung
from ..model.packages import INT8, Package
from . import timing
from .batching import Together

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "rocm": "ROCMExecutionProvider",
}
PRECISIONS = ("float", "int8")
INT16 = NDArray[np.int16]
STRIDE = 16  # pixels to a latent
TRANSFORMS = "encoder", "hyper", "decoder"  # which run where the caller wants, and of several pictures at once
BATCH_ELEMENTS = 2**25  # of a transform's input, in one run of several pictures
_CARRIED = ("features", "raw_mean", "raw_scale")  # from the prior to the context


class Graphs:
    """The five graphs of a package, opened lazily; several threads may use them at once.

    precision: of PRECISIONS; int8 takes the variants in 8 bits of encoder and decoder; batch: how many pictures of one
    size and quality, from as many threads, go through a transform together, at most.  Raises ModelUnfit.
    """

    def __init__(
        self, package: Package, provider: str = "cpu", threads: int | None = None, optimisation: str = "all",
        precision: str = "float", batch: int = 1,
    ) -> None:
        self.package, self.provider, self.threads, self.optimisation = package, provider, threads, optimisation
        self.precision = precision
        if precision == "int8" and not set(INT8) & set(package.about.members):
            finding = f"the model '{package.about.name}' has no graphs in 8 bits"
            raise ModelUnfit(finding, "--precision float, or a model to which aezip_export.int8 added them")
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._opening: dict[str, _Opening] = {}
        self._lock = Lock()
        self._together = {name: Together(batch, BATCH_ELEMENTS) for name in TRANSFORMS} if batch > 1 else {}

    def prepare(self, *names: str, then: Callable[[], object] | None = None) -> None:
        """Begin to open graphs that will be needed, in this order, in a thread of its own; not if one thread is all.

        then: what that thread does when they are open, if any had to be opened.

        onnxruntime lets no other thread of Python run while it opens one. But the first can run while others open, and
        what else takes time outside of Python, as decompressing a PNG file does, goes on.
        """
        if self.threads == 1:
            return
        with self._lock:
            there = [name for name in names if f"{name}.onnx" in self.package.about.members]
            missing = [name for name in there if name not in self._sessions and name not in self._opening]
            if missing:
                self._opening.update(dict.fromkeys(missing, _Opening(self._open, missing, then)))

    def encoder(self, image: NDArray[np.uint8], rung: Rung) -> INT16:
        """image [H, W, 3 or 1], sides multiples of 16 → latents in 1/16 of a step [H/16, W/16, C]."""
        h, w = (size // STRIDE for size in image.shape[:2])
        return self._transform("encoder", "image", image, {"gain": rung.gain}, "latent", (h, w, len(rung.gain)), rung)

    def hyper(self, latent: INT16, rung: Rung) -> INT16:
        """Latents in 1/16 of a step [4a, 4b, C] → hyper-latents [a, b, Z], within ±SYMBOL_MAX."""
        a, b = (size // 4 for size in latent.shape[:2])
        inputs = {"hyper_gain": rung.hyper_gain}
        return self._transform("hyper", "latent", latent, inputs, "hyper", (a, b, len(rung.hyper_index)), rung)

    def prior(self, hyper: INT16, rung: Rung) -> tuple[INT16, NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """hyper [a, b, Z] → of the first half mean in 1/16 and table index [2, 2a, 2b, C], and what the context wants.

        A half is laid out as `latents.halves` has it.
        """
        inputs: dict[str, Any] = {
            "hyper": hyper[None], "hyper_inverse": rung.hyper_inverse, "hyper_offset": rung.hyper_offset,
            "mean_gain": rung.mean_gain, "shift": rung.shift,
        }
        half = 2, 2 * hyper.shape[0], 2 * hyper.shape[1], len(rung.gain)
        shapes = {"mean": half, "index": half, **dict.fromkeys(_CARRIED, (2, None, *half[1:3]))}
        mean, index, *carried = self._run("prior", inputs, shapes)
        return mean, index, dict(zip(_CARRIED, carried, strict=True))

    def context(
        self, carried: dict[str, NDArray[np.float32]], known: INT16, rung: Rung
    ) -> tuple[INT16, NDArray[np.uint8]]:
        """Decoded first half in 1/16 [2, 2a, 2b, C] → mean and table index of the second half, alike."""
        inputs: dict[str, Any] = {
            **carried, "known": known, "context_gain": rung.context_gain,
            "mean_gain": rung.mean_gain, "shift": rung.shift,
        }
        mean, index = self._run("context", inputs, {"mean": known.shape, "index": known.shape})
        return mean, index

    def decoder(self, latent: INT16, rung: Rung) -> NDArray[np.uint8]:
        """Latents in 1/16 [h, w, C] → image [16h, 16w, 3 or 1]."""
        h, w = (STRIDE * size for size in latent.shape[:2])
        inputs, shape = {"inverse_gain": rung.inverse_gain}, (h, w, self.package.about.channels)
        return self._transform("decoder", "latent", latent, inputs, "image", shape, rung)

    def close(self) -> None:
        """Give all graphs' memory back; they open again when they are needed."""
        self._opening.clear()
        self._sessions.clear()

    def _transform(
        self, name: str, source: str, array: NDArray[Any], inputs: dict[str, Any], target: str, shape: tuple[int, ...],
        rung: Rung,
    ) -> NDArray[Any]:
        """One picture through a graph that takes several: its input `source` → its output `target`, of this shape."""

        def run(arrays: NDArray[Any]) -> NDArray[Any]:
            made: NDArray[Any] = self._run(name, {source: arrays, **inputs}, {target: (len(arrays), *shape)})[0]
            return made

        if name in self._together:
            return self._together[name]((array.shape, rung.quality), array, run)
        made: NDArray[Any] = run(array[None])[0]
        return made

    def _run(self, name: str, inputs: dict[str, Any], shapes: Mapping[str, tuple[int | None, ...]]) -> list[Any]:
        """The outputs of those names, each of the shape that is given."""
        session = self._session(name, inputs)
        try:
            with timing.stage(name, inputs):
                outputs = session.run(list(shapes), inputs)
        except Exception as error:  # onnxruntime's own classes are not public
            if "alloc" in str(error).lower():
                raise MemoryError from error
            finding = f"onnxruntime cannot run {name}.onnx ({_first_line(error)})"
            raise PackageDamaged(finding, "the graph of such a model", file=str(self.package.about.path)) from error
        for (output, wanted), found in zip(shapes.items(), outputs, strict=True):
            if len(found.shape) != 4 or any(b not in (a, None) for a, b in zip(found.shape, wanted, strict=True)):
                sizes, due = ("×".join("any" if n is None else str(n) for n in s) for s in (found.shape, wanted))
                raise PackageDamaged(f"{name}.onnx gives {output} of {sizes}", due, file=str(self.package.about.path))
        return list(outputs)

    def _session(self, name: str, inputs: dict[str, Any]) -> onnxruntime.InferenceSession:
        session = self._sessions.get(name)
        if session is None:
            with self._lock:
                if name not in self._sessions:
                    opening = self._opening.get(name)
                    self._sessions[name] = opening.session(name) if opening else self._open(name)
                    self._opening.pop(name, None)
                session = self._sessions[name]
        return session

    def _open(self, name: str) -> onnxruntime.InferenceSession:
        provider = self.provider if name in TRANSFORMS else "cpu"
        if self.precision == "int8" and f"{name}{onnx_check.INT8}.onnx" in self.package.about.members:
            name += onnx_check.INT8
        # onnxruntime's higher levels open the prior later and run it no faster
        level = "basic" if (name, self.optimisation) == ("prior", "all") else self.optimisation
        return open_session(self.package, name, provider, self.threads, level)


class _Opening(Thread):
    """Sessions that are being opened, one after the other."""

    def __init__(
        self, opened: Callable[[str], onnxruntime.InferenceSession], names: Sequence[str],
        then: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self._opened, self._then = opened, then
        self._there = {name: Event() for name in names}
        self._found: dict[str, onnxruntime.InferenceSession | Exception] = {}
        self.start()

    def run(self) -> None:
        for name, there in self._there.items():
            try:
                self._found[name] = self._opened(name)
            except Exception as error:
                self._found[name] = error
            there.set()
        if self._then:
            self._then()

    def session(self, name: str) -> onnxruntime.InferenceSession:
        """One of them, when it is there.  Raises as `open_session`."""
        self._there[name].wait()
        found = self._found[name]
        if isinstance(found, Exception):
            raise found
        return found


def _first_line(error: Exception) -> str:
    """What onnxruntime says, which may be nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_settings(
    provider: str, threads: int | None, precision: str = "float", batch: int | None = None
) -> None:
    """Raise UsageError or ProviderError for settings that no session can be opened with."""
    if precision not in PRECISIONS:
        raise UsageError(f"precision '{precision}'", f"one of {', '.join(PRECISIONS)}")
    if provider not in PROVIDERS:
        raise UsageError(f"provider '{provider}'", f"one of {', '.join(PROVIDERS)}")
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads", "at least 1")
    if batch is not None and batch < 1:
        raise UsageError(f"a batch of {batch}", "at least 1")
    if provider != "cpu":
        import onnxruntime as ort

        there = ort.get_available_providers()
        if PROVIDERS[provider] not in there:
            have = ", ".join(k for k, v in PROVIDERS.items() if v in there)
            raise ProviderError(f"the provider '{provider}' is not in this onnxruntime", f"one of: {have}")


def open_session(
    package: Package, name: str, provider: str, threads: int | None, optimisation: str = "all",
    dimensions: dict[str, int] | None = None,
) -> onnxruntime.InferenceSession:
    """One graph of a package as a session.

    optimisation: disabled, basic, extended, all (as onnxruntime's); dimensions: values of those that the graph names.

    Raises PackageDamaged.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # planned for one size, it doubles the memory of the first run
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # graphs of two stages run at once
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = {
        "disabled": levels.ORT_DISABLE_ALL, "basic": levels.ORT_ENABLE_BASIC,
        "extended": levels.ORT_ENABLE_EXTENDED, "all": levels.ORT_ENABLE_ALL,
    }[optimisation]
    if threads is not None:
        options.intra_op_num_threads = threads
    for dimension, value in (dimensions or {}).items():
        options.add_free_dimension_override_by_name(dimension, value)
    data = package.member(f"{name}.onnx")
    try:
        onnx_check.check(name, data)
    except PackageDamaged as error:
        error.file = str(package.about.path)
        raise
    providers = list(dict.fromkeys((PROVIDERS[provider], PROVIDERS["cpu"])))
    settings: list[dict[str, str]] = [{} for _ in providers]
    if provider == "openvino" and threads is not None:  # it has threads of its own
        settings[0]["num_of_threads"] = str(threads)
    try:
        return ort.InferenceSession(data, options, providers=providers, provider_options=settings)
    except Exception as error:  # onnxruntime's own classes are not public
        finding = f"onnxruntime cannot open {name}.onnx ({_first_line(error)})"
        expectation = "a graph it supports (onnxruntime 1.22 or later)"
        raise PackageDamaged(finding, expectation, file=str(package.about.path)) from error
