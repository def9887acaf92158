"""What is committed names no machine, holds no real data and stays small."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# folders of people and of mounted work spaces, and addresses of files
ANYWHERE = re.compile(r"(?<![\w.~-])/(?:home|root|Users|workspace)/\w|file:/{3}\w")


def stdout(*command: str, cwd: Path) -> str:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:  # a tool that is not here has no settings either
        return ""


@pytest.fixture(scope="module")
def tracked(root: Path) -> list[Path]:
    names = stdout("git", "ls-files", "-z", cwd=root).split("\0")
    files = [root / name for name in names if name and (root / name).is_file()]
    if not files:
        pytest.skip("not a git checkout: no list of tracked files")
    return files


def texts(files: list[Path]) -> dict[Path, str]:
    found = {}
    for path in files:
        try:
            found[path] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_place_of_this_machine(root: Path, tracked: list[Path]) -> None:
    places = [str(p) for p in (root.parent, Path.home()) if len(p.parts) > 1]
    here = re.compile("|".join(re.escape(place) + r"(?![\w-])/\w" for place in places) or r"(?!)")
    named = [
        f"{path.relative_to(root)}: {match.group()}"
        for path, text in texts(tracked).items()
        for pattern in (ANYWHERE, here)
        for match in pattern.finditer(text)
    ]
    assert not named


def test_no_file_names_a_configured_package_index(root: Path, tracked: list[Path]) -> None:
    settings = stdout("pip", "config", "list", cwd=root) + stdout(
        "npm", "config", "get", "registry", cwd=root
    )
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s'\"]+", settings)}
    named = [
        (path.relative_to(root), host)
        for path, text in texts(tracked).items()
        for host in hosts - {None}
        if host in text
    ]
    assert not named


def test_only_shipped_data_are_tracked(root: Path, tracked: list[Path]) -> None:
    data = {path.relative_to(root / "data") for path in tracked if root / "data" in path.parents}
    assert data
    assert {path.parts[0] for path in data} <= {"README.md", "outlines", "demo"}


def test_tracked_files_are_small(root: Path, tracked: list[Path]) -> None:
    large = [p for p in tracked if p.stat().st_size > 2e6 and root / "data/demo" not in p.parents]
    assert not large


def test_python_files_hold_one_idea(root: Path, tracked: list[Path]) -> None:
    long = {
        str(path.relative_to(root)): lines
        for path in tracked
        if path.suffix == ".py" and (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert not long
