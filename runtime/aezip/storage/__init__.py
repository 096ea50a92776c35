"""Where bytes come from and go to: `files`, local `folders`, `places`, which are these or URLs, and `web` (models)."""
