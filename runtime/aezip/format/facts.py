"""What is known of a `.lat` file, for people and as JSON."""

from __future__ import annotations

from typing import Any

from . import container
from .colour import Cicp, ContentLight, Mastering
from .container import Lat
from .geometry import CELL_SIZE, grid
from .resolution import Resolution

NAMES = {
    container.ICC: "ICC profile",
    container.CICP: "code points of colours",
    container.EXIF: "EXIF",
    container.XMP: "XMP",
    container.RESOLUTION: "resolution",
    container.ALPHA: "alpha",
    container.DEPTH: "depth",
    container.LATENTS: "latents",
    container.PATCHES: "patches",
    container.PIXELS: "exact pixels",
    container.IPTC: "IPTC",
    container.EXTENDED_XMP: "extended XMP",
    container.COMMENT: "comment",
    container.TEXTS: "texts of a PNG",
    container.CONTENT_LIGHT: "content light level",
    container.MASTERING: "mastering display",
    container.GAIN_MAP: "gain map",
}


def facts_of(file: str, lat: Lat, size: int, models: dict[bytes, str]) -> dict[str, Any]:
    """All fields of a file of `size` bytes, ready for JSON.  Raises SectionDamaged."""
    h = lat.header
    return {
        "file": file,
        "bytes": size,
        "bpp": bpp_of(lat, size),
        "version": h.version,
        "width": h.width,
        "height": h.height,
        "channels": h.channels,
        "depth": lat.depth,
        "alpha": lat.section(container.ALPHA) is not None,
        "resolution": _resolution(lat),
        "colours": _colours(lat),
        "light": _light(lat),
        "quality": h.quality,
        "lossless": lat.lossless,
        "patched_cells": _patched(lat),
        "no_skip": bool(h.flags & container.NO_SKIP),
        "tile": h.tile,
        "fingerprint": h.fingerprint.hex(),
        "model": models.get(h.fingerprint),
        "sections": [{"type": s.type.decode(), "bytes": len(s.data)} for s in lat.sections],
    }


def _patched(lat: Lat) -> int:
    """How many cells have patches."""
    data = lat.section(container.PATCHES)
    if data is None:
        return 0
    from . import patches  # and numpy, which no other fact needs

    return patches.count(data, lat.header.height, lat.header.width)


def _resolution(lat: Lat) -> str | None:
    data = lat.section(container.RESOLUTION)
    return None if data is None else str(Resolution.unpack(data))


def _colours(lat: Lat) -> str:
    named = lat.section(container.CICP)
    if named is not None:
        return str(Cicp.unpack(named))
    return "sRGB" if lat.section(container.ICC) is None else "ICC profile"


def _light(lat: Lat) -> str | None:
    kinds = ((container.CONTENT_LIGHT, ContentLight), (container.MASTERING, Mastering))
    known = [str(kind.unpack(data)) for name, kind in kinds if (data := lat.section(name)) is not None]
    return ", ".join(known) or None


def bpp_of(lat: Lat, size: int) -> float:
    """Bits of the whole file for each pixel."""
    return 8 * size / (lat.header.width * lat.header.height)


def lines_of(facts: dict[str, Any]) -> list[str]:
    """The facts as lines to read."""
    sections = [(NAMES.get(s["type"].encode(), s["type"]), s["type"], s["bytes"]) for s in facts["sections"]]
    kind = ("grey" if facts["channels"] == 1 else "RGB") + (" and alpha" if facts["alpha"] else "")
    kind += f", {facts['depth']} bits" if facts["depth"] > 8 else ""
    model = "none needed" if facts["lossless"] else f"{facts['fingerprint']} ({facts['model'] or 'not installed'})"
    rows = [
        ("picture", f"{facts['width']} × {facts['height']} pixels, {kind}"),
        ("size", f"{facts['bytes']:,} B, {facts['bpp']:.3f} bpp"),
        ("quality", "lossless" if facts["lossless"] else f"{facts['quality']:.1f}"),
        ("model", model),
        ("tiles", f"of {facts['tile']} pixels" if facts["tile"] else "none"),
        ("version", str(facts["version"])),
        ("sections", ", ".join(f"{kind} {size:,} B ({name})" for name, kind, size in sections)),
    ]
    if facts["no_skip"]:
        rows.insert(3, ("latents", "all coded, none skipped"))
    if facts["patched_cells"]:
        down, across = grid((facts["height"], facts["width"]), CELL_SIZE)
        cells = f"{down * across:,} cells of {CELL_SIZE} × {CELL_SIZE} pixels"
        rows.insert(3, ("patched", f"{facts['patched_cells']:,} of {cells} are exact"))
    if facts["light"]:
        rows.insert(1, ("light", facts["light"]))
    rows.insert(1, ("colours", facts["colours"]))
    if facts["resolution"]:
        rows.insert(1, ("resolution", facts["resolution"]))
    return [facts["file"], *(f"  {name:<10} {value}" for name, value in rows)]
