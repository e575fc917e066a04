"""What is said of words that are searched with, in English."""

TEXTS: dict[str, str] = {}
