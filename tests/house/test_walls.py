"""The walls of the house: who may import whom, what is declared, what `--help` waits for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAVY = {"torch", "matplotlib", "geoviews", "holoviews", "panel", "bokeh", "datashader", "xarray"}


def test_import_contracts_are_kept(root: Path) -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [tool, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", run.stdout), run.stdout


def imported(source: Path, functions: bool) -> Iterator[str]:
    """Top-level names that a file imports; with `functions`, also those imported inside them.

    What only a type checker sees is not imported.
    """
    waiting: list[ast.AST] = [ast.parse(source.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        elif functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize(
    ("folders", "extras", "functions"),
    [
        # a figure or a maintainers' tool inside binn may ask for an extra when it is used
        (["binn"], ["demo"], False),
        (["binn", "dashboard", "app.py"], ["app", "cluster", "demo", "slurm"], True),
    ],
    ids=["binn", "page"],
)
def test_what_is_imported_is_declared(
    folders: list[str], extras: list[str], functions: bool, root: Path
) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    distributions = packages_distributions()
    ours = {"binn", "dashboard"}
    missing = {}
    for folder in folders:
        path = root / folder
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for name in set(imported(source, functions)) - sys.stdlib_module_names - ours:
                owners = {canonicalize_name(owner) for owner in distributions.get(name, [name])}
                if not owners & declared:
                    missing[str(source.relative_to(root))] = name
    assert not missing


def test_help_does_not_wait_for_heavy_imports(root: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "binn", "--help"],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "usage: binn" in run.stdout
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in run.stderr.splitlines()}
    assert "binn" in loaded
    assert not loaded & HEAVY


def test_importing_binn_is_lazy_but_complete(root: Path) -> None:
    code = (
        "import sys, binn; assert 'torch' not in sys.modules;"
        "assert set(binn.__all__) <= set(dir(binn));"
        "[getattr(binn, name) for name in binn.__all__]; assert 'torch' in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
