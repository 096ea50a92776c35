"""Normal pictures → a profile; another picture → score, p-value, map."""
