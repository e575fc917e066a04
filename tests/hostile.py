"""What somebody writes who wants our page to say it in our name: texts that Streamlit's Markdown would bring to life."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from imgsearch.collection.manifest import FileEntry, Manifest
from imgsearch.files.disk import file_digest
from imgsearch.files.home import MANIFEST_FILE
from imgsearch.pictures.items import Items

TEXTS = (
    "Session expired, sign in at https://evil.example/x",
    "HTTP://evil.example or www.evil.example/a_b. WWW.evil.example",
    "ask admin@evil.example, mailto:x@evil.example",
    "xmpp:a@evil.example ftp://evil.example //evil.example",
    "<https://evil.example> <b>bold</b> <img src=x onerror=alert(1)>",
    "&lt;i&gt; &amp; &#x41;",
    "[click](https://evil.example) [y][r] [r]: https://evil.example",
    "[^1] ![p](https://evil.example/p.png) ![p](data:image/png,A)",
    "@admin #1 org/repo#2",
    ":smile: :+1: :streamlit: :material/check: :material_check:",
    ":red[r] :blue-background[b] :red-badge[c] :small[d]",
    ":shimmer[e] :help[f] :color[g]{foreground=red}",
    "$x^2$ $$\\frac{1}{2}$$ \\(y\\) $1 and $2",
    "# heading",
    "1. one",
    "2) two",
    "- item",
    "+ item",
    "* item",
    "- [x] done",
    "> quoted",
    "---",
    "===",
    "| a | b |",
    "a -> b <- c <-> d -- e >= f <= g ~= h -> i --",
    "**b** *i* __b__ _i_ ~~s~~ ~s~ `c` ```d``` \\ \\*",
    ":::note ::name[x]{a=b}",
    "{foreground=red} [x] ]",
    "https",
    "www",
    "x :smile",
    "admin@",
    "evil.example",
    ": x: :) :-( a:b",
    ":",
    "\\",
    "!",
    "[",
    "-",
    "<",
)
"""Some are whole, some are waiting for what our sentences go on with. None has two blanks in a row or any at its ends."""


def plant(collection: Path) -> Items:
    """Writes them into every text of a collection that somebody else may have made, and returns its items."""
    path = collection / MANIFEST_FILE
    manifest = Manifest.from_bytes(path.read_bytes())
    items = Items.read(collection / manifest.items.file, manifest.n_items)
    said = [" ".join(TEXTS[row :: len(items)]) for row in range(len(items))]
    planted = Items([replace(item, item_id=f"{said[row]} {row}", label=said[row]) for row, item in enumerate(items)])
    planted.write(collection / "items-planted.parquet")
    skipped = [json.dumps({"item_id": text, "reason": text}) + "\n" for text in TEXTS]
    (collection / "skipped-planted.jsonl").write_text("".join(skipped))
    all_of_it = " ".join(TEXTS)
    manifest = replace(
        manifest,
        title=all_of_it,
        source=all_of_it,
        license=all_of_it,
        items=_entry(collection, "items-planted.parquet"),
        skipped=_entry(collection, "skipped-planted.jsonl"),
        n_skipped=len(skipped),
        evaluation=None,
    )
    path.write_bytes(manifest.to_bytes())
    return planted


def _entry(collection: Path, name: str) -> FileEntry:
    return FileEntry(name, (collection / name).stat().st_size, file_digest(collection / name))
