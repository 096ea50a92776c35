"""The frequency tables: 64 zero-mean Gaussians on a log₂ grid of scales.

Table `i` has scale σ = 2^((i − INDEX_ONE) / OCTAVE): σ = 1 is table 18, σ = 0.1035
table 0, σ = 290 table 63. Everything that picks a table works on `i` itself.
"""

from __future__ import annotations

OCTAVE = 5.5  # tables to a doubling of the scale
INDEX_ONE = 18  # the table whose scale is 1
INDEX_TOP = 63
