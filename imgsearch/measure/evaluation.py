"""How good a space is: labelled pictures ask for their like, in every space and with every re-ranking.

Relevant is what has the query's label. An item of the gallery that asks is left out, by its row, of its own answers and of
all that re-ranking makes of the gallery. The ranking is exact, so what is measured is the embedding and not the index.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import commit_evaluation
from imgsearch.counting import Count
from imgsearch.embedding.embedders import Embedded, Embedders, Wanted
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.errors import QueryError
from imgsearch.pictures import folder
from imgsearch.pictures.gallery import Gallery
from imgsearch.pictures.items import Items, Skipped
from imgsearch.pictures.left_out import LeftOut
from imgsearch.progress import Progress, in_turn
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.metrics import K_VALUES, Confusion, Evaluation, LabelScores, average_precision, estimates
from imgsearch.retrieval.rerank import N_NEAREST, RERANKINGS, Candidates, reorder
from imgsearch.retrieval.search import search
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.space import Space

ALL_RERANKINGS = ("", *RERANKINGS)
"""No re-ranking, and each there is."""
MAX_QUERIES = 2000
_N_TIMED = 50
_SEED = 0
_CHUNK = 64
_CONFUSED_AT = 5
_N_CONFUSED = 50
_N_EXAMPLES = 3
_MEASURES = tuple(f"{name}_{k}" for name in ("precision_at", "recall_at", "hit_rate_at") for k in K_VALUES)


@dataclass(frozen=True)
class Questions:
    """Labelled pictures that ask.

    Attributes:
        names: Their item ids.
        labels: What they show.
        embeddings: float32 (n_queries, dim) in the space's coordinates, rows of length 1.
        rows: Their rows in the gallery, -1 for pictures from outside.
        n_skipped: Pictures that have no label, or one that no other item has.
    """

    names: Sequence[str]
    labels: Sequence[str]
    embeddings: np.ndarray
    rows: Sequence[int]
    n_skipped: int


def evaluate_collection(
    collection: Collection, *, rerankings: Sequence[str] = ALL_RERANKINGS, progress: Progress | None = None
) -> list[Evaluation]:
    """Leave-one-out evaluation of every space: each labelled item asks the others.

    Example:
        >>> (measured,) = evaluate_collection(Collection.open("discs"), rerankings=[""])
        >>> measured.space, measured.n_queries, measured.precision_at_k[1].mean
        ('color_histogram', 12, 1.0)

    Args:
        collection: More than 2,000 labelled items are sampled with a fixed seed.
        rerankings: Names of re-rankings, "" for none.
        progress: Told how far it is.

    Returns:
        One for each space and re-ranking, in this order.

    Raises:
        QueryError: no two items share a label.
    """
    if max(collection.items.label_counts.values(), default=0) < 2:
        raise QueryError(f"No two pictures of {collection.name} share a label, so there is nothing to measure.")
    return [
        evaluation
        for space in collection.spaces.values()
        for evaluation in evaluate(
            collection.items, space, leave_one_out(collection.items, space), rerankings=rerankings, progress=progress
        )
    ]


def evaluate_folder(
    collection: Collection,
    directory: Path,
    *,
    label_pattern: str | None = None,
    rerankings: Sequence[str] = ALL_RERANKINGS,
    embedders: Embedders | None = None,
    progress: Progress | None = None,
) -> tuple[list[Evaluation], list[Skipped]]:
    """The same with pictures from outside, which ask the whole gallery.

    Args:
        collection: The gallery.
        directory: Pictures with labels, see `folder.labeller`.
        label_pattern: Defaults to the collection's own.
        rerankings, progress: See `evaluate_collection`.
        embedders: Who looks at the pictures. Defaults to this process.

    Returns:
        One evaluation for each space and re-ranking; what of the folder was left out.

    Raises:
        BuildError: the folder or the labels will not do.
        QueryError: none of its pictures has a label of the gallery.
        BackboneError: an embedder cannot be made.
    """
    label_of = folder.labeller(directory, label_pattern or collection.manifest.label_pattern)
    left_out = LeftOut()
    files = folder.scan(directory, exclude=collection.home, left_out=left_out)
    known = collection.items.label_counts
    labels = {file.item_id: label_of(file.item_id) for file in files}
    asking = [file for file in files if labels[file.item_id] in known]
    if not asking:
        raise QueryError(
            f"{Count(len(files)):The only picture does not have|None of the {len(files):,} pictures has} a label of "
            f"{collection.name}.",
            hint=f"The first is {files[0].item_id!r} with the label {labels[files[0].item_id]!r}. Labels come from "
            "sub-folders, a metadata.csv, or --label-pattern.",
        )
    if len(asking) > MAX_QUERIES:
        chosen = np.sort(np.random.default_rng(_SEED).choice(len(asking), MAX_QUERIES, replace=False))
        asking = [asking[number] for number in chosen]
    spaces = collection.spaces.values()
    specs = list(dict.fromkeys(space.spec.for_queries() for space in spaces))
    tell = in_turn(progress)
    outcomes = (embedders or LocalEmbedders(collection.home, tell)).embed(Wanted(file.path, specs) for file in asking)
    embedded: dict[str, Embedded] = {}
    skipped = left_out.skipped()
    for number, (file, outcome) in enumerate(zip(asking, outcomes, strict=True), start=1):
        if isinstance(outcome, Embedded):
            embedded[file.item_id] = outcome
        else:
            skipped.append(Skipped(file.item_id, outcome.message))
        tell(number, len(asking), "embedding")
    if not embedded:
        raise QueryError("None of the pictures can be read.")
    evaluations = []
    for space in spaces:
        spec = space.spec.for_queries()
        questions = Questions(
            names=list(embedded),
            labels=[labels[name] for name in embedded],
            embeddings=space.points(np.stack([each.vectors[spec] for each in embedded.values()])),
            rows=[-1] * len(embedded),
            n_skipped=sum(label not in known for label in labels.values()),
        )
        evaluations += evaluate(collection.items, space, questions, rerankings=rerankings, progress=progress)
    return evaluations, skipped


def leave_one_out(items: Items, space: Space, *, max_queries: int = MAX_QUERIES) -> Questions:
    """Every item whose label another item has, or a sample of so many with a fixed seed."""
    counts = items.label_counts
    labels = [item.label for item in items]
    rows = np.array([row for row, label in enumerate(labels) if counts.get(label, 0) > 1], dtype=np.int64)
    n_skipped = len(items) - len(rows)
    if len(rows) > max_queries:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, max_queries, replace=False))
    return Questions(
        names=[items[row].item_id for row in rows],
        labels=[labels[row] for row in rows],
        embeddings=np.asarray(space.embeddings[rows]),
        rows=rows.tolist(),
        n_skipped=n_skipped,
    )


def evaluate(
    items: Items,
    space: Space,
    questions: Questions,
    *,
    rerankings: Sequence[str] = ALL_RERANKINGS,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """What the answers to the questions are worth.

    Args:
        items: The gallery; row i belongs to row i of the space. An item without label is never relevant.
        space: Where to search.
        questions: At least one; each has a relevant item.
        rerankings: Names of re-rankings, "" for none.
        progress: Told how far it is.

    Returns:
        One for each re-ranking, in their order.
    """
    labels = [item.label for item in items]
    counts = items.label_counts
    codes = {label: code for code, label in enumerate(counts)}
    code_of_row = np.array([codes.get(label, -1) for label in labels])
    n_relevant = np.array([counts[label] - (row >= 0) for label, row in zip(questions.labels, questions.rows, strict=True)])
    tallies = {name: _Tally(questions, n_relevant) for name in rerankings}
    for number, order in enumerate(_rankings(space, questions)):
        for name, tally in tallies.items():
            ranking = _reordered(space, questions, number, order, name) if name else order
            is_relevant = code_of_row[ranking] == codes[questions.labels[number]]
            tally.add(number, is_relevant, [labels[row] for row in ranking[:_CONFUSED_AT]])
        if progress and (number + 1) % _CHUNK in (0, len(questions.rows) % _CHUNK):
            progress(number + 1, len(questions.rows), f"measuring {space.name}")
    return [tally.evaluation(space.name, name) for name, tally in tallies.items()]


def _rankings(space: Space, questions: Questions) -> Iterator[np.ndarray]:
    """For each question int64 (n_items,): all rows but its own, nearest first, ties by row."""
    for start in range(0, len(questions.rows), _CHUNK):
        similarity = questions.embeddings[start : start + _CHUNK] @ space.embeddings.T  # (chunk, n_items)
        order = np.argsort(-similarity, axis=1, kind="stable")
        for own, rows in zip(questions.rows[start : start + _CHUNK], order, strict=True):
            yield rows[rows != own]


def _reordered(space: Space, questions: Questions, number: int, order: np.ndarray, name: str) -> np.ndarray:
    """What `search` would make of that order."""
    own = questions.rows[number]
    candidates = Candidates(
        query=questions.embeddings[number],
        rows=order,
        nearest=order[:N_NEAREST],
        vectors=space.vectors,
        neighbors=space.neighbors,
        left_out=(own,) if own >= 0 else (),
    )
    return reorder(name, candidates)


class _Tally:
    """Collects what single answers are worth."""

    def __init__(self, questions: Questions, n_relevant: np.ndarray) -> None:
        self._questions = questions
        self._n_relevant = n_relevant
        self._found = np.zeros((len(n_relevant), max(K_VALUES)))  # relevant among the first 1, 2, ...
        self._average_precision = np.zeros(len(n_relevant))
        self._confused: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, number: int, is_relevant: np.ndarray, first_labels: Sequence[str]) -> None:
        """Takes the answer to a question: what of it is relevant, the best first, and its first labels."""
        top = is_relevant[: max(K_VALUES)]
        self._found[number] = np.cumsum(np.pad(top, (0, max(K_VALUES) - len(top))))
        self._average_precision[number] = average_precision(is_relevant, int(self._n_relevant[number]))
        own = self._questions.labels[number]
        for other in first_labels:
            if other and other != own:
                self._confused[own, other][self._questions.names[number]] += 1

    def evaluation(self, space: str, rerank: str) -> Evaluation:
        """Everything."""
        values = self._values()
        measured = dict(zip((*_MEASURES, "map"), estimates(values), strict=True))
        confused = sorted(self._confused.items(), key=lambda entry: (-entry[1].total(), entry[0]))
        return Evaluation(
            space=space,
            rerank=rerank,
            n_queries=len(values),
            n_skipped=self._questions.n_skipped,
            precision_at_k={k: measured[f"precision_at_{k}"] for k in K_VALUES},
            recall_at_k={k: measured[f"recall_at_{k}"] for k in K_VALUES},
            hit_rate_at_k={k: measured[f"hit_rate_at_{k}"] for k in K_VALUES},
            mean_average_precision=measured["map"],
            per_label=self._per_label(values),
            confused=tuple(
                Confusion(*pair, names.total(), tuple(name for name, _ in names.most_common(_N_EXAMPLES)))
                for pair, names in confused[:_N_CONFUSED]
            ),
        )

    def _values(self) -> np.ndarray:
        """float64 (n_queries, n_measures): _MEASURES, then average precision."""
        found = self._found[:, np.array(K_VALUES) - 1]  # (n_queries, len(K_VALUES))
        return np.column_stack(
            [found / np.array(K_VALUES), found / self._n_relevant[:, None], found > 0, self._average_precision]
        )

    def _per_label(self, values: np.ndarray) -> tuple[LabelScores, ...]:
        labels = np.array(self._questions.labels)
        scores = []
        for label in np.unique(labels):
            of_label = values[labels == label]
            means = dict(zip((*_MEASURES, "map"), of_label.mean(axis=0).tolist(), strict=True))
            scores.append(
                LabelScores(
                    label=str(label),
                    n_queries=len(of_label),
                    precision_at_k={k: means[f"precision_at_{k}"] for k in K_VALUES},
                    recall_at_k={k: means[f"recall_at_{k}"] for k in K_VALUES},
                    hit_rate_at_k={k: means[f"hit_rate_at_{k}"] for k in K_VALUES},
                    mean_average_precision=means["map"],
                )
            )
        return tuple(sorted(scores, key=lambda each: (each.precision_at_k[_CONFUSED_AT], each.label)))


def chance_precision(items: Gallery, evaluation: Evaluation, k: int) -> float:
    """The precision@k that answers in random order would have, on average, for the same queries asked leave-one-out.

    Args:
        items: What was measured.
        evaluation: Its `per_label` says how many asked of each label.
        k: At least 1.
    """
    counts = items.label_counts
    others = len(items) - 1
    # Of a random order each place holds one of the c - 1 others of its label with the same probability.
    relevant = sum(each.n_queries * (counts.get(each.label, 1) - 1) for each in evaluation.per_label)
    asked = sum(each.n_queries for each in evaluation.per_label)
    return min(k, others) / k * relevant / (asked * others)


def query_time_ratio(items: Items, space: Space, rerank: str = "") -> float:
    """Time of a query by item with the index, re-ranking included, over that of a plain one that compares with every item.

    Each of 50 items asks both ways in turn, so that whatever else the machine does hits both; the median ratio is taken.
    """
    rows = np.random.default_rng(_SEED).choice(len(items), min(_N_TIMED, len(items)), replace=False).tolist()
    ratios = []
    for item_id in (items[row].item_id for row in rows):
        page, exact_page = (
            search(items, space, ask)
            for ask in (Ask(items=(item_id,), rerank=rerank), Ask(items=(item_id,), effort=Effort.EXACT))
        )
        ratios.append(sum(page.timings_ms.values()) / sum(exact_page.timings_ms.values()))
    return float(np.median(ratios))


def save_evaluation(collection: Collection, evaluations: Sequence[Evaluation]) -> Collection:
    """Keeps an evaluation with the collection it is of, for the page to show. A build that changes anything drops it.

    Returns:
        The collection, opened again.

    Raises:
        BuildError: a build is running, the collection has changed since it was opened, or the disk is full.
    """
    data = [evaluation.to_json() for evaluation in evaluations]
    commit_evaluation(collection, (json.dumps(data, ensure_ascii=False) + "\n").encode())
    return Collection.open(collection.name, collection.home)
