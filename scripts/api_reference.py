"""The API reference, made of the docstrings: `make docs` writes it to build/api, which git ignores; open index.html there.

Page and command line are left out: nobody imports them. A warning of pdoc's is an error, and so is a name in backticks that
begins with `imgsearch.` and leads nowhere; `tests/unit/test_architecture.py` looks at the other names.
"""

from __future__ import annotations

import pkgutil
import re
import shutil
import sys
import warnings
from pathlib import Path

import pdoc

import imgsearch

TARGET = Path(__file__).resolve().parents[1] / "build" / "api"
LEFT_OUT = {"__main__", "cli", "ui"}
OF_ANOTHER_MODULE = re.compile(r"Error parsing type annotation .+ for \S+\.__init__\. Import of ")
"""pdoc looks for the types of fields that a dataclass inherits in its own module, not where they are declared."""
LEADS_NOWHERE = re.compile(r"<code>(imgsearch(?:\.\w+)+)(?:\(.*?\))?</code>")
MISTAKEN = re.compile(r"[])]<a href=[^>]+>(imgsearch\.[\w.]+)")
"""`f(x).search` in an example: pdoc writes the module of that name there, if one is beside."""


def main() -> None:
    """Writes the pages, and exits with 1 if one of them is not as it should be."""
    for name in imgsearch.__all__:  # pdoc sees what is there, not what is imported when it is asked for
        setattr(imgsearch, name, getattr(imgsearch, name))
    floors = sorted({module.name for module in pkgutil.iter_modules(imgsearch.__path__)} - LEFT_OUT)
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"imgsearch {imgsearch.__version__}")
    shutil.rmtree(TARGET, ignore_errors=True)  # pages of modules that have gone
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pdoc.pdoc("imgsearch", *(f"imgsearch.{floor}" for floor in floors), output_directory=TARGET)
    wrong = [str(each.message) for each in caught if "pdoc" in each.filename]
    wrong = [message for message in wrong if not OF_ANOTHER_MODULE.match(message)]
    for page in sorted(TARGET.rglob("*.html")):
        text, name = page.read_text(encoding="utf-8"), page.relative_to(TARGET)
        wrong += [f"{name}: `{each}` leads nowhere." for each in LEADS_NOWHERE.findall(text)]
        wrong += [f"{name}: no example may go on behind a bracket with {each}." for each in MISTAKEN.findall(text)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
