"""Model packages (`.aezm`)."""
