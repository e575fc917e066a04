"""Pictures that a collection holds more than once: the same file, or one re-encoded, resized, turned or cropped a little.

Distance in a space says that two pictures show alike things, which is not the same. So a space only proposes pairs, as
fingerprints of the thumbnails do, which know no turns, and the details of the thumbnails decide: see `same_picture`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.distance import MAX_DISTANCE, MIN_DISTANCE, angular_distance, normalize
from imgsearch.errors import InvalidQueryError
from imgsearch.files import spreadsheet
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.items import Item
from imgsearch.progress import Progress
from imgsearch.retrieval.same_picture import FINGERPRINT_DISTANCE, Look, Small, fingerprint, likeness
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import distances_between, nearest_neighbors

_CHUNK = 4096
_N_LOOKS = 4096
"""Kept at a time, 27 KB each; small pictures are all kept, 3 KB each."""


@dataclass(frozen=True)
class Copy:
    """A picture that another one makes superfluous.

    Attributes:
        row: Its row.
        distance: To the one that is kept, in the space.
        is_exact: Whether the two files are the same, byte for byte.
    """

    row: int
    distance: float
    is_exact: bool

    @property
    def kind(self) -> str:
        """In a word: "exact" or "near"."""
        return "exact" if self.is_exact else "near"


@dataclass(frozen=True)
class DuplicateGroup:
    """A picture and its copies.

    Attributes:
        keep: Row of the one to keep: most pixels, then most bytes, then the first.
        copies: The others: exact ones first, then by distance, then by row. Each is a copy of `keep` itself, not only of
            another copy, so that removing them loses no picture.
    """

    keep: int
    copies: tuple[Copy, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """All of them, the one to keep first."""
        return (self.keep, *(copy.row for copy in self.copies))


def find_duplicates(
    collection: Collection,
    space: str | None = None,
    *,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> list[DuplicateGroup]:
    """Groups of duplicates in a collection, by the row to keep.

    Args:
        collection: Where to look.
        space: Name of the space that proposes pairs. Defaults to the first.
        threshold: Largest distance of a pair that the space proposes, 0 to 2. Defaults to `Calibration.near`.
        progress: Told pictures looked at, then pairs compared.

    Raises:
        ItemNotFoundError: there is no such space.
        InvalidQueryError: the threshold is out of range.
        ImageError: a thumbnail cannot be read.
    """
    chosen = collection.space(space)
    if threshold is None:
        threshold = chosen.calibration.near
    if not MIN_DISTANCE <= threshold <= MAX_DISTANCE:
        raise InvalidQueryError(
            f"A threshold must be between {MIN_DISTANCE:g} and {MAX_DISTANCE:g}. Received: {threshold:g}."
        )
    tell = progress or (lambda done, total, what: None)
    items = list(collection.items)
    smalls, fingerprints = [], []
    for number, item in enumerate(items):
        smalls.append(Small.of(decode_image(collection.thumbnail_path(item)).pixels))
        fingerprints.append(fingerprint(Look.at(smalls[-1])))
        tell(number + 1, len(items), "looking at pictures")

    @lru_cache(_N_LOOKS)
    def look(row: int) -> Look:
        return Look.at(smalls[row])

    prints = normalize(np.stack(fingerprints))
    pairs = near_pairs(items, chosen.embeddings, chosen.neighbors, threshold)
    pairs += near_pairs(items, prints, nearest_neighbors(prints, ExactIndex(prints)), FINGERPRINT_DISTANCE)
    pairs = sorted(set(pairs))
    alike = []
    for number, (a, b) in enumerate(pairs):
        if likeness(look(a), look(b)).is_same:
            alike.append((a, b))
        tell(number + 1, len(pairs), "comparing pairs")
    return group(items, chosen.embeddings, alike)


def near_pairs(
    items: Sequence[Item], embeddings: np.ndarray, neighbors: np.ndarray, threshold: float
) -> list[tuple[int, int]]:
    """Pairs of different files among the nearest neighbours, the lower row first, ascending.

    Of files with the same content the first stands for all. Memory grows with the items and with the pairs found, never
    with the square of the items. A picture with more exact copies than the table has columns hides others from its copies.

    Args:
        items: n items.
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        neighbors: int32 (n, k), the table of nearest neighbours.
        threshold: Largest distance of a pair.
    """
    first_of: dict[str, int] = {}
    first = np.array([first_of.setdefault(item.sha256, row) for row, item in enumerate(items)])
    found: list[np.ndarray] = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(items), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(items)))
        is_near = distances_between(embeddings, rows, neighbors[rows]) <= threshold  # (m, k)
        which, column = np.nonzero(is_near)
        pairs = np.sort(np.stack([first[rows[which]], first[neighbors[rows[which], column]]], axis=1), axis=1)
        found.append(pairs[pairs[:, 0] != pairs[:, 1]])
    return [(int(a), int(b)) for a, b in np.unique(np.concatenate(found), axis=0)]


def group(items: Sequence[Item], embeddings: np.ndarray, pairs: Iterable[tuple[int, int]]) -> list[DuplicateGroup]:
    """Files of the same content, and pairs that look alike, as groups, by the row to keep.

    The largest picture takes all that are paired with it, then the largest of those left, and so on. Connected components
    would chain: in a burst of shots each is like the next, and the first not like the last.

    Args:
        items: n items.
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        pairs: Rows of items that look alike; of files with the same content only the first need be there.
    """
    same_file: dict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        same_file[item.sha256].append(row)
    alike: dict[int, set[int]] = defaultdict(set)
    for a, b in pairs:
        alike[a].add(b)
        alike[b].add(a)
    leaders = {rows[0] for rows in same_file.values() if len(rows) > 1} | set(alike)
    is_free = set(leaders)
    groups = []
    for keep in sorted(leaders, key=lambda row: (-items[row].width * items[row].height, -items[row].bytes, row)):
        if keep not in is_free:
            continue
        is_free.remove(keep)
        near = alike[keep] & is_free
        is_free -= near
        others = [row for leader in (keep, *near) for row in same_file[items[leader].sha256] if row != keep]
        if others:
            groups.append(DuplicateGroup(keep, _copies(items, embeddings, keep, others)))
    return sorted(groups, key=lambda each: each.keep)


def keep_instead(items: Sequence[Item], embeddings: np.ndarray, found: DuplicateGroup, row: int) -> DuplicateGroup:
    """The group with another picture to keep, distances measured from that one. It may be no copy of some of the others.

    Args:
        items: n items.
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        found: The group.
        row: The row to keep, which is in it.
    """
    others = [each for each in found.rows if each != row]
    return found if row == found.keep else DuplicateGroup(row, _copies(items, embeddings, row, others))


def to_csv(items: Sequence[Item], groups: Iterable[DuplicateGroup]) -> bytes:
    """One line a picture, groups numbered from 1, for spreadsheets and scripts: see `spreadsheet.to_csv`.

    `kind` is "keep", "exact" or "near", as the command prints; `distance` is to the one that is kept, in the space.
    """
    columns = ("group", "kind", "item_id", "distance", "width", "height", "bytes")
    lines = []
    for number, each in enumerate(groups, start=1):
        kinds = [(each.keep, "keep", 0.0), *((copy.row, copy.kind, copy.distance) for copy in each.copies)]
        for row, kind, distance in kinds:
            item = items[row]
            values = (number, kind, item.item_id, round(distance, 6), item.width, item.height, item.bytes)
            lines.append(dict(zip(columns, values, strict=True)))
    return spreadsheet.to_csv(columns, lines)


def _copies(items: Sequence[Item], embeddings: np.ndarray, keep: int, rows: Sequence[int]) -> tuple[Copy, ...]:
    distances = angular_distance(embeddings[rows], embeddings[keep])
    copies = [
        Copy(row, float(distance), items[row].sha256 == items[keep].sha256)
        for row, distance in zip(rows, distances, strict=True)
    ]
    return tuple(sorted(copies, key=lambda copy: (not copy.is_exact, copy.distance, copy.row)))
