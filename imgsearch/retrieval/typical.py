"""The picture that a page asks with before anybody has chosen one: answered well, and no exception."""

from __future__ import annotations

import numpy as np

from imgsearch.pictures.items import Items
from imgsearch.vectors.neighbors import distances_between
from imgsearch.vectors.space import Space

_N_NEAREST = 5
_MAX_TRIED = 2000


def typical_row(items: Items, space: Space) -> int:
    """The row whose 5 nearest neighbours are most often of its label; of equals, the one that they stand closest around.

    How close is by the distance of the 20th: small distances alone are those of a crowd in which anything is near to
    anything. It is read off the stored neighbours, so that it costs no search. Without labels that decides alone. Pictures
    with a near-copy, nearer than half of what is usual for a nearest one, come last.

    Args:
        items: At least one. Of more than 2,000 so many are tried, evenly spread.
        space: Where to search; row i belongs to item i.
    """
    n = len(items)
    rows = np.linspace(0, n - 1, min(n, _MAX_TRIED)).astype(np.int64)
    table = space.neighbors[rows]  # (m, k)
    if not table.shape[1]:
        return n // 2
    distances = distances_between(space.embeddings, rows, table)
    nearest = table[:, :_N_NEAREST]
    label_of = {int(row): items[int(row)].label for row in np.union1d(rows, nearest)}
    n_same = [
        sum(bool(label_of[own]) and label_of[own] == label_of[other] for other in others)
        for own, others in zip(rows.tolist(), nearest.tolist(), strict=True)
    ]
    spread = distances[:, :_N_NEAREST].mean(axis=1) / np.maximum(distances[:, -1], np.finfo(np.float32).tiny)
    has_copy = distances[:, 0] < np.median(distances[:, 0]) / 2
    return int(rows[np.lexsort((spread, -np.array(n_same), has_copy))[0]])
