"""The documents and the program say the same."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import click
import pytest

from imgsearch.cli import cli
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.settings import Settings
from imgsearch.vectors.engines.annoy import COMPILER_ARGS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python -m imgsearch")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_readme_are_commands_of_the_program(line: str) -> None:
    name, *arguments = shlex.split(line)[3:]
    cli.commands[name].make_context(name, arguments)  # raises UsageError for what it does not know


def test_the_readme_shows_every_command() -> None:
    shown = {shlex.split(line)[3] for line in COMMANDS}
    assert set(cli.commands) == shown


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_readme_names_every_embedder() -> None:
    assert all(f"`{name}`" in README for name in (*BACKBONES, *DESCRIPTORS))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_and_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = {path.parent / link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)}
    named = {ROOT / name for name in re.findall(r"`((?:imgsearch|tests|benchmarks|scripts|docs)/[\w/.-]*\w)/?`", text)}
    named |= {ROOT / name for name in re.findall(r"pytest (tests/\S+)", text)}
    assert {target for target in links | named if not target.exists()} == set()


def test_links_to_a_section_lead_to_one() -> None:
    anchors = {path.name: {anchor_of(title) for title in headings(path)} for path in DOCUMENTS}
    for path in DOCUMENTS:
        for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            assert anchor in anchors[Path(file).name or path.name], f"{path.name}: {file}#{anchor}"


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def anchor_of(title: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_floors_of_the_documents_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    house, page = re.findall(r"\| floor \| .*?\n\|---\|---\|\n(.*?)\n\n", text, re.DOTALL)
    for table, contract in ((house, contracts[0]), (page, contracts[1])):
        layers = [name for layer in contract["layers"] for name in layer.split(" | ")]
        assert [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])] == [
            name for name in layers if name != "__main__"
        ]


def test_modules_that_the_readme_runs_exist() -> None:
    named = set(re.findall(r"python -m (benchmarks\.\w+)", README))
    assert named
    assert all((ROOT / (module.replace(".", "/") + ".py")).is_file() for module in named)


def test_annoy_is_compiled_with_the_same_safe_flags_wherever_it_is() -> None:
    """With -ffast-math, which its own setup has, clang makes an annoy that answers wrongly or crashes."""
    plain = COMPILER_ARGS
    assert "fast" not in plain
    expected = {"Dockerfile": {plain}, "Makefile": {plain + "$(NATIVE)"}, "README.md": {plain}}
    for file, flags in expected.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert set(re.findall(r"ANNOY_COMPILER_ARGS *\??= *(\S+)", text)) == flags


def test_the_system_check_names_the_package_to_install() -> None:
    outcome = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_system.py"], env={"PATH": ""}, capture_output=True, text=True
    )
    assert outcome.returncode == 1
    assert "apt install build-essential" in outcome.stderr


def test_the_system_check_passes_here() -> None:
    assert subprocess.run([sys.executable, ROOT / "scripts" / "check_system.py"]).returncode == 0


def texts_for_readers() -> dict[str, str]:
    """What tells somebody what to type, by file: documents, hints, help texts, what builds and starts."""
    folders = [path for folder in ("imgsearch", "docs", "scripts", "examples") for path in (ROOT / folder).rglob("*")]
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "Dockerfile")]
    suffixes = (".py", ".md", ".js", ".html", ".ipynb", ".conf", "")
    paths = sorted(path for path in (*files, *folders) if path.is_file() and path.suffix in suffixes)
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_the_command_has_one_spelling() -> None:
    """`python -m imgsearch` works in the checkout and installed; `imgsearch` only installed, where the README says so."""
    texts = texts_for_readers()
    texts["README.md"] = re.sub(r"\n## Installed\n.*?(?=\n## )", "", texts["README.md"], flags=re.DOTALL)
    names = "|".join(sorted(cli.commands))
    others = re.compile(rf"(?<!-m )\bimgsearch (?:-|(?:{names})\b).*|\b(?:python3[\d.]*|py) -m imgsearch\b.*")
    assert {file: found for file, text in texts.items() if (found := others.findall(text))} == {}
    named = {name for text in texts.values() for name in re.findall(r"python -m imgsearch (\w+)", text)}
    assert named - {"NAME"} == set(cli.commands)


def test_the_readme_introduces_the_installed_command() -> None:
    (section,) = re.findall(r"\n## Installed\n.*?(?=\n## )", README, re.DOTALL)
    assert "`imgsearch-demo`" in section
    assert "`imgsearch build`" in section


def test_the_limits_of_the_security_page_are_the_settings() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    known = {f"IMGSEARCH_{field.name.upper()}": field.default for field in fields(Settings)}
    assert set(re.findall(r"IMGSEARCH_\w+", text)) <= set(known)
    rows = re.findall(r"^\|[^|]*\| (`IMGSEARCH_[^|;]*`) \| (\d[\d, ]*)[ \w]* \|$", text, re.MULTILINE)
    said = [(re.findall(r"IMGSEARCH_\w+", names), re.findall(r"\d+", values)) for names, values in rows]
    assert len(said) >= 5
    assert {name: value for names, values in said for name, value in zip(names, values, strict=True)} == {
        name: str(known[name]) for names, _ in said for name in names
    }
