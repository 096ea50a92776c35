"""Many files: what is done with one, which ones there are, and who does them.

    jobs       one file's bytes → another's: compress, decompress
    work       a job with its files read and written: a `Task` goes in, an `Outcome` comes out
    plan       the inputs as a user names them → tasks, each with its own output
    pool       tasks → outcomes, in several processes; `Work.each` does them in this one
    cluster    the same on a Dask cluster
"""
