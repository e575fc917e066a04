"""Do words find what they mean, is it told when nothing shows it, and what does a query by words cost?

    python -m benchmarks.words [NAME ...] [--photos NAME] [--time NAME] [--repeats 200]

NAME are collections whose labels say what is shown: breeds, flowers. A label that is a word is asked for, and so is what
is above several labels ("terrier"). Beside it: the picture query of the same space, each picture that shows the word asking
the others, and a random order. What is right is told by labels alone; those that the network never learned have a row in
KINDS, so that "cat" is known to be right of them.

Then the threshold `SHOWS`, from which a picture shows a word (`least_worth`): on one half of the pictures and on the
other. Absent from pets and flowers is what such photos do not show (ABSENT). The collection of --photos begins with a
picture of each of ImageNet's classes, in their order, and goes on, from its row 1,500, with cats and dogs. Of the first,
a word is absent from a half of which the pictures of its classes are taken away. Of the others, the more pictures, the
more false alarms.

    false alarms  absent words that are answered with some picture;
    misses        words that some picture shows, and that are answered with none;
    found         share of the pictures that show a word and are in its answer, mean over words;
    precision     share of an answer that is right, mean over the words that have one.

Last, --time: queries in turn at the size of that collection and at others, whose items are its own again and again, their
vectors moved a little; and finding out all words that can be answered.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.common import Row, clock, machine, middle, ratios, report, spread
from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft
from imgsearch.distance import normalize
from imgsearch.pictures.items import Items, label_words
from imgsearch.retrieval.metrics import average_precision
from imgsearch.retrieval.words import SHOWS, Words, least_worth
from imgsearch.vectors.space import Space
from imgsearch.vocabulary import Sense, find_senses, words

KINDS = {
    **dict.fromkeys(("Abyssinian", "Bengal", "Birman", "Bombay", "British_Shorthair", "Maine_Coon"), "domestic cat"),
    **dict.fromkeys(("Munchkin", "Ragdoll", "Russian_Blue", "Scottish_Fold", "Sphynx"), "domestic cat"),
    "Dachshund": "hound",
    "american_bulldog": "working dog",
    "havanese": "toy dog",
    "shiba_inu": "spitz",
    **dict.fromkeys(("bluebell", "buttercup", "daffodil", "iris", "sunflower", "tulip", "windflower"), "flower"),
}
"""What labels are a kind of that are no words of ImageNet's."""
ABSENT = (
    *("vehicle", "aircraft", "ship", "weapon", "musical instrument", "geological formation", "fungus", "fish", "bird"),
    *("reptile", "amphibian", "crustacean", "primate", "ungulate", "bear", "elephant", "whale", "mollusk"),
)
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
SIZES = (250, 1_000, 3_200)
TIMED = ("beagle", "dog", "animal")
TIMED_SIZES = (259, 7_400)
ANSWERABLE_SIZES = (7_400, 100_000)
FIRST_OF_PETS = 1_500
"""Row of --photos."""
N_SHUFFLES = 200
NOISE = 0.1
"""Length of what a repeated vector is moved by, before it has length 1 again."""


@dataclass(frozen=True)
class Asked:
    """A word that is asked of some pictures.

    Attributes:
        classes: Those that it stands for.
        rows: int (m,): the pictures.
        is_shown: bool (m,): which of them show it; none does where it is absent.
    """

    classes: Sequence[int]
    rows: np.ndarray
    is_shown: np.ndarray


