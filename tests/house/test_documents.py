"""What the documents say is true: links lead somewhere, and the README's lines run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import binn


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    documents = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("data/*.md")]
    links = [
        (path.relative_to(root), link)
        for path in documents
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
        if not re.match(r"https?:|mailto:", link)
    ]
    assert len(links) > 10
    broken = [(str(path), link) for path, link in links if not (root / path.parent / link).exists()]
    assert not broken


def test_the_citation_agrees_with_the_package(root: Path) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == binn.__version__
    assert citation["license"] == "BSD-3-Clause"
    paper = citation["references"][0]
    assert paper["doi"] == "10.48550/arXiv.2502.00672"
    # broken over lines there
    readme = " ".join((root / "README.md").read_text("utf-8").replace(">", " ").split())
    assert paper["title"] in readme
    assert all(author["family-names"] in readme for author in paper["authors"])


def test_make_targets_of_the_documents_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    texts = [(root / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    used = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z]+)", text, re.M)}
    assert used
    assert used <= targets


def test_the_makefile_runs_what_exists(root: Path) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    modules = set(re.findall(r"-m ((?:benchmarks|binn)\.[a-z_.]+)", makefile))
    assert modules
    assert all((root / (name.replace(".", "/") + ".py")).is_file() for name in modules), modules


@pytest.mark.slow
def test_the_lines_of_the_readme_run(root: Path, new_york_source: Path, tmp_path: Path) -> None:
    """Every `binn` line and the Python block, in order, in a folder of their own."""
    readme = (root / "README.md").read_text("utf-8")
    (tmp_path / "BINN_Demo").symlink_to(new_york_source)
    (tmp_path / "data").mkdir()
    lines = [line for block in blocks(readme, "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if "/binn " in line]
    assert [command[1] for command in commands] == ["import", "train"]
    python = blocks(readme, "python")
    assert len(python) == 1
    runs = [[sys.executable, "-m", "binn", *command[1:]] for command in commands]
    # CLM5's own efolding lies outside the prior, and solve() says so
    runs.append(
        [sys.executable, "-c", python[0] + "\nassert out.sizes['site'] == ds.sizes['site']"]
    )
    for command in runs:
        run = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "runs/first/checkpoint/model.safetensors").is_file()
