"""Who may import whom, and what loads what."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgsearch
from imgsearch import Collection

PACKAGE = Path(imgsearch.__file__).parent
ROOT = PACKAGE.parent
# A module imports only modules to the left of it.
ORDER = (
    *(
        "errors",
        "locks",
        "spreadsheet",
        "settings",
        "distance",
        "containers",
        "rgb",
        "images",
        "scaling",
        "regions",
        "backbones",
        "descriptors",
        "weights",
        "download",
        "archives",
        "feature_maps",
        "network",
        "embedding",
    ),
    *(
        "index",
        "items",
        "notebook",
        "transform",
        "neighbors",
        "projection",
        "calibration",
        "space",
        "expansion",
        "rerank",
        "search",
        "metrics",
        "judgements",
        "manifest",
        "collection_files",
        "collection",
        "explain",
        "folder",
        "ledger",
        "draft",
        "build",
        "duplicates",
        "tuning",
        "evaluation",
        "training",
        "datasets",
        "sources",
        "publish",
        "report",
        "worker",
        "session_collections",
        "cli",
    ),
)
HEAVY = ("tensorflow", "keras", "streamlit", "pandas", "sklearn", "scipy", "skimage", "h5py")
APART = {"ui", "sample"}
"""Packages with rules of their own, below."""
MODULES = sorted(
    {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    | {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - APART
)
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Dotted names that a file imports, `from a import b` as a.b; with `top_level` only those that run on import."""
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo += ast.iter_child_nodes(node)


def own_modules(path: Path) -> set[str]:
    """Modules and packages of imgsearch that a file imports; "__init__" for the package's own names."""
    names = set()
    for dotted in imports(path):
        first, *rest = dotted.split(".")
        if first == "imgsearch":
            names.add(rest[0] if rest and (rest[0] in ORDER or (PACKAGE / rest[0]).is_dir()) else "__init__")
    return names


def importers_of(*packages: str) -> set[str]:
    """Files below imgsearch/ that import one of these packages."""
    found = {path for path in FILES for dotted in imports(path) if dotted.split(".")[0] in packages}
    return {path.relative_to(PACKAGE).as_posix() for path in found}


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == MODULES


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_modules_above_it(module: str) -> None:
    extra = {"report": {"__init__"}, "worker": {"__init__"}, "cli": {"__init__"}, "datasets": {"sample"}}.get(module, set())
    allowed = {*ORDER[: ORDER.index(module) + 1], *extra}
    files = sorted((PACKAGE / module).rglob("*.py")) or [PACKAGE / f"{module}.py"]
    assert set().union(*(own_modules(path) for path in files)) <= allowed


def test_errors_import_nothing() -> None:
    assert set(imports(PACKAGE / "errors.py")) <= {"__future__.annotations"}


def test_the_sample_imports_only_errors_and_itself() -> None:
    files = sorted((PACKAGE / "sample").rglob("*.py"))
    assert [path.name for path in files if not own_modules(path) <= {"errors", "sample"}] == []


def test_the_page_does_not_import_the_command_line() -> None:
    files = sorted((PACKAGE / "ui").rglob("*.py"))
    assert [path.name for path in files if "cli" in own_modules(path)] == []


def test_only_the_page_imports_streamlit() -> None:
    assert [name for name in importers_of("streamlit") if not name.startswith("ui/")] == []


def test_only_the_index_imports_annoy() -> None:
    assert importers_of("annoy") == {"index.py"}


def test_only_network_imports_tensorflow_and_only_inside_functions() -> None:
    assert importers_of("tensorflow", "keras") == {"network.py"}
    assert {dotted.split(".")[0] for dotted in imports(PACKAGE / "embedding.py", top_level=True)}.isdisjoint(HEAVY)


def test_pandas_is_not_imported_and_scientific_packages_only_inside_functions() -> None:
    assert importers_of("pandas") == set()
    heavy = {"sklearn", "scipy", "skimage"}
    assert [path.name for path in FILES if {name.split(".")[0] for name in imports(path, top_level=True)} & heavy] == []


def test_the_public_names_are_pinned() -> None:
    assert imgsearch.__all__ == [
        "BuildReport",
        "Collection",
        "EmbedderSpec",
        "ImgSearchError",
        "Item",
        "Picture",
        "SearchPage",
        "SearchResult",
        "build_collection",
        "decode_image",
        "embedder_spec",
        "list_collections",
    ]
    assert all(hasattr(imgsearch, name) for name in imgsearch.__all__)


SCRIPT = """
import json, sys
from pathlib import Path
loaded = {}
def note(step):
    loaded[step] = sorted({name.split(".")[0] for name in sys.modules} & set(json.loads(sys.argv[1])))
import imgsearch
note("import")
collection = imgsearch.Collection.open("discs", Path(sys.argv[2]))
note("open")
page = collection.search(item_id="red/0.png", k=3)
note("query by item")
assert len(page.results) == 3
import imgsearch.worker
note("client of the worker")
print(json.dumps(loaded))
"""


def test_opening_and_asking_load_nothing_heavy(collection: Collection, home: Path) -> None:
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(HEAVY), str(home)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert json.loads(done.stdout) == {"import": [], "open": [], "query by item": [], "client of the worker": []}
