"""A package's graphs as onnxruntime sessions: providers, threads, options; and one run of one graph.

Sessions open when they are first used, once; or `prepare` opens them in a thread of its own, while something else is
done. Graphs run where the caller wants, but EXACT run on the CPU, for their integers decide which tables are used; and
so does a decoder whose pixels are the same everywhere, which no other provider was seen to keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from ..errors import ModelUnfit, PackageDamaged, ProviderError, about
from ..model.kinds import GraphName
from ..model.packages import Package
from . import library, timing
from .batching import Array, Together

if TYPE_CHECKING:
    from collections.abc import Hashable

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
DECODERS = ("full", "small")
EXACT = ("prior", "context")
BATCH_ELEMENTS = 2**25  # of a transform's input, in one run of several pictures


class Sessions:
    """The sessions of a package's graphs; several threads may use them at once.

    Args:
        package: Where the graphs are.
        provider: One of PROVIDERS, for all graphs but `on_cpu`.
        threads: Of onnxruntime; None: its own choice.
        optimisation: disabled, basic, extended or all, as onnxruntime has it.
        decoder: One of DECODERS; small is faster and less precise.
        batch: How many pictures of one kind, from as many threads, go through a transform together, at most.
        on_cpu: The graphs that run on the CPU whatever the provider is. None: EXACT, and a decoder that is exact, too.

    Raises:
        ModelUnfit: The package has no small decoder.
    """

    def __init__(
        self,
        package: Package,
        provider: str = "cpu",
        threads: int | None = None,
        optimisation: str = "all",
        decoder: str = "full",
        batch: int = 1,
        on_cpu: Sequence[str] | None = None,
    ) -> None:
        self.package, self.provider, self.threads, self.optimisation = package, provider, threads, optimisation
        exact = (*EXACT, "decoder") if package.exact_pixels else EXACT
        self._on_cpu = exact if on_cpu is None else on_cpu
        held = {GraphName.of(name) for name in package.about.members if name.endswith(".onnx")}
        self._small = decoder == "small"
        if self._small and not package.small:
            finding = f"the model '{package.about.name}' has no small decoder"
            raise ModelUnfit(finding, "the full one, or a model for which aezip-train small made one")
        self._sessions: dict[Hashable, Any] = {}
        self._ahead: set[GraphName] = set()  # those whose turn `prepare` has begun
        self._locks: dict[GraphName, Lock] = {}  # of each while it is opened
        together = [name for name in held if name.role not in EXACT] if batch > 1 else []
        self._together = {name: Together(batch, BATCH_ELEMENTS) for name in together}

    def prepare(self, *names: GraphName) -> None:
        """Begin to open graphs that will be needed, in this order, in a thread of its own; not if one thread is all.

        onnxruntime lets no other thread of Python run while it opens one. But the first can run while others open, and
        what else takes time outside of Python, as decompressing a PNG file does, goes on.
        """
        missing = [name for name in names if name not in self._sessions and name not in self._ahead]
        if missing and self.threads != 1:
            self._ahead.update(missing)
            Thread(target=self._open_ahead, args=(missing,)).start()  # no daemon, which would abort a program that ends

    def transform(
        self,
        name: GraphName,
        item: tuple[str, Array],
        others: dict[str, Any],
        output: tuple[str, tuple[int, ...]],
        kind: Hashable = None,
    ) -> Array:
        """One picture through a graph that takes several, alone or together with others of its size and `kind`.

        item: name and value [...] of the input that has an axis of pictures in front; output: name and shape [...].
        """
        (source, array), (target, shape) = item, output

        def run(arrays: Array) -> Array:
            made: Array = self.run(name, {source: arrays, **others}, {target: (len(arrays), *shape)})[0]
            return made

        if name in self._together:
            return self._together[name]((array.shape, kind), array, run)
        made: Array = run(array[None])[0]
        return made

    def run(self, name: GraphName, inputs: dict[str, Any], shapes: Mapping[str, tuple[int | None, ...]]) -> list[Any]:
        """One run of a graph: its outputs of those names, each of the shape that is given.  Raises PackageDamaged."""
        session = self.session(name, inputs)
        with about(str(self.package.about.path)):
            return run_graph(session, str(name), inputs, shapes)

    def session(self, name: GraphName, inputs: dict[str, Any]) -> Any:
        """What runs a graph, with these inputs.  Raises PackageDamaged, HalfPackage."""
        session = self._sessions.get(name)
        if session is None:
            with self._locks.setdefault(name, Lock()):
                session = self._sessions[name] = self._sessions.get(name) or self._open(name)
        return session

    def close(self) -> None:
        """Give all sessions' memory back; they open again when they are needed."""
        self._ahead.clear()
        self._sessions.clear()

    def _open_ahead(self, names: Sequence[GraphName]) -> None:
        for name in names:
            with suppress(Exception):  # whoever needs it tries once more, and hears
                self.session(name, {})

    def variant(self, name: GraphName) -> GraphName:
        """What stands for a graph: of the decoder the small one, if that is wanted."""
        return name._replace(small=True) if self._small and name.role == "decoder" else name

    def _open(self, name: GraphName) -> onnxruntime.InferenceSession:
        provider = "cpu" if name.role in self._on_cpu else self.provider
        return open_session(self.package, self.variant(name), provider, self.threads, self.optimisation)


