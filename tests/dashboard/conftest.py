"""The page's state over SYNTHETIC sites, without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_data import write_synthetic

from dashboard.state.library import Library
from dashboard.state.opened import Opened


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("page") / "synthetic.nc")


@pytest.fixture(scope="session")
def opened(page_file: Path) -> Opened:
    """The synthetic sites with CLM5's default parameters."""
    return Library().open(str(page_file), ())
