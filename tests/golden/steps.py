"""Writes a small package whose prior chooses the step of each latent, files of it, and their vectors.

    python tests/golden/steps.py halves

Each name is written once, as what `write.py` writes: `steps` has a prior of convolutions, `products` one of matrix
products, both of which say something of the second half, too; `halves` says all of that in the context. The network is
a transform of drawn pictures; its prior is by chance.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aezip import codec as codecs
from aezip.coding import encoder, lossy
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.entropy.tables import mixture_tables
from aezip.format import container
from aezip.format.container import NO_SKIP, PROGRESSIVE
from aezip.model import packages
from aezip_export import package, proofs
from aezip_export.sample import picture
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import IntegerConv2d, set_integer

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import vectors
from integer import short

from conftest import draw

HERE = Path(__file__).parent
SKIP = 30  # so that about half of the latents are left out
FACTS = {"summary": "For tests.", "licence": "Apache-2.0"}
CASES = {  # by what follows the name: picture, quality, tile, flags
    "": (draw(33, 50, 50), 60, 0, 0),
    "-early": (draw(70, 67, 51), 30, 1, PROGRESSIVE),
    "-whole": (draw(40, 48, 52), 90, 0, NO_SKIP),
}


def network() -> Flagship:
    """A transform, and a prior with weights of every size."""
    torch.manual_seed(3)
    transform = {"coarse": 16, "latent": 20, "coarse_blocks": 1, "latent_blocks": 1}
    model = Flagship(Config(**transform, hyper=8, feature=8, halfway=8, hidden=16, local_steps=1))
    model.start_classic(torch.cat([centre(draw(128, 128, seed)[None]) for seed in range(8)]))
    with torch.no_grad():
        for layer in (*model.prior.modules(), *model.context.modules()):
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 1 / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_(0, 0.2)
        for net in (model.prior.first, model.context.second):
            assert net.step is not None
            net.step.bias.div_(8)
            net.scale.weight.mul_(6)  # tables from the first to the last
    set_integer(model, True)
    return proofs.stored_weights(model.eval())


def proved(model: Flagship, path: Path) -> dict[str, Any]:
    """What `proofs.all_of` finds, but of pictures: patches would hide them."""
    bounds = proofs.bounds(model)
    graphs = Graphs.at(Sessions(packages.Package(packages.describe(path))), 500)
    proofs.prior_is_exact(model, graphs.sessions)
    proofs.windows_agree(graphs, np.tile(picture(), (3, 2, 1)))
    return {"log2_bounds": bounds}


def every_case(index: NDArray[np.uint8]) -> None:
    """Look that latents of each step are coded and left out, under the first and the last table, too."""
    table, step = index % 64, index // 64
    for number in range(4):
        assert (table[step == number] > SKIP).any(), number
        assert (table[step == number] <= SKIP).any(), number
    assert (table.min(), table.max()) == (0, 63)


def main(which: str) -> None:
    path = HERE / f"tiny-{which}.aezm"
    if path.exists():
        raise SystemExit(f"{path.name}: there already")
    model = network()
    members = package.members_of(model, "For tests.\n")
    members["tables.npz"] = package.tables_file(short(mixture_tables()), package.ladder_of(model), SKIP)
    description = package.describe(model, path.stem, members, FACTS)
    package.write_proved(path, members, description, lambda trial: proved(model, trial))
    found = packages.Package(packages.describe(path))
    encoder.LOST = 2**31  # whatever is left out
    facts, written = {}, {}
    for ending, (image, quality, tile, flags) in CASES.items():
        name = which + ending
        encoder.TILED_FROM, encoder.TILE = (0, tile) if tile else (2**22, 16)
        data = container.pack(encoder.Encoder(Sessions(found), 10 * quality, flags=flags).encode(image))
        (HERE / f"{name}.lat").write_bytes(data)
        pixels, lat = codecs.Codec(str(path)).decode(data)
        latents, _ = lossy.decode_latents(Sessions(found), lat)
        digest = hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest()
        facts[name] = {"file": hashlib.sha256(data).hexdigest(), "flags": lat.header.flags, "latents": digest}
        written |= vectors.vectors(found, name, data)
        written[f"{name}.pixels"] = pixels
    every_case(np.concatenate([written[f"{which}.0.{half}.index"].ravel() for half in ("prior", "context")]))
    (HERE / f"{which}.json").write_text(json.dumps(facts, indent=1) + "\n")
    np.savez(HERE / f"{which}.npz", **written)


if __name__ == "__main__":
    main(sys.argv[1])