@dataclass(frozen=True)
class Labelled:
    """A collection, and what is right of it by its labels.

    Attributes:
        means: By label, the classes of what it is, or of its kind.
        own: The labels that are words.
    """

    collection: Collection
    means: dict[str, set[int]]
    own: dict[str, Sense]

    @classmethod
    def of(cls, collection: Collection) -> Labelled:
        labels = list(collection.items.label_counts)
        own = {label: senses[0] for label in labels if (senses := find_senses(label_words(label)))}
        kinds = {label: find_senses(kind)[0] for label, kind in KINDS.items() if label in labels and label not in own}
        return cls(collection, {label: set(sense.classes) for label, sense in (own | kinds).items()}, own)

    def shows(self, sense: Sense) -> np.ndarray:
        """bool (n_items,): what is a kind of it, by its label."""
        right = {label for label, classes in self.means.items() if classes <= set(sense.classes)}
        return np.array([item.label in right for item in self.collection.items])

    def above(self) -> list[Sense]:
        """What is above several labels, some but not all: of those above the same, that of the fewest classes."""
        found: dict[bytes, Sense] = {}
        for _, sense in sorted(words("en"), key=lambda pair: len(pair[1].classes)):
            is_shown = self.shows(sense)
            n_labels = sum(classes <= set(sense.classes) for classes in self.means.values())
            if n_labels > 1 and not is_shown.all():
                found.setdefault(is_shown.tobytes(), sense)
        return list(found.values())


def absent() -> list[Sense]:
    """Words for what no pet's or flower's photo shows."""
    classes = {index for text in ABSENT for sense in find_senses(text) for index in sense.classes}
    return [sense for _, sense in words("en") if set(sense.classes) <= classes]


def word_spaces(collection: Collection) -> list[Space]:
    return [space for space in collection.spaces.values() if space.class_values is not None]


def precisions(scores: np.ndarray, is_right: np.ndarray) -> tuple[float, float]:
    """Average precision, and precision at 5, of an order by scores, the highest first, of equals the right last."""
    ordered = is_right[np.lexsort((is_right, -scores))]
    return average_precision(ordered, int(is_right.sum())), float(ordered[:5].mean())


def by_picture(space: Space, is_shown: np.ndarray) -> tuple[float, float]:
    """The same where each picture that shows it asks the others; mean."""
    found = []
    for row in np.flatnonzero(is_shown):
        scores = space.embeddings @ space.embeddings[row]
        found.append(precisions(np.delete(scores, row), np.delete(is_shown, row)))
    return tuple(np.mean(found, axis=0))


