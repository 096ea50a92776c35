"""Entropy coding: symbols and the tables they are coded under ↔ bytes."""
