"""Sessions for pictures of one size: one for each shape that occurs, its outputs in arrays made once.

Dimensions are fixed when a session opens, so that the arena's memory of the first run serves all that follow.
onnxruntime's memory patterns stay off: they take as much again in the second run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PackageDamaged, about
from ..format.geometry import HYPER_STRIDE, LATENT_STRIDE
from ..model.kinds import REDUCED, GraphName
from .sessions import Sessions, open_session

if TYPE_CHECKING:
    import onnxruntime

_SCALES = {role: scale for scale, role in REDUCED.items()}  # how many times smaller; of other graphs 1
_FIRST = {"encoder": "image", "hyper": "latent", "prior": "hyper", "context": "known"}  # input; of decoders "latent"
_PIXELS = {"image": 1, "latent": LATENT_STRIDE, "known": 2 * LATENT_STRIDE, "hyper": HYPER_STRIDE}  # to one element
_KINDS = {"tensor(uint8)": np.uint8, "tensor(int16)": np.int16, "tensor(float)": np.float32}


class FixedSizeSessions(Sessions):
    """Sessions of fixed shapes; one picture at a time."""

    def session(self, name: GraphName, inputs: dict[str, Any]) -> Any:
        first = _FIRST.get(name.role, "latent")
        rows, columns = (_PIXELS[first] * n for n in inputs[first].shape[1:3])
        key = name, rows, columns
        if key not in self._sessions:
            scale = _SCALES.get(name.role, 1)
            dimensions = {
                "N": 1,
                "H": rows // scale,
                "W": columns // scale,
                "h": rows // LATENT_STRIDE,
                "w": columns // LATENT_STRIDE,
                "p": rows // (2 * LATENT_STRIDE),
                "q": columns // (2 * LATENT_STRIDE),
                "a": rows // HYPER_STRIDE,
                "b": columns // HYPER_STRIDE,
            }
            variant = self.variant(name)
            session = open_session(self.package, variant, self.provider, self.threads, dimensions=dimensions)
            with about(str(self.package.about.path)):
                self._sessions[key] = _Plan(session, copied=first == "image")
        return self._sessions[key]


class _Plan:
    """A session whose shapes are all known, and the arrays its outputs are written to, again and again.

    copied: whether outputs are given as copies, since the next window is made while this one is coded.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, copied: bool) -> None:
        self._session, self._binding, self._copied = session, session.io_binding(), copied
        self.get_outputs = session.get_outputs
        self._made: dict[str, NDArray[Any]] = {}
        for output in session.get_outputs():
            try:
                array = np.empty(output.shape, _KINDS[output.type])
            except (TypeError, ValueError, MemoryError):
                raise PackageDamaged(f"{output.name} has the shape {output.shape}", "a picture's") from None
            self._binding.bind_output(output.name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            self._made[output.name] = array

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[NDArray[Any]]:
        """As of a session; what is not copied lasts until the next run."""
        held = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        for name, value in held.items():
            self._binding.bind_cpu_input(name, value)
        self._session.run_with_iobinding(self._binding)
        return [self._made[name].copy() if self._copied else self._made[name] for name in outputs]
