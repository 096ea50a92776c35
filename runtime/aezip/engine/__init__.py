"""Running a package's graphs.

sessions   a package's graphs, opened with a provider
graphs     the same as functions of arrays
fixed_size sessions for one size of picture
library    onnxruntime itself, without its telemetry; which providers it has
batching   pictures of several threads through one graph together
cores      how many processors there are to use
progress   how far a picture is
timing     how long each stage took, for whoever listens
"""
