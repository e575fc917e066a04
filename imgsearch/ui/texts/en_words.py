"""What is said of words that are searched with, in English."""

TEXTS: dict[str, str] = {
    "why_words.both": "Both look like: **{name}**",
    "quality_words.title": "Words",
    "quality_words.in_short": "Asked for the name of a label, {right} of the first {k} have it; by chance it would be {chance}.",
    "quality_words.by_picture": "Searched with one of them, it is {n}.",
    "quality_words.intro": "{n} {n:label|labels} here {n:is a word|are words} that {name} learned. Pictures are put in order by what the "
    "network sees in them, never by their labels. Average precision is 1 where all pictures with the label come first; the dotted mark is "
    "what chance would give, about.",
    "quality_words.weak": "**Weak here:** {words}. The network hardly finds these in this collection.",
    "quality_words.all": "Average precision by word",
    "quality_words.worst": "The worst words, by average precision",
    "quality_words.best": "The best words, by average precision",
    "map_words.note": "The names on the map are words: what the network takes most of the pictures around them for.",
}
