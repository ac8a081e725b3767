"""The lock, the environments and the versions of Python that are promised: one story, told in several files."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BOOTSTRAP = runpy.run_path(str(ROOT / "bootstrap.py"))
LOCK_TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SECTIONS: dict[str, list[str]] = BOOTSTRAP["read_lock"]()
CONDA_TEXT = (ROOT / "environment.yml").read_text(encoding="utf-8")
CONDA = yaml.safe_load(CONDA_TEXT)

GROUPS = {"dependencies": PROJECT["dependencies"]} | PROJECT["optional-dependencies"]
# which sections of the lock an environment with this group is built from
SECTIONS_OF = dict.fromkeys(("dependencies", "build", "formats"), ("run",))
SECTIONS_OF |= {"dev": ("run", "dev"), "lab": ("run", "dev", "lab"), "spark": ("run", "dev", "spark")}


def requirement(entry: str) -> Requirement:
    """The first line of an entry without its continuation: `name==1.2 ; marker`."""
    return Requirement(entry.splitlines()[0].removesuffix("\\").strip())


def versions(sections: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for section in sections:
        for entry in map(requirement, SECTIONS[section]):
            (pin,) = entry.specifier
            assert pin.operator == "==", entry
            found.setdefault(canonicalize_name(entry.name), []).append(pin.version)
    return found


asked = [(group, line) for group, lines in GROUPS.items() for line in lines]


@pytest.mark.parametrize(("group", "line"), asked, ids=[f"{group}-{line}" for group, line in asked])
def test_lock_satisfies_what_the_project_asks_for(group, line):
    wanted = Requirement(line)
    locked = versions(SECTIONS_OF[group])
    found = locked.get(canonicalize_name(wanted.name), [])
    assert found, f"{wanted.name} is not in the lock; run: python bootstrap.py lock"
    assert all(wanted.specifier.contains(version, prereleases=True) for version in found), f"{line}: locked {found}"


# imported where the study file asks for an engine of another kind, with a message of its own where it is absent
ENGINES = {"ibis": "ibis-framework", "pyspark": "pyspark"}


def test_what_oatmill_imports_is_installed_for_a_report():
    """Nothing in `src` needs a package that only the tests or JupyterLab bring; Ibis and Spark are asked for apart."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src" / "oatmill").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    roots = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"oatmill"}
    installed, owners = set(versions(("run",))), packages_distributions()
    absent = {root for root in roots if installed.isdisjoint(map(canonicalize_name, owners.get(root, [])))}
    assert absent <= set(ENGINES)
    assert set(ENGINES.values()) <= set(versions(("spark",)))


def test_only_what_has_no_wheel_is_built_from_source():
    """pip takes wheels alone, but for these; they are built with the setuptools of the lock, without a download."""
    assert set(BOOTSTRAP["SOURCES"]) == {"pyspark"} <= set(versions(("spark",)))
    assert "setuptools" in versions(("run",))


def test_every_group_of_the_project_has_its_sections():
    assert set(GROUPS) == set(SECTIONS_OF)


def test_sections_stand_in_order_and_hold_something():
    headings = re.findall(r"^# == (\w+) ==$", LOCK_TEXT, flags=re.MULTILINE)
    assert headings == list(BOOTSTRAP["SECTIONS"])
    assert all(SECTIONS.values())


def test_each_section_is_sorted_and_no_package_stands_in_two():
    names = {section: [canonicalize_name(requirement(e).name) for e in found] for section, found in SECTIONS.items()}
    for found in names.values():
        assert all(first <= second for first, second in pairwise(found))
    everywhere = [name for found in names.values() for name in set(found)]
    assert len(everywhere) == len(set(everywhere))


def test_each_package_has_one_version_on_every_platform():
    several = {name: found for name, found in versions(BOOTSTRAP["SECTIONS"]).items() if len(set(found)) > 1}
    assert not several


def test_every_entry_has_hashes_and_nothing_else():
    for entry in (entry for found in SECTIONS.values() for entry in found):
        first, *rest = entry.splitlines()
        assert first.endswith("\\"), first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest), first


def test_lock_holds_no_address():
    assert re.findall(r"https?:|file:|index-url|find-links|git\+|\s@\s", LOCK_TEXT) == []


def test_markers_of_the_lock_can_be_read():
    """pip reads them on every machine; one that does not parse would stop each installation."""
    for entry in (requirement(entry) for found in SECTIONS.values() for entry in found):
        assert entry.marker is None or isinstance(entry.marker.evaluate({**default_environment()}), bool)


# The environment for conda


def test_conda_environment_is_python_pip_and_the_lock():
    assert CONDA["dependencies"] == ["python=3.12", "pip", {"pip": ["-r requirements.lock"]}]


def test_conda_environment_says_how_oatmill_itself_joins():
    """pip refuses an editable project together with hashes, so that it is a command of its own."""
    assert "pip install --no-build-isolation --no-deps -e .[lab]" in CONDA_TEXT


DESIGN_PACKAGES = {"jupyterlab", "papermill", "statsmodels", "lifelines", "seaborn", "jupyter-book", "pytest"}


def test_packages_named_in_the_conda_environment_are_where_it_says():
    named = dict(re.findall(r"^#   ([a-z-]+) {3,}(\w+)$", CONDA_TEXT, flags=re.MULTILINE))
    assert set(named) == DESIGN_PACKAGES
    for name, group in named.items():
        assert name in {canonicalize_name(Requirement(line).name) for line in GROUPS[group]}, f"{name} in {group}"


# The versions of Python


def test_versions_of_python_agree():
    promised = SpecifierSet(PROJECT["requires-python"])
    oldest, newest = BOOTSTRAP["OLDEST"], BOOTSTRAP["NEWEST"]
    assert promised == SpecifierSet(f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tested = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert tested == [f"{oldest[0]}.{oldest[1]}", f"{newest[0]}.{newest[1]}"]
    (conda,) = re.findall(r"python=([\d.]+)", CONDA_TEXT)
    assert promised.contains(conda)


def test_tools_are_set_to_the_oldest_python():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    oldest = BOOTSTRAP["OLDEST"]
    assert tools["ruff"]["target-version"] == f"py{oldest[0]}{oldest[1]}"
    assert tools["mypy"]["python_version"] == f"{oldest[0]}.{oldest[1]}"


def test_version_of_oatmill_agrees():
    source = (ROOT / "src" / "oatmill" / "__init__.py").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = PROJECT["version"]
    assert f'__version__ = "{version}"' in source
    assert str(citation["version"]) == version
    assert f"## [{version}]" in changelog
