"""What is imported is declared; pyproject.toml, the lock, its parts and the cluster's are in step. No network is asked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
DISTRIBUTIONS = {"PIL": "pillow", "grpc": "grpcio", "sklearn": "scikit-learn"}
"""Of packages that are imported by another name than they are installed by."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("linux", "riscv64"),
    ("darwin", "arm64"),
    ("darwin", "x86_64"),
    ("win32", "AMD64"),
    ("win32", "ARM64"),
)
MACHINES = [
    {"sys_platform": system, "platform_machine": machine, "python_version": python, "python_full_version": f"{python}.0"}
    for python in PYTHONS
    for system, machine in SYSTEMS
]
RENEW = "`make lock` renews the lock."


def requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml declares: the dependencies, and those of the extras named."""
    declared = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return [Requirement(line) for line in declared]


def names(*extras: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(*extras)}


def cluster_tests() -> list[Requirement]:
    """What `make test-cluster` needs besides the extra `cluster`."""
    return [Requirement(line) for line in PYPROJECT["dependency-groups"]["cluster-tests"]]


@dataclass(frozen=True)
class Pin:
    """A version of the lock: `name==version ; marker` with its hashes."""

    version: str
    marker: Marker | None
    hashes: frozenset[str]

    def machines(self) -> list[dict[str, str]]:
        """Those of MACHINES that it is installed on."""
        return [machine for machine in MACHINES if self.marker is None or self.marker.evaluate(machine)]


def read_pins(file: str) -> dict[str, Pin]:
    """The versions of a requirements file by name. No line may be of another kind, so no address or path stands in it."""
    pins: dict[str, Pin] = {}
    last = ""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"([a-z0-9-]+)==([\w.+!]+)(?: ; ([\w.' =!<>()]+))? \\", line):
            last, version, marker = match.groups()
            assert last not in pins, f"{file}: {last} has two versions"
            pins[last] = Pin(version, Marker(marker) if marker else None, frozenset())
        elif match := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            pin = pins[last]
            pins[last] = Pin(pin.version, pin.marker, pin.hashes | {match[1]})
        else:
            reason = r" {4}# {1,3}[\w -]+(\((pyproject\.toml|workspace)\))?"
            is_comment = re.fullmatch(rf"# [\w :]+|#    make lock|{reason}", line)
            assert is_comment, f"{file}: {line}"
    return pins


def read_reasons() -> dict[str, set[str]]:
    """Of each package of the lock, the packages that need it; the project is one of them."""
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    reasons: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"([a-z0-9-]+)==", line):
            reasons[last := match[1]] = set()
        elif match := re.fullmatch(r" {4}# (?:via| ) ?([a-z0-9-]*)(?: \(pyproject\.toml\))?", line):
            reasons[last] |= {match[1]} - {""}
    return reasons


LOCK = read_pins("requirements-dev.txt")
HOST = read_pins("requirements.txt")
SERVING = read_pins("requirements-serve.txt")
CLUSTER = read_pins("requirements-cluster.txt")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Third-party distributions that a file imports, and whether on its own import rather than inside a function."""
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), True)]
    while todo:
        node, is_at_once = todo.pop()
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            assert isinstance(node.args[0], ast.Constant), f"{path}: an import that cannot be checked"
            found = [str(node.args[0].value)]
        for dotted in found:
            module = dotted.split(".")[0]
            if module not in sys.stdlib_module_names | {"imgsearch", "tests", "benchmarks", "scripts"}:
                yield canonicalize_name(DISTRIBUTIONS.get(module, module)), is_at_once
        is_at_once = is_at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        todo += [(child, is_at_once) for child in ast.iter_child_nodes(node)]


def imported_by(*folders: str, at_once: bool | None = None) -> set[str]:
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    return {name for path in files for name, is_at_once in imports(path) if at_once in (None, is_at_once)}


def test_what_the_package_imports_at_once_is_a_dependency() -> None:
    assert imported_by("imgsearch", at_once=True) - names() == set()


