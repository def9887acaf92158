"""What is opened: once a process, again when it changed, with one sentence when it cannot be."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_data import write_synthetic

from binn.clm5 import clm5_defaults
from binn.errors import InputError
from binn.parameters import index
from dashboard.state import library as module
from dashboard.state.library import Library
from dashboard.state.opened import Opened
from dashboard.state.session import Session


def test_opened_once(page_file: Path) -> None:
    library = Library()
    first = library.open(str(page_file), ())
    assert library.open(str(page_file), ()) is first
    assert first.estimate("published") is first.estimate("published")


def test_a_changed_file_is_opened_again(page_file: Path, tmp_path: Path) -> None:
    library, path = Library(), tmp_path / "data.nc"
    shutil.copy(page_file, path)
    first = library.open(str(path), ())
    write_synthetic(path)
    assert library.open(str(path), ()) is not first


def test_without_a_checkpoint_parameters_are_clm5s_and_it_is_said(opened: Opened) -> None:
    assert opened.origin == "defaults"
    np.testing.assert_array_equal(opened.parameters, clm5_defaults(np.full(45, 40.0)).numpy())
    assert (opened.parameters[:, index("efolding")] == 10).all()
    session = Session(opened)
    assert "CLM5 default" in session.notice
    assert "not for scientific conclusions" in session.notice
    assert opened.provenance == "synthetic"


@pytest.mark.parametrize("kind", ["missing", "truncated", "text"])
def test_what_cannot_be_opened_is_said(page_file: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.nc"
    if kind == "truncated":
        path.write_bytes(page_file.read_bytes()[:5000])
    elif kind == "text":
        path.write_text("no data\n")
    with pytest.raises(InputError, match=r"data\.nc"):
        Library().open(str(path), ())


def test_a_missing_checkpoint_is_said(page_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Library().open(str(page_file), (str(tmp_path / "nowhere"),))


def test_what_is_open_is_had_while_something_else_is_read(
    page_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, other = Library(), tmp_path / "other.nc"
    shutil.copy(page_file, other)
    first = library.open(str(page_file))
    reading, goes_on, read = threading.Event(), threading.Event(), module._open

    def slowly(*arguments: Any) -> Opened:
        reading.set()
        assert goes_on.wait(60)
        return read(*arguments)

    monkeypatch.setattr(module, "_open", slowly)
    with ThreadPoolExecutor(1) as thread:
        later = thread.submit(library.open, str(other))
        assert reading.wait(60)
        assert library.open(str(page_file)) is first
        assert library.at_hand(str(page_file))
        assert not library.at_hand(str(other))
        goes_on.set()
        assert library.open(str(other)) is later.result()
    assert library.at_hand(str(other))


def test_what_could_not_be_prepared_is_said_once_and_tried_again(
    page_file: Path, tmp_path: Path
) -> None:
    library, path = Library(), tmp_path / "data.nc"
    assert library.at_hand(str(path))  # nobody is there who would wait
    library.open(str(page_file))
    path.write_bytes(page_file.read_bytes()[:5000])
    library.prepare(str(path))
    assert library.at_hand(str(path))
    with pytest.raises(InputError, match=r"data\.nc"):
        library.open(str(path))
    assert not library.at_hand(str(path))
    shutil.copy(page_file, path)
    library.prepare(str(path))
    assert library.open(str(path)).data == str(path)
