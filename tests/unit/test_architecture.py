"""What loads what, and how large a module may be. Who may import whom: `[tool.importlinter]` in pyproject.toml."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import imgsearch
from imgsearch import Collection, errors

PACKAGE = Path(imgsearch.__file__).parent
ROOT = PACKAGE.parent
HEAVY = ("tensorflow", "keras", "streamlit", "pandas", "sklearn", "scipy", "skimage", "h5py", "ray")
MOST_LINES = 400
MOST_MODULES = 13
A_FILE_A_COMMAND = "cli"
"""May grow with the commands."""
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
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


def importers_of(*packages: str) -> set[str]:
    """Files below imgsearch/ that import one of these packages."""
    found = {path for path in FILES for dotted in imports(path) if dotted.split(".")[0] in packages}
    return {path.relative_to(PACKAGE).as_posix() for path in found}


def test_only_one_module_reaches_into_streamlit() -> None:
    private = ("streamlit.runtime", "streamlit.delta_generator")
    found = {path for path in FILES for dotted in imports(path) if dotted.startswith(private)}
    assert {path.relative_to(PACKAGE).as_posix() for path in found} == {"ui/server/internals.py"}


def test_modules_and_folders_are_small_enough_to_be_read() -> None:
    sources = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".js", ".css", ".html")]
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}
    folders = [path.parent.relative_to(PACKAGE).as_posix() for path in FILES if path.stem != "__init__"]
    modules = Counter(folder for folder in folders if folder != A_FILE_A_COMMAND)
    assert {name: n for name, n in modules.items() if n > MOST_MODULES} == {}


def test_the_formats_that_are_read_are_listed_once() -> None:
    files = [path for path in FILES if "WebP, GIF" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(PACKAGE).as_posix() for path in files] == ["pictures/decode.py"]


def test_what_docstrings_name_of_our_own_exists() -> None:
    """`Class.name` and `module.name` in backticks."""
    owned: dict[str, set[str]] = {}
    named: list[tuple[str, str, str]] = []
    for path in (path for path in FILES if path.stem not in ("__main__", "page")):  # which run when they are imported
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = pkgutil.resolve_name(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        owned.setdefault(module.__name__.rpartition(".")[2], set()).update(vars(module))
        for name, kind in vars(module).items():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                set_by_hand = re.findall(r"\bself\.(\w+)", inspect.getsource(kind))
                owned.setdefault(name, set()).update([*dir(kind), *set_by_hand, *getattr(kind, "__annotations__", {})])
        docs = [
            ast.get_docstring(node) or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | FUNCTION)
        ]
        named += [(path.name, *pair) for doc in docs for pair in re.findall(r"`(\w+)\.(\w+)(?:\(.*?\))?`", doc)]
    assert len(named) > 50
    of_classes = set().union(*(names for name, names in owned.items() if name[0].isupper())) | {"py"}
    missing = [each for each in named if each[1] in owned and each[2] not in owned[each[1]]]
    # `spec.has_feature_maps`: a value called like a module.
    assert [each for each in missing if each[1][0].isupper() or each[2] not in of_classes] == []


def test_errors_import_nothing() -> None:
    assert set(imports(PACKAGE / "errors.py")) <= {"__future__.annotations"}


def test_pandas_is_not_imported_and_heavy_packages_only_inside_functions() -> None:
    assert importers_of("pandas") == {"retrieval/results.py"}  # for who has it: `SearchPage.to_pandas`
    heavy = {*HEAVY} - {"streamlit"}  # the page's own
    assert [path.name for path in FILES if {name.split(".")[0] for name in imports(path, top_level=True)} & heavy] == []


def test_the_public_names_are_pinned() -> None:
    assert imgsearch.__all__ == [
        "Ask",
        "BuildReport",
        "Collection",
        "Effort",
        "EmbedderSpec",
        "Evaluation",
        "Item",
        "Picture",
        "Region",
        "SearchPage",
        "SearchResult",
        "build_collection",
        "decode_image",
        "embedder_spec",
        "evaluate_collection",
        "evaluate_folder",
        "list_collections",
        "pack",
        "pull",
        "update_collection",
        *sorted(name for name, value in vars(errors).items() if isinstance(value, type)),
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
import imgsearch.embedding.worker.client
note("client of the worker")
import imgsearch.cli
note("command line")
print(json.dumps(loaded))
"""


def test_opening_and_asking_load_nothing_heavy(collection: Collection, home: Path) -> None:
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(HEAVY), str(home)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    steps = ("import", "open", "query by item", "client of the worker", "command line")
    assert json.loads(done.stdout) == {step: [] for step in steps}
