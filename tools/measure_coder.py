"""How fast the entropy coder is, through Python, on one core: numpy's and the compiled one.

    python tools/measure_coder.py [--millions 2]

Symbols are Gaussian under the tables that photographs use, the lower ones more often.
"""

from __future__ import annotations

import os
from time import perf_counter

import numpy as np
from common import parser

from aezip.entropy import coder
from aezip.entropy.tables import SYMBOL_MAX, mixture_tables


def main(millions: float) -> None:
    count = int(millions * 1e6)
    rng = np.random.default_rng(1)
    index = (6 + rng.integers(0, 1 + rng.integers(0, 58, count))).astype(np.uint8)
    symbol = np.rint(rng.normal(size=count) * 2.0 ** ((index.astype(int) - 18) / 5.5)).astype(np.int32)
    phase = index, np.clip(symbol, -SYMBOL_MAX, SYMBOL_MAX)
    tables, streams = mixture_tables(), set()
    for name in coder.NAMES:
        os.environ[coder.VARIABLE] = name
        best = [1e9, 1e9]
        for _ in range(5):
            times = [perf_counter()]
            stream = coder.encode([phase], tables)
            times.append(perf_counter())
            source = coder.decoder(stream, tables)
            source.take(index)
            source.finish()
            times.append(perf_counter())
            best = [min(pair) for pair in zip(best, np.diff(times), strict=True)]
        streams.add(stream)
        encode, decode = (count / seconds / 1e6 for seconds in best)
        print(f"{name:<9} encode {encode:6.1f} M symbols/s   decode {decode:6.1f} M symbols/s")
    print(f"{8 * len(stream) / count:.2f} bits a symbol, streams {'alike' if len(streams) == 1 else 'DIFFERENT'}")


if __name__ == "__main__":
    main(parser(__doc__, millions=2.0).parse_args().millions)
