"""What words can mean: ImageNet's classes and what WordNet has above them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from imgsearch.vocabulary.keys import key_of

FOLDER = Path(__file__).parent
N_CLASSES = 1000


@dataclass(frozen=True)
class Sense:
    """What a word can mean.

    Attributes:
        wnid: Its identifier in WordNet 3.0, such as "n02084071"; of what everyday words unite,
            several with + between.
        name: Its first word, such as "dog".
        lemmas: All its words, the name first.
        text: How to ask for exactly it, as people would: "dog", "pig" (whose name is "hog"), or where the word alone means
            something else too "crane (wading bird)".
        classes: ImageNet's classes at or below it, ascending, 0 to 999, in the order of Keras.
    """

    wnid: str
    name: str
    lemmas: tuple[str, ...]
    text: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """All senses.

    Attributes:
        senses: By `wnid`: the synsets in the order of their identifiers, then what everyday words unite.
        words: By key (`key_of`), what a word means, the most usual first.
        of_class: The sense of each class.
        spelled: By key, how to write it.
        plurals: Those that no rule gives, and what of.
        korean: By `wnid`, the Korean names, the first that which is shown.
    """

    senses: dict[str, Sense]
    words: dict[str, tuple[Sense, ...]]
    of_class: tuple[Sense, ...]
    spelled: dict[str, str]
    plurals: dict[str, str]
    korean: dict[str, tuple[str, ...]]


@dataclass
class _Synset:
    index: str
    above: list[str]
    kind: str
    lemmas: list[str]
    classes: set[int] = field(default_factory=set)


def rows(name: str) -> Iterator[list[str]]:
    """The rows of a table of this folder, without its comments."""
    with (FOLDER / name).open(encoding="utf-8") as file:
        yield from (line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#"))


@cache
def table() -> Table:
    """The table, read when it is first needed."""
    synsets, meant = _read_synsets()
    everyday = {word: "+".join(wnids) for word, *wnids in rows("everyday.tsv")}
    called = {wnid: word for word, wnid in everyday.items() if meant.get(key_of(word)) == [wnid]}
    meant |= {key_of(word): [wnids] if wnids else [] for word, wnids in everyday.items()}
    senses: dict[str, Sense] = {}
    for wnid, synset in synsets.items():
        name = synset.lemmas[0]
        alone = [lemma for lemma in synset.lemmas if meant[key_of(lemma)] == [wnid]]
        text = alone[0] if name in alone or not synset.kind else f"{name} ({synset.kind})"
        senses[wnid] = Sense(wnid, name, tuple(synset.lemmas), called.get(wnid, text), tuple(sorted(synset.classes)))
    for word, wnids in everyday.items():
        if wnids and wnids not in senses:
            classes = {index for wnid in wnids.split("+") for index in senses[wnid].classes}
            senses[wnids] = Sense(wnids, word, (word,), word, tuple(sorted(classes)))
    korean = {
        wnid: (name, *(each for more in others for each in more.split(", "))) for wnid, name, *others in rows("korean.tsv")
    }
    for wnid, names in korean.items():
        for each in names:
            meant.setdefault(key_of(each), []).append(wnid)
    written = [each for sense in senses.values() for each in sense.lemmas]
    written += [*everyday, *(each for names in korean.values() for each in names)]
    of_class = {int(synset.index): senses[wnid] for wnid, synset in synsets.items() if synset.index}
    words = {key: tuple(senses[wnid] for wnid in dict.fromkeys(wnids)) for key, wnids in meant.items()}
    return Table(
        senses,
        words | {key_of(sense.text): (sense,) for sense in senses.values()},
        tuple(of_class[index] for index in range(N_CLASSES)),
        {key_of(each): each for each in reversed(written) if meant[key_of(each)]},
        {row[0]: row[1] for row in rows("plurals.tsv")},
        korean,
    )


def _read_synsets() -> tuple[dict[str, _Synset], dict[str, list[str]]]:
    """The rows of the table by identifier, with their classes; and by key, what a word means, the most usual first."""
    synsets: dict[str, _Synset] = {}
    ranks: dict[str, dict[str, int]] = defaultdict(dict)
    for wnid, index, above, kind, words in rows("table.tsv"):
        lemmas = []
        for word in words.split("|"):
            lemma, _, place = word.partition("#")
            lemmas.append(lemma)
            ranks[key_of(lemma)][wnid] = int(place or 1)
        synsets[wnid] = _Synset(index, above.split(), kind, lemmas)
    for start in synsets.values():
        todo = [start] if start.index else []
        while todo:
            here = todo.pop()
            if int(start.index) not in here.classes:
                here.classes.add(int(start.index))
                todo += [synsets[wnid] for wnid in here.above]
    return synsets, {key: _told_apart(key, sorted(of, key=lambda wnid: of[wnid]), synsets) for key, of in ranks.items()}


def _told_apart(key: str, wnids: list[str], synsets: dict[str, _Synset]) -> list[str]:
    """Of what a word means, what is worth a choice.

    Left out is what the word is only another name for, where it is the first name of something more usual (a big cat is a
    "cat" as well, but has a name of its own), and what shows nothing that another does not. Each can still be asked for by
    its own text.
    """
    left: list[str] = []
    for wnid in wnids:
        named = any(key_of(synsets[other].lemmas[0]) == key for other in left)
        if not named or key_of(synsets[wnid].lemmas[0]) == key:
            left.append(wnid)
    kept: list[str] = []
    for wnid in sorted(left, key=lambda each: -len(synsets[each].classes)):
        if not any(synsets[wnid].classes <= synsets[other].classes for other in kept):
            kept.append(wnid)
    return [wnid for wnid in left if wnid in kept]
