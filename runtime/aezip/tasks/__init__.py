"""Tasks other than coding, each on exported graphs alone."""
