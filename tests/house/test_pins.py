"""pyproject.toml, requirements.lock and environment.yml say the same, and the reasons with it."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

CONDA = {"matplotlib-base": "matplotlib", "playwright-python": "playwright", "pytorch": "torch"}
# decisions of the project: these may not drift without somebody changing this table too
DECIDED = {
    "panel": ">=1.9.4",
    "holoviews": ">=1.23.2",
    "geoviews": "==1.15.1",
    "cartopy": "<0.26",
    "matplotlib": "<3.11",
    "bokeh": "==3.9.*",
    "datashader": "==0.19.*",
    "torch": "==2.13.0",
}


@pytest.fixture(scope="module")
def declared(root: Path) -> dict[str, Requirement]:
    table = tomllib.loads((root / "pyproject.toml").read_text())
    extras = table["project"]["optional-dependencies"]
    lines = [*table["project"]["dependencies"], *extras["app"], *extras["cluster"]]
    lines += [*extras["slurm"], *extras["dev"]]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


@pytest.fixture(scope="module")
def locked(root: Path) -> dict[str, str]:
    lines = (root / "requirements.lock").read_text().splitlines()
    pins = [line.split("#")[0].strip() for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins), pins
    return dict(pin.split("==") for pin in pins)


@pytest.fixture(scope="module")
def conda(root: Path) -> dict[str, Requirement]:
    lines = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    found = (Requirement(line.replace(" ", "", 1)) for line in lines if " " in line)
    return {canonicalize_name(CONDA.get(r.name, r.name)): r for r in found}


@pytest.fixture(scope="module")
def lock_tool(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock_tool", root / "tools/lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_satisfies_every_requirement(
    declared: dict[str, Requirement], locked: dict[str, str]
) -> None:
    unmet = {n: str(r) for n, r in declared.items() if not r.specifier.contains(locked.get(n, "0"))}
    assert not unmet


def test_conda_asks_for_the_same(
    declared: dict[str, Requirement], conda: dict[str, Requirement], root: Path
) -> None:
    python = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    asked = {name: str(r.specifier) for name, r in conda.items() if name != "setuptools"}
    wanted = {n: str(r.specifier) for n, r in declared.items()}
    assert asked == wanted | {"python": str(SpecifierSet(python))}


def test_versions_are_those_decided(
    declared: dict[str, Requirement], locked: dict[str, str]
) -> None:
    for name, bound in DECIDED.items():
        assert Requirement(name + bound).specifier.contains(locked[name]), name
    assert str(declared["torch"].specifier) == "==2.13.0"


def test_the_lock_leaves_the_build_of_torch_to_the_index(root: Path) -> None:
    text = (root / "requirements.lock").read_text()
    pins = [line.split("#")[0].strip() for line in text.splitlines()]
    assert "torch==2.13.0" in pins
    assert not re.search(r"nvidia|triton|\+cpu|\+cu\d|--hash|https?:", text)


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock", "environment.yml"])
def test_a_reason_stands_beside_each_upper_bound(name: str, root: Path) -> None:
    text = (root / name).read_text()
    for package in DECIDED:
        written = "pytorch" if (package, name) == ("torch", "environment.yml") else package
        assert re.search(rf"^[ \"-]*{written}(-base)? ?[=<>].*# \w", text, re.MULTILINE), package


def test_the_files_are_what_make_lock_writes(root: Path, lock_tool: ModuleType) -> None:
    """Only the names and reasons of the lock: versions are whatever is installed here."""

    def versionless(text: str) -> str:
        return re.sub(r"==[0-9][0-9a-z.]*", "", text)

    assert (root / "environment.yml").read_text() == lock_tool.environment()
    assert versionless((root / "requirements.lock").read_text()) == versionless(lock_tool.lock())
