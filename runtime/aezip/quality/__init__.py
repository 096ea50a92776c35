"""Quality: `metrics` and `ssimulacra2` measure pictures, `verify` a file; `targets` are qualities that reach one."""
