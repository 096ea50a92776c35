"""Many files: `plan` says which, `jobs` what is done with one; `run` has `work` do it, in a `pool` or on a `cluster`.

`partners` are second files, `carried` models in archives, `process` what the command changes in its own processes.
"""
