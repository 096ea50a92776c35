"""`aezip bench`: real files in, real files out, for aezip and the classic codecs.

Reading order: `peers` (who takes part), `measure` (one file at a time), `report`
(tables, plots, a page). Of `--speed`: `limits` (what times are held against), `speed`, `chart`.
"""
