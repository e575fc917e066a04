"""Why something cannot be used: sentences with facts in them, that another language can say too.

What is raised, and what is noted of a file that was left out, is the English text, made by `say`. `recall` finds code and
facts again in one, also in the notes of collections that were built long ago.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import cache

SENTENCES: Mapping[str, str] = {
    # Of a picture.
    "empty": "The file is empty.",
    "unknown_format": "The file is not a picture in a known format.",
    "cut_off": "The picture is cut off: the file ends before its last pixel.",
    "damaged": "The picture is damaged: its parts do not fit together.",
    "raw": "The picture is a RAW file of a camera: export it as JPEG.",
    "no_file": "The file is not a plain file but a folder, pipe or device.",
    "gone": "The file is not there any more.",
    "too_many_bytes": "The file has {size:.1f} MB; at most {most:.3g} are read.",
    "too_many_pixels": "The picture has {size} megapixels; at most {most:.3g} are read.",
    "too_long_side": "The picture is {width:,} x {height:,} pixels; at most {most:,} a side are read.",
    "too_many_pieces": "The picture is in more than {most:,} pieces; no more are read.",
    "too_many_parts": "The picture has more than {most:,} parts; no more are read.",
    "too_little_memory": "The picture needs more memory than there is.",
    "jpeg_scans": "The JPEG has more than {most} scans; at most {most} are read.",
    "jpeg_kind": "The picture is a kind of JPEG that is not read (lossless or arithmetic-coded).",
    "heic_missing": "The picture is a HEIC file, and pillow-heif, which reads them, is not installed.",
    "heic_empty": "The HEIC file holds no picture, or only a film.",
    "heic_pieces": "The HEIC file is in more pieces than are read.",
    "heic_items": "The HEIC file has {n:,} items; at most {most:,} are read.",
    "heic_coding": "The HEIC file is coded in a way that is not read.",
    "tiff_values": "TIFF tag {tag} has {n} values; at most {most} are read.",
    "tiff_coding": "The TIFF is compressed in a way that is not read.",
    "tiff_tiles": "The TIFF has tiles of {size:.1f} megapixels; at most {most:.3g} are read.",
    # Of a file that is passed over, without a full stop, see `LeftOut`.
    "hidden_file": "A hidden file",
    "hidden_folder": "A hidden folder",
    "linked_folder": "A link to a folder, which is not followed",
    "link": "A link or something else that is no plain file",
    "not_plain": "Not a plain file",
    "unreadable": "A file that cannot be read",
    "packed": "An archive, which is not unpacked here: unpack it first",
    "no_picture": "Not a picture in a known format",
    "same_name": "Another file has the same name, but for bytes that are not UTF-8",
    "many": "{reason} ({n:,} files, such as {name})",
    "no_such_picture": "{table} has a row for it, but there is no such picture.",
    # Of a server that a collection lives on.
    "server_no_client": "The package pymilvus, which asks the server that this collection lives on, is not installed.",
    "server_silent": "The server that this collection lives on does not answer.",
    "server_refuses": "The server that this collection lives on does not accept the token of this page.",
    "server_preparing": "The server that this collection lives on is still bringing it into memory.",
    "server_failed": "The server that this collection lives on gave an answer that cannot be used.",
    "server_has_none": "The server that {name} should live on has no such collection.",
    "server_other": "What the server has under the name of this collection was made by something else.",
    "server_loading": "This collection is being loaded: {n:,} pictures are there.",
    "server_changed": "The collection has just changed: a picture that was found is not there any more.",
    # Of a collection.
    "no_pictures": "There are no pictures {where}.",
    "no_pictures_but": "There are no pictures {where}, only {found}.",
    "one_unusable": "The only picture cannot be used: {reasons}",
    "none_usable": "None of the {n:,} pictures can be used: {reasons}",
    "archive_files": "An archive may hold at most {most:,} files, and this one holds more.",
    "archive_bytes": "An archive may hold at most {most:,} bytes when unpacked, and this one holds more.",
    "archive_way_out": "The archive holds a file whose name leads out of it: {name!r}.",
    "archive_twice": "The archive holds two files called {name!r}.",
    "archive_list": "The archive lists too many files.",
    "archive_method": "Files in a zip file must be stored or deflated. Received: {name!r}, compressed by method {method}.",
    "archive_damaged": "The archive must be a whole zip or tar file, and is damaged or something else.",
    "archive_closed": "The archive is encrypted or compressed in a way that is not read here.",
    "archive_cost": "The zip file takes more memory or time than one with pictures does.",
    "table": "{table} must be a table of comma-separated values ({why}).",
    "table_columns": "{table} must have the columns file_name and label. Received: {columns}.",
    "own_files": "A collection of your own can have at most {most} files, and these are more.",
    "own_bytes": "The pictures may have at most {most:.0f} MB together.",
    "own_of_one": "One visitor can have at most {most} collections of their own at a time.",
    "own_of_all": "There can be at most {most} collections of visitors at a time.",
    "own_builds": "At most {most} visitors can make a collection at the same time, each of them one.",
    "own_in_a_time": "At most {most} collections can be made in {minutes:.0f} minutes.",
    # Of the network, and of the worker that runs it.
    "network_missing": "New pictures cannot be compared by {space} yet: run python -m imgsearch update NAME on a machine "
    "with TensorFlow, then pack the collection there and pull it here.",
    "look_too_long": "Looking at the picture took longer than {s:g} s and was stopped.",
    "look_too_often": "At most {most} pictures are looked at for one visitor in a minute.",
}
"""By their codes."""
_EARLIER: Mapping[str, str] = {
    "unknown_format": "The file is not a picture in a format that is read.",
    "no_picture": "Not a picture in a format that is read",
}
"""As earlier versions said it, in the notes of their collections."""
_MOST_CHARACTERS = 1_000
"""Longer ones are not looked into: a visitor's file may bring the names in them about, and patterns take their time."""


def say(code: str, **facts: object) -> str:
    """The sentence of that code, with the facts put in.

    Example:
        >>> say("too_long_side", width=30000, height=20, most=20000)
        'The picture is 30,000 x 20 pixels; at most 20,000 a side are read.'
    """
    return SENTENCES[code].format(**facts)


def recall(text: str) -> tuple[str, dict[str, str]] | None:
    """Code and facts of what `say` has said, with or without a full stop at its end; None where that is something else.

    Example:
        >>> recall("The picture is 30,000 x 20 pixels; at most 20,000 a side are read.")
        ('too_long_side', {'width': '30,000', 'height': '20', 'most': '20,000'})
    """
    if len(text) > _MOST_CHARACTERS:
        return None
    for code, pattern in _patterns():
        match = pattern.fullmatch(text)
        if match:
            return code, match.groupdict()
    return None


@cache
def _patterns() -> Sequence[tuple[str, re.Pattern[str]]]:
    """Code and pattern; those with the most words of their own first: they say more of what they match."""
    sentences = [*SENTENCES.items(), *_EARLIER.items()]
    parsed = [(code, list(string.Formatter().parse(sentence))) for code, sentence in sentences]
    by_words = sorted(parsed, key=lambda each: -sum(len(words) for words, *_ in each[1]))
    return [(code, re.compile(_pattern(parts), re.DOTALL)) for code, parts in by_words]


def _pattern(parts: list[tuple[str, str | None, str | None, str | None]]) -> str:
    pattern, seen = "", set()
    for words, fact, *_ in parts:
        pattern += re.escape(words)
        if fact:
            pattern += f"(?P={fact})" if fact in seen else f"(?P<{fact}>.+)"
            seen.add(fact)
    return pattern + r"\.?"
