"""Writes `tiny-integer.aezm` with a small decoder, and the pixels that it makes of the files of `integer.py`.

    python tests/golden/small.py

Written once, as those of `write.py`. Its blocks add what chance has them add.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from aezip import codec as codecs
from aezip.coding import encoder, lossy
from aezip.coding.windows import in_channels
from aezip.engine.sessions import Sessions
from aezip.format import container
from aezip.model.store import find_codec
from aezip_export import small
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.integer_weights import read_decoder
from aezip_train.small_decoder import SmallDecoder, started

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
PLAIN, OUTPUT = HERE / "tiny-integer.aezm", HERE / "small/tiny-integer.aezm"
CASES = ("integer", "integer-tiles", "integer-fine", "integer-grey")


def network() -> SmallDecoder:
    """What a linear fit has of the full decoder, and blocks with weights of every size."""
    model = Flagship(Config(coarse=16, latent=20, coarse_blocks=1, latent_blocks=2, hyper=8, feature=8, integer=1))
    read_decoder(model.decoder, find_codec(str(PLAIN)).member("decoder.onnx"))
    set_integer(model.eval(), True)
    sessions, latents = Sessions(find_codec(str(PLAIN))), []
    for seed in range(8):
        lat = encoder.Encoder(sessions, 140 * seed).encode(draw(128, 128, seed))
        latent, step = lossy.decode_latents(sessions, lat)
        latents.append(torch.from_numpy(latent * step.inverse_gain).permute(2, 0, 1)[None])
    torch.manual_seed(2)
    net = started(model, latents, coarse=12, inner=8, blocks=2)
    with torch.no_grad():
        for block in net.coarse:
            block.expand.weight.normal_(0, 0.02)  # type: ignore[operator, union-attr]
        net.latent_offset.normal_(0, 0.2)
    set_integer(net, True)
    return net


def main() -> None:
    if OUTPUT.exists():
        raise SystemExit(f"{OUTPUT.name}: there already")
    OUTPUT.parent.mkdir(exist_ok=True)
    net = network()
    small.write(PLAIN, OUTPUT, net)
    codec, pixels = codecs.Codec(str(OUTPUT), decoder="small"), {}
    for name in CASES:
        pixels[name], lat = codec.decode((HERE / f"{name}.lat").read_bytes())
        latents, step = lossy.decode_latents(Sessions(codec.package), lat)
        with torch.no_grad():
            levels = net.levels(torch.from_numpy(latents * step.inverse_gain).permute(2, 0, 1)[None])[0]
        shown = in_channels(levels.clamp(0, 255).round().permute(1, 2, 0).numpy().astype(np.uint8), lat.header.channels)
        np.testing.assert_array_equal(pixels[name], shown[: lat.header.height, : lat.header.width])
        assert lat.section(container.PATCHES) is None
    np.savez(OUTPUT.parent / "pixels.npz", **pixels)


if __name__ == "__main__":
    main()
