"""What is said of words that are searched with, in English."""

TEXTS = {
    "note.words": "“{asked}” is not a word that this collection can be asked for; it is left out.",
    "note.not": "“{asked}” is not a word that this collection can be asked for; what shows it stays.",
    "note.too_many_words": "A search takes at most {most} words of a kind; the first {most} are used.",
    "preview.of_words": "Pictures that show {words}, found among {n:,} by how they look.",
    # Asking.
    "words.label": "Search by words",
    "words.placeholder": "Search by words, e.g. beagle",
    "words.words_label": "Only pictures that show",
    "words.not_label": "No pictures that show",
    "words.narrow_placeholder": "a word, e.g. terrier",
    "words.examples": "Words to try",
    "words.found": "Suggestions: {n}. Arrow keys choose one.",
    "words.none_found": "No suggestions. Press Enter to search.",
    "words.asking": "You are searching with {n:this word|these words}:",
    "words.quoted": "“{words}”",
    # The answer.
    "words.title": "{n:,} {n:picture shows|pictures show} it",
    "words.title_all": "{n:,} {n:picture shows|pictures show} all of it",
    "words.first": "The surest {k} of them.",
    "words.surest": "The surest first.",
    "words.grid": "Pictures that show it",
    "words.card_title": "{item}, {worth} sure to show it: search with this picture",
    "words.worth": "Per cent: how sure the network is that a picture shows it; from {least:.0%} on it counts. "
    "A picture whose label says so has 100 %.",
    "words.by_label": "Found by their labels.",
    "words.searched": "{n:,} {n:picture|pictures} searched in {ms:.0f} ms.",
    "words.senses": "It means several things; choose one",
    "words.only": "only: {word}",
    "words.not": "not: {word}",
    "words.chip": "{condition} ×",
    "words.remove": "{condition}, remove",
    "words.conditions": "What results have to show",
    # No answer.
    "words.nothing_title": "No picture shows it",
    "words.nothing": "The network knows “{word}”, but it is not sure of it in any picture here.",
    "words.nothing_left": "No picture of this collection fits all of the words and what is set under Refine.",
    "words.unknown_title": "Not a word to search with",
    "words.unknown": "“{word}” is not a word that this network learned. It learned a thousand kinds of things, "
    "most of them animals, tools and vehicles. Search with a picture instead, or with another word.",
    "words.no_label": "The words of this collection are its labels, and “{word}” is none of them. Search with a picture instead.",
    "words.none_here": "This collection cannot be searched by words such as “{word}” yet. Search with a picture instead.",
    "words.near": "Did you mean:",
    "words.can_ask": "{n:,} {n:word is|words are} shown by pictures here; the field above completes {n:it|them}. For example:",
    # Elsewhere.
    "found.words": "Without the index, which cannot be asked for words: {n:|all }{n:,} {n:picture that fits was|pictures that fit were} compared, so nothing is "
    "missed.",
    "words.compare": "Words alone have one answer, whatever pictures are compared by. Choose a picture of it to compare with.",
    "words.map": "What shows it stands out on the map, with the ranks of the results.",
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
    "quality_words.ask": "Ask for it",
    "quality_words.weak_here": "By the labels of this collection, the network often takes something else for {words}.",
}
