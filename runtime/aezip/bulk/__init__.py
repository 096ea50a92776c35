"""Many files: `plan` says which, `jobs` what is done with one; then it has `work` do it, in a `pool` or on a `cluster`.

`carried` are models in archives, `process` what the command changes in its own processes.
"""