def run_graph(
    session: Any, name: str, inputs: dict[str, Any], shapes: Mapping[str, tuple[int | None, ...]]
) -> list[Any]:
    """As `Sessions.run`, of a session; name: what the graph is called."""
    try:
        with timing.stage(name, inputs):
            outputs = session.run(list(shapes), inputs)
    except Exception as error:  # onnxruntime's own classes are not public
        _check_memory(error)
        finding = f"onnxruntime cannot run {name}.onnx ({_first_line(error)})"
        raise PackageDamaged(finding, "the graph of such a model") from error
    for (output, wanted), found in zip(shapes.items(), outputs, strict=True):
        fits = len(found.shape) == len(wanted)
        if not fits or any(b not in (a, None) for a, b in zip(found.shape, wanted, strict=True)):
            sizes, due = ("×".join("any" if n is None else str(n) for n in s) for s in (found.shape, wanted))
            raise PackageDamaged(f"{name}.onnx gives {output} of {sizes}", due)
    return list(outputs)


def _check_memory(error: Exception) -> None:
    """Raises MemoryError if that is what it says."""
    if "alloc" in str(error).lower().replace("preallocated", ""):
        raise MemoryError from error


def _first_line(error: Exception) -> str:
    """What onnxruntime says, which may be nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def open_session(
    package: Package,
    name: GraphName,
    provider: str,
    threads: int | None,
    optimisation: str = "all",
    dimensions: dict[str, int] | None = None,
) -> onnxruntime.InferenceSession:
    """One graph of a package, by `open_graph`.  Raises as it does, and as `Package.graph`."""
    data, file = package.graph(name), str(package.about.path)
    return open_graph(data, str(name), file, provider, threads, optimisation, dimensions)


def open_graph(
    data: bytes,
    name: str,
    file: str | None,
    provider: str,
    threads: int | None,
    optimisation: str = "all",
    dimensions: dict[str, int] | None = None,
) -> onnxruntime.InferenceSession:
    """An ONNX graph as a session; name, file: what it is called, and where it came from.

    optimisation: disabled, basic, extended, all (as onnxruntime's); dimensions: values of those that the graph names.

    Raises PackageDamaged, ProviderError.
    """
    ort = library.onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # planned for one size, it doubles the memory of the first run
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # graphs of two stages run at once
    level = "DISABLE_ALL" if optimisation == "disabled" else f"ENABLE_{optimisation.upper()}"
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
    if threads is not None:
        options.intra_op_num_threads = threads
    for dimension, value in (dimensions or {}).items():
        options.add_free_dimension_override_by_name(dimension, value)
    wanted = PROVIDERS[provider]
    providers = list(dict.fromkeys((wanted, PROVIDERS["cpu"])))
    settings: list[dict[str, str]] = [{} for _ in providers]
    if provider == "openvino" and threads is not None:  # it has threads of its own
        settings[0]["num_of_threads"] = str(threads)
    try:
        session = ort.InferenceSession(
            data,
            options,
            providers=providers,
            provider_options=settings,
            enable_fallback=0,
            disabled_optimizers=["MatMulAddFusion"],  # makes float of 8 bits at fixed sizes
        )
    except Exception as error:  # onnxruntime's own classes are not public
        _check_memory(error)
        if provider != "cpu":
            raise _not_started(provider, _first_line(error)) from error
        finding = f"onnxruntime cannot open {name}.onnx ({_first_line(error)})"
        expectation = "a graph it supports (onnxruntime 1.22 or later)"
        raise PackageDamaged(finding, expectation, file=file) from error
    if wanted not in session.get_providers():  # CUDA's libraries are missing: it takes the CPU instead, and prints that
        raise _not_started(provider, "it takes the CPU instead")
    return session


def _not_started(provider: str, reason: str) -> ProviderError:
    """The error of a provider that is in this onnxruntime, but not of this machine."""
    finding = f"onnxruntime cannot start the provider '{provider}' ({library.missing(provider) or reason})"
    return ProviderError(finding, "its libraries and a device, or provider='cpu'")
