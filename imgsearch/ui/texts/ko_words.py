"""What is said of words that are searched with, in Korean; see `en_words`."""

TEXTS: dict[str, str] = {
    "why_words.both": "두 이미지에 함께 보이는 것: **{name}**",
}
