"""Where pictures and collections come from, and how they are handed on."""
