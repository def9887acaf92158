"""Files and folders are there whole or as before, whatever happens while they are written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import binn.atomic
from binn.atomic import recover_folder, saving, write_file, write_folder
from binn.errors import InputError

OLD, NEW = {"a": b"old", "b": b"older"}, {"a": b"new"}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    write_folder(path, OLD)
    return path


def test_a_folder_is_replaced_whole(folder: Path) -> None:
    write_folder(folder, NEW)
    assert contents(folder) == NEW
    assert list(folder.parent.iterdir()) == [folder]


def test_without_an_exchange_of_the_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binn.atomic, "_exchange", lambda *_: False)
    write_folder(folder, NEW)
    assert contents(folder) == NEW
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_whenever_it_fails_old_or_new_is_there(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchange: bool,
    call: int,
    fault: BaseException,
) -> None:
    """The fault strikes at the n-th flush or rename."""
    if not exchange:
        monkeypatch.setattr(binn.atomic, "_exchange", lambda *_: False)
    calls = 0

    def faulty(original):  # type: ignore[no-untyped-def]
        def wrapped(*arguments):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls == call:
                raise fault
            return original(*arguments)

        return wrapped

    monkeypatch.setattr(binn.atomic.os, "fsync", faulty(binn.atomic.os.fsync))
    monkeypatch.setattr(Path, "rename", faulty(Path.rename))
    try:
        write_folder(folder, NEW)
    except (OSError, KeyboardInterrupt):
        monkeypatch.undo()
        assert contents(folder) in (OLD, NEW)
    else:
        assert contents(folder) == NEW
    assert list(folder.parent.iterdir()) == [folder]


def test_recovery_after_a_kill(folder: Path) -> None:
    # killed between the two renames: the old folder is set aside, the new one half written
    folder.rename(folder.with_name(".folder.x1.previous"))
    half = folder.with_name(".folder.x1")
    half.mkdir()
    (half / "a").write_bytes(b"ne")
    recover_folder(folder)
    assert contents(folder) == OLD
    assert list(folder.parent.iterdir()) == [folder]


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(binn.atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full; what was there before is intact; free some space"),
        (errno.EACCES, "Permission denied; what was there before is intact; choose another"),
    ],
)
def test_one_clear_sentence(tmp_path: Path, code: int, words: str) -> None:
    import os

    with pytest.raises(InputError, match=words), saving("the result", tmp_path):
        raise OSError(code, os.strerror(code))
