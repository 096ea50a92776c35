"""The `.lat` file, as runtime/FORMAT.md specifies it."""