def by_chance(is_shown: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    return tuple(np.mean([precisions(rng.random(len(is_shown)), is_shown) for _ in range(N_SHUFFLES)], axis=0))


def by_word(labelled: Labelled) -> Row:
    """A row for each word, and means; average precision and precision at 5."""
    collection = labelled.collection
    spaces = word_spaces(collection)
    columns = ["chance", *(f"{space.name}_{kind}" for space in spaces for kind in ("word", "picture"))]
    groups = {"labels": list(labelled.own.values()), "above them": labelled.above()}
    rows: list[Row] = []
    for group, senses in groups.items():
        of_group: list[Row] = []
        for sense in senses:
            is_shown = labelled.shows(sense)
            values = [by_chance(is_shown)]
            for space in spaces:
                values += [
                    precisions(Words(collection.items, space).worths(sense.text), is_shown),
                    by_picture(space, is_shown),
                ]
            numbers = {name: [float(each) for each in value] for name, value in zip(columns, values, strict=True)}
            of_group.append({"word": sense.text, "pictures": int(is_shown.sum()), **numbers})
        rows += of_group
        if senses:
            means = {name: np.mean([row[name] for row in of_group], axis=0).tolist() for name in columns}
            rows.append({"word": f"mean of {group}", "pictures": None, **means})
    n = {"labels": len(collection.items.label_counts), "words": len(labelled.own), "above": len(groups["above them"])}
    return {**n, "precisions": rows}


def asked_of_labelled(labelled: Labelled, half: int) -> list[Asked]:
    """The words for what the labels are, and those for what such photos cannot show."""
    rows = np.arange(half, len(labelled.collection.items), 2)
    shown = [(sense, labelled.shows(sense)[rows]) for sense in (*labelled.own.values(), *labelled.above())]
    shown += [(sense, np.zeros(len(rows), bool)) for sense in absent()]
    return [Asked(sense.classes, rows, is_shown) for sense, is_shown in shown]


def asked_of_each(half: int) -> list[Asked]:
    """Of one picture of each class: all words, of a random half of the pictures, with and without those that show it."""
    n_classes = len({index for _, sense in words("en") for index in sense.classes})
    rows = np.sort(np.random.default_rng(0).permutation(n_classes)[half::2])
    asked = []
    for _, sense in words("en"):
        is_shown = np.isin(rows, sense.classes)
        if is_shown.any():
            asked.append(Asked(sense.classes, rows, is_shown))
        if is_shown.mean() < 0.5:  # else there are few left
            asked.append(Asked(sense.classes, rows[~is_shown], is_shown[~is_shown]))
    return asked


@dataclass(frozen=True)
class Answers:
    """What a threshold gives: see the module's docstring. NaN where nothing is to be found."""

    false_alarms: float
    misses: float
    found: float
    precision: float


def answers(space: Space, asked: Sequence[Asked]) -> list[Answers]:
    """For each of THRESHOLDS."""
    assert space.class_values is not None
    values = np.array(space.class_values, np.float32)
    present = [each for each in asked if each.is_shown.any()]
    nothing = [each for each in asked if not each.is_shown.any()]
    of_present = [(values[list(each.classes)][:, each.rows].sum(axis=0), each) for each in present]
    most = np.array([values[list(each.classes)][:, each.rows].sum(axis=0).max() for each in nothing])
    given = []
    for threshold in THRESHOLDS:
        hits = [(worths >= least_worth(len(each.classes), threshold), each.is_shown) for worths, each in of_present]
        least = np.array([least_worth(len(each.classes), threshold) for each in nothing])
        right = [is_shown[hit].mean() for hit, is_shown in hits if hit.any()]
        given.append(
            Answers(
                false_alarms=float((most >= least).mean()),
                misses=float(np.mean([not hit.any() for hit, _ in hits])) if hits else np.nan,
                found=float(np.mean([hit[is_shown].mean() for hit, is_shown in hits])) if hits else np.nan,
                precision=float(np.mean(right)) if right else np.nan,
            )
        )
    return given


def curve(space: Space, halves: Sequence[Sequence[Asked]]) -> list[Row]:
    """A row for each threshold; of one half of the pictures, and of the other."""
    n_present = [sum(bool(each.is_shown.any()) for each in asked) for asked in halves]
    n_absent = [len(asked) - n for asked, n in zip(halves, n_present, strict=True)]
    curves = [answers(space, asked) for asked in halves]
    rows: list[Row] = []
    for threshold, *both in zip(THRESHOLDS, *curves, strict=True):
        percent = {f"{name}_percent": [100 * vars(half)[name] for half in both] for name in vars(both[0])}
        rows.append({"space": space.name, "threshold": threshold, **percent})
        rows[-1] |= {"absent": n_absent, "present": n_present, "is_chosen": threshold == SHOWS}
    return rows


def by_number(photos: Collection) -> list[Row]:
    """False alarms among so many cats and dogs, a row for each number and threshold."""
    order = np.random.default_rng(0).permutation(np.arange(FIRST_OF_PETS, len(photos.items)))
    rows: list[Row] = []
    for space in word_spaces(photos):
        for size in SIZES:
            none = np.zeros(len(order[:size]), bool)
            asked = [Asked(sense.classes, order[:size], none) for sense in absent()]
            for threshold, each in zip(THRESHOLDS, answers(space, asked), strict=True):
                row = {"space": space.name, "pictures": len(none), "threshold": threshold}
                rows.append({**row, "false_alarms_percent": 100 * each.false_alarms})
    return rows


def enlarged(collection: Collection, home: Path, n_items: int) -> Collection:
    """A collection of the same items again and again in its space for words, their vectors moved a little."""
    space = collection.word_space
    assert space is not None
    rng = np.random.default_rng(0)
    path = home / f"{collection.name}-{n_items}"
    path.mkdir(parents=True)
    (path / "thumbnails").symlink_to(collection.path / "thumbnails")
    items, vectors = [], {}
    for number in range(n_items):
        row = number % len(collection.items)
        item = collection.items[row]
        name, digest = f"{number:06}/{item.item_id}", f"{number:064x}"
        items.append(replace(item, item_id=name, sha256=digest))
        noise = rng.normal(0, NOISE / np.sqrt(space.dim), space.dim)
        vectors[digest] = normalize((space.vectors(row) + noise)[None].astype(np.float32))[0]
    draft = Draft.of(collection)
    draft = replace(
        draft,
        items=items,
        skipped=[],
        recipes={space.name: draft.recipes[space.name]},
        transforms={},
        classifiers={space.name: draft.classifiers[space.name]},
        map_method="pca",
    )
    draft.commit(path, lambda digest, spec: vectors[digest], None, lambda what: None)
    return Collection.open(path.name, home)


def by_size(collection: Collection, repeats: int) -> list[Row]:
    """Time of queries, a row for each size and query; median, from tenth to ninetieth percentile."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        for n_items in TIMED_SIZES:
            large = enlarged(collection, Path(temporary), n_items)
            seconds = times(large, repeats)
            for name in ("item", *TIMED):
                n_classes = (
                    len({index for sense in find_senses(name) for index in sense.classes}) if name in TIMED else None
                )
                row: Row = {"items": n_items, "asked_with": name, "classes": n_classes, "ms": middle(ms(seconds[name]))}
                rows.append({**row, "by_item": middle(ratios(seconds[name], seconds["item"]))})
    return rows


def times(collection: Collection, repeats: int) -> dict[str, list[float]]:
    """Seconds of each query; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ("item", *TIMED)}
    names = list(seconds)
    rng = np.random.default_rng(0)
    for number in range(5 + repeats):
        row = int(rng.integers(len(collection.items)))
        for name in names[number % len(names) :] + names[: number % len(names)]:
            what = {"row": row} if name == "item" else {"words": name}
            with clock(seconds[name]):
                collection.search(**what)
    return {name: each[5:] for name, each in seconds.items()}


