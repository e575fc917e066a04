"""Makes the table of words from WordNet: python -m scripts.make_vocabulary WNIDS

WNIDS is a file with the identifiers of ImageNet's 1,000 classes, one a line, in the order of the classes. WordNet 3.0 comes
with Debian's package wordnet-base. Writes imgsearch/vocabulary/table.tsv and plurals.tsv.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from imgsearch.vocabulary.keys import key_of
from imgsearch.vocabulary.table import FOLDER

WORDNET = Path("/usr/share/wordnet")
TABLE_HEAD = """\
# Made by scripts/make_vocabulary.py from WordNet 3.0 (LICENSE). A row is what a word can mean: its identifier, the class
# if it is one, what is above it, its kind where its first word alone does not say it, and its words; of one that means
# several things #1 is what it means first, #2 second.
"""
PLURALS_HEAD = "# Made by scripts/make_vocabulary.py from WordNet 3.0 (LICENSE): plurals that no rule gives, and what of.\n"
KINDS = {
    "n00007846": "player, groom or diver",
    "n00020090": "kind of matter",
    "n00021265": "what nourishes",
    "n02954938": "lid",
    "n02959942": "railway car",
    "n04379964": "piece of furniture",
    "n07557434": "food",
    "n07579787": "food",
}
"""Kinds by hand, where what is above is no help: two of one word are of one kind, its word says little, or the word alone
promises more than the classes show."""


@dataclass(frozen=True)
class Synset:
    """What a word can mean. `above` are the synsets of which it is a kind or an instance."""

    lemmas: list[str]
    above: list[str]


def read_synsets(path: Path) -> dict[str, Synset]:
    """All nouns by their identifier. The format is in WordNet's manual, wndb(5)."""
    synsets = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):  # the licence
            continue
        fields = line.partition("|")[0].split()
        end = 4 + 2 * int(fields[3], 16)
        pointers = [fields[at : at + 4] for at in range(end + 1, end + 1 + 4 * int(fields[end]), 4)]
        above = ["n" + offset for sign, offset, *_ in pointers if sign in ("@", "@i")]
        synsets["n" + fields[0]] = Synset([lemma.replace("_", " ") for lemma in fields[4:end:2]], above)
    return synsets


def read_senses(folder: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """How early WordNet names a synset for a word: (occurrences in its tagged texts, negative; number of the sense)."""
    times = {}
    for line in (folder / "cntlist.rev").read_text(encoding="ascii").splitlines():
        sense, number, n = line.split()
        word, _, form = sense.partition("%")
        if form.startswith("1:"):  # a noun
            times[word, int(number)] = int(n)
    senses = {}
    for line in (folder / "index.noun").read_text(encoding="ascii").splitlines():
        if not line.startswith("  "):
            word, _, n, *rest = line.split()
            for number, offset in enumerate(rest[-int(n) :], start=1):
                senses[word.replace("_", " "), "n" + offset] = (-times.get((word, number), 0), number)
    return senses


def make_table(wordnet: Path, wnids: list[str]) -> str:
    """The table: the classes and all that is above them."""
    synsets = read_synsets(wordnet / "data.noun")
    order = read_senses(wordnet)
    below: dict[str, set[int]] = defaultdict(set)
    for index, wnid in enumerate(wnids):
        todo = [wnid]
        while todo:
            here = todo.pop()
            if index not in below[here]:
                below[here].add(index)
                todo += synsets[here].above
    meant: dict[str, dict[str, tuple[int, bool, int, int]]] = defaultdict(dict)
    for wnid in below:
        for lemma in synsets[wnid].lemmas:
            times, number = order[lemma.lower(), wnid]
            # Of what is named as often, and most is never named, what has no better name is meant sooner, then the wider.
            rank = (times, lemma != synsets[wnid].lemmas[0], -len(below[wnid]), number)
            meant[key_of(lemma)][wnid] = min(rank, meant[key_of(lemma)].get(wnid, rank))
    rows = []
    for wnid in sorted(below):
        synset = synsets[wnid]
        lemmas = []
        for lemma in synset.lemmas:
            ranks = meant[key_of(lemma)]
            place = sorted(ranks, key=lambda each: ranks[each]).index(wnid) + 1
            lemmas.append(f"{lemma}#{place}" if len(ranks) > 1 else lemma)
        kind = KINDS.get(wnid, "")
        if "#" in lemmas[0]:
            kind = kind or synsets[synset.above[0]].lemmas[0]
        index = str(wnids.index(wnid)) if wnid in wnids else ""
        rows.append("\t".join([wnid, index, " ".join(synset.above), kind, "|".join(lemmas)]))
    return TABLE_HEAD + "\n".join(rows) + "\n"


def make_plurals(wordnet: Path, table: str) -> str:
    """The plurals that no rule gives, of the words of a table and of the last words of those with several."""
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    last_words = {key_of(lemma.partition("#")[0]).split()[-1] for row in rows for lemma in row[4].split("|")}
    pairs = [line.split()[:2] for line in (wordnet / "noun.exc").read_text(encoding="ascii").splitlines()]
    return PLURALS_HEAD + "".join(f"{plural}\t{word}\n" for plural, word in pairs if word in last_words and word != plural)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = make_table(WORDNET, Path(sys.argv[1]).read_text(encoding="ascii").split())
    for name, text in (("table.tsv", made), ("plurals.tsv", make_plurals(WORDNET, made))):
        (FOLDER / name).write_text(text, encoding="ascii", newline="\n")
        print(f"{name}: {len(text):,} bytes")
