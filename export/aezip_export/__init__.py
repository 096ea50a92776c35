"""From a trained module to a model package, with proofs.

Reading order: `builder` (ONNX graphs by hand), `graphs` (the flagship's five),
`reach` (how far the transforms look), `proofs` (what has to hold), `package` (the zip).
"""
