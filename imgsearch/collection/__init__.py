"""Collections on disk: written, committed, read, swept."""