def answerable(collection: Collection) -> list[Row]:
    """Time of finding out what can be asked for, of that many columns of class values, in a mapped file."""
    space = collection.word_space
    assert space is not None
    assert space.class_values is not None
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for n_items in ANSWERABLE_SIZES:
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            of = rng.integers(len(collection.items), size=n_items)
            np.save(file, space.class_values[:, of])
            items = Items(collection.items.at(of))
            mapped = np.load(file.name, mmap_mode="r")
            seconds: list[float] = []
            for _ in range(5):
                asked = Words(items, replace(space, class_values=mapped))
                with clock(seconds):
                    n_words = len(asked.answerable)
            rows.append({"items": n_items, "words": n_words, "ms": spread(ms(seconds))})
    return rows


def ms(seconds: Sequence[float]) -> list[float]:
    return [1000 * each for each in seconds]


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="collections with labels")
    parser.add_argument("--photos", metavar="NAME", help="collection of one picture of each class, then others")
    parser.add_argument("--time", metavar="NAME", help="collection to measure times with")
    parser.add_argument("--repeats", type=int, default=200, help="rounds of queries [%(default)s]")
    options = parser.parse_args()
    print(machine())
    collections = [Labelled.of(Collection.open(name)) for name in options.names]
    curves: dict[str, list[Row]] = {}
    result: Row = {labelled.collection.name: by_word(labelled) for labelled in collections}
    for labelled in collections:
        asked = [asked_of_labelled(labelled, half) for half in (0, 1)]
        spaces = word_spaces(labelled.collection)
        curves[labelled.collection.name] = [row for space in spaces for row in curve(space, asked)]
    if options.photos:
        photos = Collection.open(options.photos)
        asked = [asked_of_each(half) for half in (0, 1)]
        curves["photographs"] = [row for space in word_spaces(photos) for row in curve(space, asked)]
        result["absent_by_number"] = by_number(photos)
    result["curves"] = curves
    if options.time:
        timed = Collection.open(options.time)
        result |= {"times": by_size(timed, options.repeats), "answerable": answerable(timed)}
    report(options.save, {"absent": len(absent()), **result})


if __name__ == "__main__":
    main()
