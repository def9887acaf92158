"""What a process says it is: the revision it began with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from binn.fingerprint import git_revision

WHO = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program of one file in a git of its own."""
    file = tmp_path / "fingerprint.py"
    file.write_text("first")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    monkeypatch.setattr("binn.fingerprint.__file__", str(file))
    git_revision.cache_clear()
    yield file
    git_revision.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *WHO, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "A change")
    return git(folder, "rev-parse", "HEAD")


def test_the_page_names_what_it_was_imported_from(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard import visit

    monkeypatch.setattr(visit, "_OTHERS", ())
    monkeypatch.setattr(visit.gc, "freeze", lambda: None)
    began = git(program.parent, "rev-parse", "HEAD")
    visit._import_the_rest.__wrapped__()
    program.write_text("second")
    assert commit(program.parent) != began
    assert git_revision() == began


def test_files_that_were_changed_are_said(program: Path) -> None:
    began = git(program.parent, "rev-parse", "HEAD")
    program.write_text("second")
    assert git_revision() == f"{began}+changes"


def test_outside_git_there_is_no_revision(program: Path) -> None:
    git(program.parent, "rm", "--quiet", "--cached", program.name)
    assert git_revision() is None
