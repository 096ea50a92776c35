"""`aezip bench`: real files in, real files out, for aezip and the classic codecs.

Reading order: `peers` (who takes part), `measure` (one file at a time; `butteraugli` by libjxl's program), `curves`
(averages, BD-rates), `report` (tables, plots, a page). For `--speed`: `machine` (what times are compared with),
`speed`, `chart`.
"""
