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
    "about_words.title": "Where the words come from",
    "about_words.text": "A network with its classifier was trained to tell 1,000 kinds of things apart, those of ImageNet (Russakovsky et "
    "al. 2015, *ImageNet Large Scale Visual Recognition Challenge*). [WordNet 3.0](https://wordnet.princeton.edu) (Princeton University) "
    "says what they are called and what is above them: a beagle is a hound, a dog and an animal. So words are looked up among what the "
    "network took each picture for when the collection was made. What it never learned, such as a sunset or a person, cannot be asked for.",
    "about_words.count": "**{n:,} {n:word|words}** can be asked for here: each is a label, or what some picture shows to {name}.",
    "about_words.labels": "Here only the labels can be asked for, **{n:,} {n:word|words}**.",
    "about_words.none": "Here no words can be asked for.",
    "about_words.builder": "The builder of the collection can add words, without the pictures, where the weights of a network have a "
    "classifier:",
}
