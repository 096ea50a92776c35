"""`aezip bench`: real files in, real files out, for aezip and the classic codecs.

Reading order: `peers`, `measure`, `curves`, `report`; for `--speed` `machine`, `speed`, `start`, `chart`.
"""
