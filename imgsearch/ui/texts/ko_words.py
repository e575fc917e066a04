"""What is said of words that are searched with, in Korean; see `en_words`."""

TEXTS: dict[str, str] = {}
