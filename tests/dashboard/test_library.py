"""What is opened: once a process, again when it changed, with one sentence when it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from page_data import write_synthetic

from binn.clm5 import clm5_defaults
from binn.errors import InputError
from binn.parameters import index
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