def test_what_the_package_imports_inside_functions_may_be_an_extra() -> None:
    lazy = imported_by("imgsearch", at_once=False)
    # pandas for who has it, `SearchPage.to_pandas`; grpcio comes with pymilvus, which lets its errors through
    assert lazy - names("build", "cluster") == {"pandas", "grpcio"}
    assert lazy >= names("cluster") - names()
    assert lazy >= names("build") - names() - {"tensorflow-cpu"}


def test_every_dependency_is_imported() -> None:
    assert names() - imported_by("imgsearch") == set()


def test_what_tests_benchmarks_and_scripts_import_is_declared() -> None:
    of_cluster = names("cluster") | {canonicalize_name(requirement.name) for requirement in cluster_tests()}
    assert imported_by("tests", "benchmarks", "scripts") - names("build", "dev") - of_cluster == set()


@pytest.mark.parametrize("requirement", requirements("build", "dev"), ids=str)
def test_the_lock_has_a_version_in_the_declared_range(requirement: Requirement) -> None:
    pin = LOCK.get(canonicalize_name(requirement.name))
    assert pin, f"The lock must have {requirement.name}. {RENEW}"
    assert requirement.specifier.contains(pin.version), f"Must be {requirement}. Received: {pin.version}. {RENEW}"
    declared = [machine for machine in MACHINES if requirement.marker is None or requirement.marker.evaluate(machine)]
    for machine in MACHINES:  # a package may also be there for another that needs it
        assert machine in pin.machines() or machine not in declared, f"{machine}. {RENEW}"
    if read_reasons()[canonicalize_name(requirement.name)] == {PROJECT["name"]}:
        assert pin.machines() == declared, RENEW


def test_the_lock_has_what_is_declared_and_what_that_needs_and_nothing_else() -> None:
    reasons = read_reasons()
    assert all(reasons.values())
    direct = {name for name, parents in reasons.items() if PROJECT["name"] in parents}
    assert direct == names("build", "dev"), RENEW
    assert set().union(*reasons.values()) <= {*LOCK, PROJECT["name"]}


@pytest.mark.parametrize(("part", "extras"), [(HOST, ("build",)), (SERVING, ())], ids=["page and builds", "page"])
def test_a_part_of_the_lock_is_what_is_declared_for_it_and_what_that_needs(
    part: dict[str, Pin], extras: tuple[str, ...]
) -> None:
    needed = names(*extras)
    while more := {name for name, parents in read_reasons().items() if parents & needed} - needed:
        needed |= more
    assert set(part) == needed, RENEW
    for name, pin in part.items():
        assert (pin.version, pin.hashes) == (LOCK[name].version, LOCK[name].hashes), f"{name}. {RENEW}"
        assert [machine for machine in pin.machines() if machine not in LOCK[name].machines()] == [], f"{name}. {RENEW}"
    for requirement in requirements(*extras):
        for machine in MACHINES:
            if requirement.marker is None or requirement.marker.evaluate(machine):
                assert machine in part[canonicalize_name(requirement.name)].machines(), f"{requirement}. {RENEW}"


def test_what_answers_needs_nothing_that_only_builds_need() -> None:
    assert set(SERVING) & {"tensorflow", "tensorflow-cpu", "keras", "h5py", "scikit-learn", "scipy", "joblib"} == set()
    assert len(SERVING) < len(HOST)


def test_what_a_cluster_needs_is_in_no_environment_but_its_own() -> None:
    assert set(PROJECT["optional-dependencies"]) == {"build", "dev", "milvus", "cluster"}
    assert names("milvus") < names("cluster")
    needed = (names("cluster") | {canonicalize_name(requirement.name) for requirement in cluster_tests()}) - names("dev")
    assert "ray" in needed
    assert needed & {*LOCK, *HOST, *SERVING} == set()


def test_the_environment_of_the_cluster_has_what_is_declared_in_the_versions_that_all_others_have() -> None:
    for requirement in [*requirements("cluster"), *cluster_tests()]:
        pin = CLUSTER.get(canonicalize_name(requirement.name))
        assert pin, f"requirements-cluster.txt must have {requirement.name}. {RENEW}"
        assert requirement.specifier.contains(pin.version), f"{requirement}: {pin.version}. {RENEW}"
        assert pin.hashes
    others = {name for name, pin in CLUSTER.items() if name in LOCK and pin.version != LOCK[name].version}
    assert others == {"python-dateutil"}, RENEW  # see the Makefile


