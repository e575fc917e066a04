"""Cuts the fonts of the page out of Streamlit's: `python -m scripts.cut_fonts FOLDER`.

Streamlit's fonts speak dozens of languages and hold 4,000 icons: 976 kB before the first word is read. Written are
imgsearch/ui/server/delivery/fonts/{sans,italic,serif,icons}.woff2 and icons.txt, the names of the icons: those that
the page and Streamlit's scripts name. A test says when one is missing; run this again then, and with a new version of
Streamlit.

FOLDER is where the programs of fonttools are, which nothing else here needs:
`python -m venv /tmp/fonts; /tmp/fonts/bin/pip install fonttools brotli; python -m scripts.cut_fonts /tmp/fonts/bin`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import click
from streamlit.file_util import get_static_dir

from imgsearch.ui.server.delivery.fonts import FOLDER, FONTS

ROOT = Path(__file__).resolve().parents[1]
STATIC = Path(get_static_dir(), "static")
ICON = re.compile(r":material/([a-z0-9_]+)")
RANGES = "U+20-17F,U+2000-206F,U+20A0-20CF,U+2100-214F,U+2190-22FF,U+2713"
"""Letters of Europe's Latin, punctuation, currencies, arrows, signs of mathematics."""
SERIF_AT = ("wght=600", "opsz=28")  # headings alone have it: .streamlit/config.toml
NO_ICONS = {"star_filled"}
"""Names in Streamlit's scripts for which its font has no icon either."""
NOTICES = "0,13,14"
"""Copyright and licence; not the names, which the licence of three of them reserves for what is whole."""


def source(name: str) -> Path:
    """The font of Streamlit's that one is cut from."""
    (path,) = (STATIC / "media").glob(f"{FONTS[name]}.*.woff2")
    return path


def icon_names() -> list[str]:
    """The icons that the page or Streamlit's scripts name."""
    files = [*(ROOT / "imgsearch").rglob("*.py"), *(STATIC / "js").glob("*.js")]
    return sorted({name for path in files for name in ICON.findall(path.read_text(encoding="utf-8"))} - NO_ICONS)


def ligatures(programs: Path, font: Path) -> dict[str, str]:
    """The glyph that each icon's name becomes where it is written."""
    command = [programs / "fonttools", "ttx", "-q", "-t", "cmap", "-t", "GSUB", "-o", "-", font]
    tables = ElementTree.fromstring(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    letters = {entry.get("name"): chr(int(entry.get("code", ""), 16)) for entry in tables.iter("map")}
    found = {}
    for begun in tables.iter("LigatureSet"):
        for end in begun.iter("Ligature"):
            glyphs = (begun.get("glyph"), *end.get("components", "").split(","))
            found["".join(letters.get(glyph, "?") for glyph in glyphs)] = end.get("glyph", "")
    return found


@click.command(help=__doc__)
@click.argument("programs", metavar="FOLDER", type=click.Path(exists=True, path_type=Path))
def main(programs: Path) -> None:
    """Cuts them all."""

    def cut(font: Path, name: str, *options: str) -> None:
        out = FOLDER / f"{name}.woff2"
        options += (f"--name-IDs={NOTICES}", "--name-languages=*", "--notdef-outline")
        options += (f"--output-file={out}", "--flavor=woff2")
        subprocess.run([programs / "pyftsubset", font, *options], check=True)
        click.echo(f"{name}: {out.stat().st_size:,} bytes")

    letters = f"--unicodes={RANGES}"
    features = "--layout-features=kern,mark,mkmk,ccmp"
    for name in ("sans", "italic"):
        cut(source(name), name, letters, features)
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "serif.woff2")
        arguments = ["varLib.instancer", "--quiet", "-o", pinned, source("serif"), *SERIF_AT]
        subprocess.run([programs / "fonttools", *arguments], check=True)
        cut(pinned, "serif", letters, features)
    names = icon_names()
    drawn = ligatures(programs, source("icons"))
    glyphs = f"--glyphs={','.join(drawn[name] for name in names)}"
    text = "--text=abcdefghijklmnopqrstuvwxyz0123456789_"
    options = ("--layout-features=*", "--no-layout-closure")
    cut(source("icons"), "icons", glyphs, text, *options)
    (FOLDER / "icons.txt").write_text("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
