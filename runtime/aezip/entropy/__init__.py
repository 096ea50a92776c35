"""Entropy coding: symbols and the tables they are coded under ↔ bytes.

tables     64 frequency tables in integers
rans       the coder in numpy, the reference
coder      the compiled coder where it was built, else `rans`; both write the same bytes
"""