def test_every_version_of_the_lock_is_for_the_pythons_that_it_is_installed_on() -> None:
    """uv passes over the newest Python that a package allows, at which pip refuses to install."""
    wrong = []
    for name, pin in LOCK.items():
        try:
            allowed = metadata(name)["Requires-Python"]
        except PackageNotFoundError:  # of another system
            continue
        if metadata(name)["Version"] == pin.version and allowed:
            pythons = {machine["python_full_version"] for machine in pin.machines()}
            wrong += [f"{name} {python}" for python in sorted(pythons) if python not in SpecifierSet(allowed)]
    assert wrong == []


def test_the_tensorflow_for_a_gpu_is_of_the_version_that_is_tested() -> None:
    named = re.findall(r"tensorflow\[and-cuda\]==([\d.]+\d)", (ROOT / "docs" / "installing.md").read_text(encoding="utf-8"))
    assert named == [LOCK["tensorflow"].version]


def test_every_version_of_the_lock_has_its_hashes() -> None:
    assert [name for name, pin in LOCK.items() if not pin.hashes] == []


def test_the_wheel_is_built_in_the_tests_with_what_builds_it_elsewhere() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(PROJECT["optional-dependencies"]["dev"])


def test_the_lock_is_made_for_every_python_that_is_supported() -> None:
    (oldest,) = re.findall(r"--python-version (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    check = (ROOT / "scripts" / "check_system.py").read_text(encoding="utf-8")
    (ends,) = re.findall(r"\((\d), (\d+)\) <= sys.version_info\[:2\] <= \((\d), (\d+)\)", check)
    supported = SpecifierSet(PROJECT["requires-python"])
    assert tuple(f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported) == PYTHONS
    assert (oldest, *map(".".join, (ends[:2], ends[2:]))) == (PYTHONS[0], PYTHONS[0], PYTHONS[-1])


def test_the_serving_suite_has_pytest_as_the_lock_has_it() -> None:
    (listed,) = re.findall(r"/\^\(([\w|-]+)\)==/", (ROOT / "Makefile").read_text(encoding="utf-8"))
    needed = {"pytest"}
    while more := {name for name, parents in read_reasons().items() if parents & needed} - needed:
        needed |= more
    installed = {name for name in needed if any(machine["sys_platform"] != "win32" for machine in LOCK[name].machines())}
    assert set(listed.split("|")) == installed - set(SERVING)


@pytest.mark.parametrize("path", [ROOT / "Dockerfile", *sorted((ROOT / "docs" / "hosting").glob("*.md"))], ids=str)
def test_hosts_install_by_the_hashes_of_the_lock(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install .*", text)
    assert [command for command in installs if "--require-hashes" not in command] == []


def test_hosts_compile_with_the_setuptools_of_the_lock() -> None:
    script = r"/^setuptools==/,/[^\\]$/p"
    assert script in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert script in (ROOT / "docs" / "hosting" / "vm-nginx.md").read_text(encoding="utf-8")
    command = ["sed", "-n", script, "requirements-dev.txt"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    pin = LOCK["setuptools"]
    assert found.stdout.startswith(f"setuptools=={pin.version} ")
    assert pin.machines() == MACHINES
    assert set(re.findall("sha256:([0-9a-f]{64})", found.stdout)) == set(pin.hashes)


def test_the_image_without_a_target_is_the_one_that_serves_and_every_stage_has_the_base_that_can_be_pinned() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = [re.fullmatch(r"FROM (\S+) AS (\S+)", line) for line in text.splitlines() if line.startswith("FROM")]
    earlier = ["${BASE}"]
    for stage in stages:
        assert stage
        assert stage[1] in earlier
        earlier.append(stage[2])
    assert earlier[-2:] == ["build", "serve"]


def test_no_file_comes_before_requirements_on_community_cloud() -> None:
    """It installs from the first that it finds; from a uv.lock without the extras, so that uploads had no TensorFlow."""
    command = ["git", "ls-files", "uv.lock", "Pipfile", "environment.yml"]
    assert subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout == ""
