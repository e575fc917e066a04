"""The search view, and what stands in it."""
