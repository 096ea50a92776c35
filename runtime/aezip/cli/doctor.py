"""`aezip doctor`: what this installation is made of, and whether it is exact."""

from __future__ import annotations

from typing import Any

import click

from ..engine.library import BUILDS, advice
from . import options
from .messages import show, show_json


@click.command()
@options.model
@options.threads
@options.json_option("Print everything as JSON.")
@options.debug
def doctor(model: str, threads: int | None, as_json: bool) -> None:
    """A digest covers the integers that choose frequency tables. A model has the same digest on every machine. It is
    computed with each provider that --provider can name here, and each is timed on a picture of 768×512. Files are
    always read with the CPU's integers, so another provider that is not exact does no harm. Exit code 1 if the CPU is
    not exact. If all decoders of a model make the same pixels, these are checked, too.

    \b
    Examples:
      aezip doctor
      aezip doctor --json -m mine.aezm
    """
    from ..bench.doctor import examine

    facts = examine(model, threads)
    if as_json:
        show_json(facts)
    else:
        show("\n".join(_lines(facts)))
    (cpu,) = (p for p in facts["providers"] if p["name"] == "cpu")
    if not (cpu.get("exact") and cpu.get("exact_pixels", True)):
        click.get_current_context().exit(1)


def _lines(facts: dict[str, Any]) -> list[str]:
    rows = [
        ("aezip", facts["version"]),
        ("runs on", f"{facts['machine']}, Python {facts['python']}"),
        ("libraries", f"numpy {facts['numpy']}, onnxruntime {facts['onnxruntime']}"),
        *([("builds", _builds(facts["builds"]))] if len(facts["builds"]) > 1 else []),
        ("threads", f"{facts['threads']} of {facts['cores']} cores"),
        ("coder", f"{facts['coder']} ({facts['coder_why']})"),
        ("model", f"{facts['model']}, {facts['fingerprint']}"),
        ("digest", facts["digest"]),
        *([("pixels", facts["pixels"])] if facts["pixels"] else []),
        *((p["name"], _provider(p)) for p in facts["providers"]),
        ("not here", ", ".join(facts["absent"]) + " (providers of other builds of onnxruntime)"),
    ]
    return [f"{name:<10} {value}" for name, value in rows]


def _builds(found: dict[str, str]) -> str:
    names = " and ".join(f"{name} {version}" for name, version in found.items())
    keep = "cuda" if "onnxruntime-gpu" in found else next((p for p, b in BUILDS.items() if b in list(found)[1:]), "cpu")
    return f"{names} have overwritten each other; keep one: {advice(keep)}"


def _provider(facts: dict[str, Any]) -> str:
    if "error" in facts:
        return f"does not work: {facts['error']}"
    verdict = "exact" if facts["exact"] else f"NOT exact (digest {facts['digest']})"
    if "exact_pixels" in facts:
        verdict += ", same pixels" if facts["exact_pixels"] else f", OTHER pixels ({facts['pixels']})"
    times = (f"{kind}r {facts[f'{kind}_ms']:.0f} ms" for kind in ("encode", "decode") if f"{kind}_ms" in facts)
    return ", ".join((verdict, *times))
