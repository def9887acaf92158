"""The page's state over SYNTHETIC sites, without a screen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from page_data import write_synthetic
from training_view import EPOCHS

from binn.runs import Runs
from binn.training.fit import fit
from binn.training.presets import preset
from dashboard.state.library import Library
from dashboard.state.opened import Opened


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("page") / "synthetic.nc")


@pytest.fixture(scope="session")
def opened(page_file: Path) -> Opened:
    """The synthetic sites with CLM5's default parameters."""
    return Library().open(str(page_file), ())


@pytest.fixture(scope="session")
def trained(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders of two finished trainings that differ in their seed."""
    folder = tmp_path_factory.mktemp("trained")
    for number, seed in ((1, 0), (2, 7)):
        config = preset("quick").changed(epochs=EPOCHS, members=1, seed=seed)
        fit(config, opened.dataset, folder / f"{number:04d}-quick-00a{number}", data=opened.data)
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Runs:
    shutil.copytree(trained, tmp_path / "runs")
    return Runs(tmp_path / "runs")


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is launched: what is started stays in the queue."""
    monkeypatch.setattr("binn.runs.queue.launch", lambda _: False)
