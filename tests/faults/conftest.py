"""Runs that are killed, damaged and starved: real processes in folders of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_data import write_synthetic
from run_processes import EPOCHS, processes_of, wait_for, weights

from binn.runs import Limits, RunRequest, Runs


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC: 45 invented sites."""
    return write_synthetic(tmp_path_factory.mktemp("data") / "synthetic.nc")


@pytest.fixture(scope="session")
def request_of(data: Path) -> Callable[..., RunRequest]:
    """A training of some seconds that saves after every epoch."""

    def made(**changes: object) -> RunRequest:
        options = {"preset": "quick", "epochs": EPOCHS, "batch_size": 2, "save_every": 0.0}
        return RunRequest.make(dataset=str(data), **(options | changes))

    return made


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """An empty runs folder for two trainings at once; no process is left behind."""
    runs = Runs(tmp_path / "runs")
    runs.set_limits(Limits(runs=2, threads=8, grace=20.0))
    yield runs
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not processes_of(runs.folder), 60.0)  # niced, on a busy machine
    left = processes_of(runs.folder)
    for pid in left:
        os.kill(pid, 9)
    assert not left, "a process outlived its run"


@pytest.fixture(scope="session")
def undisturbed(
    request_of: Callable[..., RunRequest], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Weights of the same training, left in peace."""
    runs = Runs(tmp_path_factory.mktemp("undisturbed"))
    run_id = runs.start(request_of())
    wait_for(lambda: runs.get(run_id).ended)
    assert runs.get(run_id).state == "done", runs.log(run_id)
    return weights(runs, run_id)
