"""Running a package's graphs.

graphs     onnxruntime sessions, and the arrays that each graph takes and gives
library    onnxruntime itself, without its telemetry
batching   pictures of several threads through one graph together
timing     how long each stage took, for whoever listens
"""
