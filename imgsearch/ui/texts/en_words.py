"""What is said of words that are searched with, in English."""

TEXTS: dict[str, str] = {
    "why_words.both": "Both look like: **{name}**",
}
