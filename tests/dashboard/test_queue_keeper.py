"""A queue moves on while nobody looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_data import write_synthetic
from run_processes import wait_for

from binn.runs import RunRequest, Runs
from dashboard.settings import Settings
from dashboard.state.permission import anybody_may_train
from dashboard.state.queue_keeper import QueueKeeper


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Callable[[], QueueKeeper]]:
    kept: list[QueueKeeper] = []

    def begin() -> QueueKeeper:
        kept.append(QueueKeeper(str(tmp_path / "runs"), every=0.02))
        return kept[-1]

    yield begin
    for one in kept:
        one.stop()


def test_what_waits_is_started_though_nobody_looks(
    tmp_path: Path, keeper: Callable[[], QueueKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[str] = []
    may_start = False

    def launch(path: Path) -> bool:
        if may_start:
            launched.append(path.name)
        return may_start

    monkeypatch.setattr("binn.runs.queue.launch", launch)
    keeper()  # before there is a folder
    data = write_synthetic(tmp_path / "synthetic.nc")
    run_id = Runs(tmp_path / "runs").start(RunRequest(dataset=str(data), preset="quick"))
    assert launched == []
    may_start = True
    wait_for(lambda: run_id in launched, 30.0)


def test_a_disk_that_is_away_for_a_while(
    tmp_path: Path, keeper: Callable[[], QueueKeeper], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    launched: list[Path] = []
    monkeypatch.setattr("binn.runs.queue.launch", lambda path: bool(launched.append(path)))
    runs = Runs(tmp_path / "runs")
    data = write_synthetic(tmp_path / "synthetic.nc")
    runs.start(RunRequest(dataset=str(data), preset="quick"))
    launched.clear()
    runs.folder.rename(tmp_path / "away")
    runs.folder.write_text("a file in its place")
    keeper()
    wait_for(lambda: "cannot be read" in caplog.text, 30.0)
    runs.folder.unlink()
    shutil.move(tmp_path / "away", runs.folder)
    wait_for(lambda: launched, 30.0)
    assert caplog.text.count("cannot be read") == 1


@pytest.mark.parametrize(
    ("switched_on", "trainers", "expected"),
    [(True, "", True), (False, "ada", True), (False, " , ", False), (False, "", False)],
)
def test_only_a_server_on_which_people_train_keeps_it(
    switched_on: bool, trainers: str, expected: bool
) -> None:
    settings = Settings(allow_training=switched_on)
    assert anybody_may_train(settings, {"BINN_TRAINERS": trainers}) is expected
