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
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.annoy import COMPILER_ARGS
from scripts.make_documents import documents

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MADE = documents()
"""What a program makes, by name in docs/."""
MODEL_CARD = ROOT / "imgsearch" / "embedding" / "bundled" / "MODEL_CARD.md"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    MODEL_CARD,
    *sorted(DOCS.rglob("*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
README = TEXTS["README.md"]
INSTALLING = TEXTS["docs/installing.md"]
README_LINES = 120
"""At most; what is longer has a page of its own in docs/."""


def typed(text: str) -> list[str]:
    """Lines of blocks to be typed, without comments; one that goes on in the next is one."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"(?:^|\s)#.*", "", line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def commands_of(text: str) -> list[str]:
    """What follows `python -m imgsearch` on these lines."""
    found = [re.search(r"(?<!Usage: )python -m imgsearch (.*?)(?=\s[>|&]|$)", line) for line in typed(text)]
    return [match[1].strip() for match in found if match]


COMMANDS = {file: commands_of(text) for file, text in TEXTS.items()}
"""By document, without the program."""


def read(line: str) -> click.Command:
    """The command that a line names.

    Raises:
        KeyError: there is none.
        click.UsageError: it does not take what follows.
    """
    command: click.Command = cli
    name, words = "", shlex.split(line)
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    command.make_context(name, words)
    return command


def commands_below(command: click.Command) -> list[click.Command]:
    below = list(command.commands.values()) if isinstance(command, click.Group) else []
    return [command, *(each for group in below for each in commands_below(group))]


@pytest.mark.parametrize(
    ("file", "line"), [(file, line) for file, lines in COMMANDS.items() for line in dict.fromkeys(lines)]
)
def test_commands_of_the_documents_are_commands_of_the_program(file: str, line: str) -> None:
    read(line)


def test_commands_are_found_in_every_kind_of_block() -> None:
    block = """
1. Words.

   ```sh
   sudo -u me .venv/bin/python -m imgsearch pull URL#sha256=1   # a comment
   docker run image \\
       python -m imgsearch info pets
   ```

```text
Usage: python -m imgsearch info [OPTIONS] NAME
    python -m imgsearch query pets --words "a b" --json > answer.json
```
`python -m imgsearch COMMAND --help`
"""
    assert commands_of(block) == ["pull URL#sha256=1", "info pets", 'query pets --words "a b" --json']


def test_a_command_that_is_wrong_is_told() -> None:
    with pytest.raises(click.UsageError):
        read("cluster load s3://pets/mini --to http://milvus:19530 --nam pets")
    with pytest.raises(KeyError):
        read("cluster unload pets")


def test_documents_written_by_hand_show_every_command() -> None:
    shown = {shlex.split(line)[0] for file, lines in COMMANDS.items() if Path(file).name not in MADE for line in lines}
    assert set(cli.commands) == shown


@pytest.mark.parametrize("command", commands_below(cli), ids=lambda command: command.name)
def test_every_command_and_option_has_a_help_text(command: click.Command) -> None:
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_documents_that_a_program_makes_are_as_it_makes_them_now() -> None:
    assert set(MADE) == {"commands.md", "settings.md"}
    assert [name for name, text in MADE.items() if TEXTS[f"docs/{name}"] != text] == []  # python -m scripts.make_documents


def test_the_page_of_commands_has_every_command_with_all_that_it_takes() -> None:
    sections = re.split(r"^## ", TEXTS["docs/commands.md"], flags=re.MULTILINE)[1:]
    by_name = {section.partition("\n")[0].rpartition(" ")[2]: section for section in sections}
    for command in commands_below(cli)[1:]:
        taken = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
        assert {
            name for name in taken if not re.search(rf"(?<![\w-]){name}(?![\w-])", by_name[command.name or ""])
        } == set()


def test_the_page_of_settings_says_of_each_what_it_is_by_default() -> None:
    rows = re.findall(r"^\| `IMGSEARCH_(\w+)` \| (.+?) \| (.+) \|$", TEXTS["docs/settings.md"], re.MULTILINE)
    assert [name.lower() for name, _, _ in rows] == [field.name for field in fields(Settings)]
    doc = " ".join((Settings.__doc__ or "").split())
    for name, default, said in rows:
        written = re.search(rf"IMGSEARCH_{name}, .*? Defaults to (.*?)\.(?: |$)(?!/)", doc)
        assert written, name
        assert written[1] == default
        assert "Defaults" not in said
    known = {field.name: field.default for field in fields(Settings)}
    numbers = {name: default for name, default, _ in rows if isinstance(known[name.lower()], int)}
    assert len(numbers) > 8
    assert numbers == {name: str(int(known[name.lower()])) for name in numbers}


def test_the_server_takes_uploads_as_large_as_the_largest_collection_of_a_visitor() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] == Settings().max_own_mb


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= README_LINES


def test_the_figures_of_the_readme_are_five_each_with_the_command_that_makes_it_again() -> None:
    (figures,) = re.findall(r"^<!-- figures -->\n(.*)^<!-- /figures -->$", README, re.DOTALL | re.MULTILINE)
    rows = [row for row in figures.splitlines() if re.search(r"\d", row)]
    assert len(rows) == 5
    assert [row for row in rows if not re.search(r"\| `python -m (?:imgsearch|benchmarks)[ .][^`]+` \|$", row)] == []


def test_the_index_lists_every_document() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)", TEXTS["docs/README.md"])}
    assert {path for path in DOCUMENTS if path != index} == linked
    assert (ROOT / "README.md").resolve() in linked
    assert "](docs/README.md)" in README


def test_embedders_and_engines_can_be_chosen_by_what_the_documents_say() -> None:
    assert [name for name in (*BACKBONES, *DESCRIPTORS, *ENGINES) if f"`{name}`" not in TEXTS["docs/collections.md"]] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_links_to_and_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = {path.parent / link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)}
    named = {ROOT / name for name in re.findall(r"`((?:imgsearch|tests|benchmarks|scripts|docs)/[\w/.-]*\w)/?`", text)}
    named |= {ROOT / name for name in re.findall(r"pytest (tests/\S+)", text)}
    assert {target for target in links | named if not target.exists()} == set()


def test_links_to_a_section_lead_to_one() -> None:
    anchors = {path: {anchor_of(title) for title in headings(path)} for path in DOCUMENTS}
    for path in DOCUMENTS:
        for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            target = (path.parent / file).resolve() if file else path
            assert anchor in anchors[target], f"{path.relative_to(ROOT)}: {file}#{anchor}"


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


def test_programs_and_targets_that_the_documents_run_exist() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    for file, text in TEXTS.items():
        modules = {name.replace(".", "/") + ".py" for name in re.findall(r"python -m ((?:benchmarks|scripts)\.\w+)", text)}
        programs = modules | set(re.findall(r"python ((?:scripts|benchmarks)/\S+?\.py)", text))
        assert {name for name in programs if not (ROOT / name).is_file()} == set(), file
        lines = [*typed(text), *re.findall(r"`([^`\n]+)`", text)]
        made = {name for line in lines for name in re.findall(r"(?:^|\s)make ([a-z][\w-]*)(?=\s|$)", line)}
        assert made <= {*targets}, file
    assert "python -m benchmarks." in README


def test_annoy_is_compiled_with_the_same_safe_flags_wherever_it_is() -> None:
    """With -ffast-math, which its own setup has, clang makes an annoy that answers wrongly or crashes."""
    plain = COMPILER_ARGS
    assert "fast" not in plain
    expected = {"Dockerfile": {plain}, "Makefile": {plain + "$(NATIVE)"}, "docs/installing.md": {plain}}
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
    """`python -m imgsearch` works in the checkout and installed; `imgsearch` only installed, as one section says."""
    texts = texts_for_readers()
    texts["docs/installing.md"] = texts["docs/installing.md"].replace(installed(), "")
    names = "|".join(sorted(cli.commands))
    others = re.compile(rf"(?<!-m )\bimgsearch (?:-|(?:{names})\b).*|\b(?:python3[\d.]*|py) -m imgsearch\b.*")
    assert {file: found for file, text in texts.items() if (found := others.findall(text))} == {}
    named = {name for text in texts.values() for name in re.findall(r"python -m imgsearch (\w+)", text)}
    assert named - {"NAME", "COMMAND"} == set(cli.commands)


def installed() -> str:
    """The section about the program where it is installed."""
    (section,) = re.findall(r"\n## Installed\n.*?(?=\n## |\Z)", INSTALLING, re.DOTALL)
    return str(section)


def test_the_documents_introduce_the_installed_command() -> None:
    assert "`imgsearch-demo`" in installed()
    assert "`imgsearch build`" in installed()


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
