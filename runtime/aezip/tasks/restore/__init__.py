"""A picture → one without noise, with colours, without holes."""
