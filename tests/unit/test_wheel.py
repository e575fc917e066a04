"""The wheel holds the whole program and nothing else, and runs far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from imgsearch.version import __version__

pytestmark = pytest.mark.slow  # some seconds: pip twice, and the program as processes of their own

ROOT = Path(__file__).resolve().parents[2]
INSTALLING = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WHERE_FROM = """
import runpy, sys
sys.argv[1:] = ["--version"]
try:
    runpy.run_module("imgsearch", run_name="__main__", alter_sys=True)
except SystemExit:
    pass
ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "imgsearch"]
print(*sorted({module.__file__ for module in ours}), sep="\\n")
"""


def pip(*arguments: object) -> None:
    """Runs pip, which may ask no index: what it needs is installed with the tests' requirements."""
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into; its dependencies are the tests' own."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-index", "--no-deps", "--no-compile", "--target", folder, wheel)
    return folder


def run(installed: Path, *command: object, **environment: str) -> str:
    """What a command prints that sees the installed copy and stands in another folder."""
    everything = {
        **os.environ,
        "PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, cwd=installed.parent, env=everything, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of_the_package() -> set[str]:
    """What git tracks below imgsearch/ or would take up, as paths from the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "imgsearch"]
    listed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    return {path for path in listed.split("\0") if path and (ROOT / path).exists()}


def test_the_wheel_has_the_name_and_the_version_of_the_project(wheel: Path) -> None:
    assert wheel.name == f"imgsearch_demo-{__version__}-py3-none-any.whl"
    assert PROJECT["name"] == "imgsearch-demo"


def test_the_wheel_holds_every_file_of_the_package_byte_for_byte_and_nothing_else(installed: Path) -> None:
    found = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    information = f"imgsearch_demo-{__version__}.dist-info/"
    assert {path for path in found if not path.startswith(information)} == {*files_of_the_package(), "bin/imgsearch"}
    suffixes = {Path(path).suffix for path in found if path.startswith("imgsearch/")}
    assert suffixes >= {".py", ".js", ".css", ".html", ".svg", ".h5", ".npy", ".tflite", ".tar", ".md", ".tsv", ""}
    changed = [path for path in files_of_the_package() if (installed / path).read_bytes() != (ROOT / path).read_bytes()]
    assert changed == []


def test_the_licences_of_code_weights_fonts_and_words_go_along(installed: Path) -> None:
    licences = installed / f"imgsearch_demo-{__version__}.dist-info" / "licenses"
    titles = [path.read_text(encoding="utf-8").strip().split("\n")[0] for path in sorted(licences.rglob("LICENSE"))]
    assert titles == [
        "MIT License",
        "Apache License",
        "SIL OPEN FONT LICENSE, for sans.woff2, italic.woff2 and serif.woff2",
        "WordNet 3.0 license, for table.tsv and plurals.tsv, which are made from it by scripts/make_vocabulary.py",
    ]


def test_the_installed_package_runs_without_the_checkout(installed: Path) -> None:
    said, *files = run(installed, sys.executable, "-c", WHERE_FROM).splitlines()
    assert said == f"imgsearch, version {__version__}"
    assert len(files) > 10
    assert [path for path in files if not path.startswith(f"{installed}{os.sep}")] == []


def test_the_installed_package_brings_the_sample(installed: Path, tmp_path: Path) -> None:
    said = run(installed, "imgsearch", "sample", IMGSEARCH_HOME=str(tmp_path))
    assert said.startswith("sample is ready, 0 embedded now: 456 pictures, 19 labels")


def test_the_installed_command_is_called_imgsearch(installed: Path) -> None:
    assert list(PROJECT["scripts"]) == ["imgsearch"]
    assert run(installed, "imgsearch", "--version") == f"imgsearch, version {__version__}\n"
    assert run(installed, "imgsearch", "--help").startswith("Usage: imgsearch [OPTIONS] COMMAND")


def test_the_shell_completes_the_installed_command_as_the_documents_set_it_up(installed: Path) -> None:
    (line,) = [line.split("  #")[0] for line in INSTALLING.splitlines() if "_IMGSEARCH_COMPLETE" in line]
    assert "_imgsearch_completion" in run(installed, "bash", "-c", f"{line}\ncomplete -p imgsearch")
    asked = {"_IMGSEARCH_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert run(installed, "imgsearch", COMP_WORDS="imgsearch eval", **asked) == "plain,evaluate\n"
