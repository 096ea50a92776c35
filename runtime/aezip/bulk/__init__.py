"""Many files: a plan of items, a job that says what is done with one, and who does them.

jobs       one file's bytes → another's: compress, decompress, verify
work       a job with its files read and written: an `Item` goes in, an `Outcome` comes out
plan       the inputs as a user names them → items, each with its own output
partners   items with a second file each: a mask, an original
carried    archives that carry their models, and which models files need
run        a plan → outcomes, by one of:
pool       several processes; `Work.outcomes` is this one
cluster    a Dask cluster
process    what the command changes in its own processes
"""
