"""The embedding worker: a process of its own for what decodes and embeds, and the client that keeps it."""
