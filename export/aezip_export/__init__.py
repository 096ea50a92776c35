"""From a trained module to a model package, with proofs.

Reading order: `builder` (ONNX graphs by hand), `graphs` (the flagship's four),
`proofs` (what has to hold), `package` (the zip).
"""
