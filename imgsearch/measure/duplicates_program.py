"""`find_duplicates` as a program that tells how far it is: `python -m imgsearch.measure.duplicates_program HOME NAME`.

A JSON object a line: while it works `done`, `total` and `what`, see `Progress`; last `groups`, or an `error` of ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict

from imgsearch.collection.collection import Collection
from imgsearch.errors import ImgSearchError
from imgsearch.measure.duplicates import find_duplicates

_TELL_EVERY_S = 0.3


def main(home: str, name: str) -> None:
    """Looks through the collection of that name, behind everybody else on this machine."""
    if hasattr(os, "nice"):
        os.nice(5)
    told = 0.0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            print(json.dumps({"done": done, "total": total, "what": what}), flush=True)

    try:
        groups = find_duplicates(Collection.open(name, home), progress=tell)
        answer: dict[str, object] = {"groups": [asdict(group) for group in groups]}
    except ImgSearchError as exc:
        answer = {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
