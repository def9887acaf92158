"""Run folders as records: quick to list, right about their state, safe to ask for anything."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from binn.errors import InputError
from binn.processes import ProcessIdentity
from binn.runs import STATES, Limits, RunRequest, Runs
from binn.training.config import TrainingConfig
from binn.training.fit import fit
from binn.training.live_map import QUANTITIES
from binn.training.run_folder import read_run_config, read_status, write_status
from binn.training.run_lock import RunLock


@pytest.fixture(scope="module")
def folder(
    tiny: TrainingConfig,
    synthetic_dataset: xr.Dataset,
    synthetic_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A runs folder with one training that is done."""
    folder = tmp_path_factory.mktemp("runs") / "runs"
    out = folder / "0001-test-aaaa"
    fit(tiny, synthetic_dataset, out, data=str(synthetic_file), live_map="residence_time")
    return folder


@pytest.fixture
def runs(folder: Path, tmp_path: Path) -> Runs:
    """A copy of it, in which nothing may start."""
    shutil.copytree(folder, tmp_path / "runs")
    return Runs(tmp_path / "runs")


RUN = "0001-test-aaaa"


def test_what_a_record_says(runs: Runs, synthetic_file: Path, tiny: TrainingConfig) -> None:
    (run,) = runs.list()
    assert (run.id, run.state, run.kind, run.progress) == (RUN, "done", "run", 1.0)
    assert (run.epoch, run.epochs, run.member, run.members) == (3, 3, 2, 2)
    assert (run.dataset, run.preset, run.sites) == (str(synthetic_file), "test", "all")
    assert set(run.scores) == {"validation", "test"}
    rows = runs.history(RUN)
    assert run.best_nse == max(row["validation_nse"] for row in rows)
    assert run.validation_nse == rows[-1]["validation_nse"]
    assert run.train_nse == rows[-1]["train_nse"]
    assert len(rows) == 6
    assert runs.config(RUN).training == tiny
    assert "epoch 3/3" in runs.log(RUN)
    assert runs.checkpoint(RUN).name == "checkpoint"
    assert json.loads(json.dumps(run.as_json()))["state"] in STATES
    with pytest.raises(AttributeError):
        run.state = "lost"  # type: ignore[misc]


def test_the_map_of_the_latest_validation(runs: Runs, synthetic_dataset: xr.Dataset) -> None:
    shown = runs.live_map(RUN)
    assert shown is not None
    assert (shown.quantity, shown.member, shown.epoch) == ("residence_time", 1, 3)
    assert shown.quantity in QUANTITIES
    ids = synthetic_dataset["profile_id"].values.tolist()
    at = [ids.index(one) for one in shown.profile_id]
    assert np.array_equal(shown.lon, synthetic_dataset["lon"].values[at])
    assert (shown.value > 0.0).all()
    (Path(runs.get(RUN).path) / "last" / "map.npz").write_bytes(b"PK cut short")
    assert runs.live_map(RUN) is None


def test_fifty_runs_are_listed_in_milliseconds(runs: Runs) -> None:
    for k in range(2, 51):
        shutil.copytree(runs.folder / RUN, runs.folder / f"{k:04d}-test-aaaa")
    assert [run.number for run in runs.list()] == list(range(50, 0, -1))
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        assert len(runs.list()) == 50
        best = min(best, time.perf_counter() - began)
    assert best < 0.05  # 3 ms on a quiet machine
    # one of them changes, and is seen
    write_status(runs.folder / "0007-test-aaaa", {"state": "failed", "message": "a reason"})
    changed = {run.id: run for run in runs.list()}["0007-test-aaaa"]
    assert (changed.state, changed.message) == ("failed", "a reason")


def said(runs: Runs, **status: object) -> tuple[str, str]:
    path = runs.folder / RUN
    write_status(path, read_status(path) | status)
    run = runs.get(RUN)
    return run.state, run.message


def test_whose_process_is_gone_is_lost(runs: Runs) -> None:
    here = ProcessIdentity.of()
    assert here is not None
    assert said(runs, state="running", process=here.model_dump())[0] == "running"
    other = here.model_copy(update={"started": "1"})
    state, message = said(runs, state="running", process=other.model_dump())
    assert state == "lost"
    assert "resume" in message
    output = runs.folder / RUN / "output.txt"
    output.write_text("--- started x\nbinn: error: an old one\n--- started y\nall well\n")
    assert runs.get(RUN).state == "lost"
    output.write_text("--- started x\n0 sites\nbinn: error: the disk is full\n")
    assert (runs.get(RUN).state, runs.get(RUN).message) == ("failed", "the disk is full")


def test_elsewhere_the_lock_decides(runs: Runs) -> None:
    here = ProcessIdentity.of()
    assert here is not None
    far = here.model_copy(update={"host": "another-machine"})
    assert said(runs, state="running", process=far.model_dump())[0] == "lost"
    with RunLock(runs.folder / RUN):
        assert runs.get(RUN).state == "running"
        assert said(runs, state="running", process=None)[0] == "running"
        with pytest.raises(InputError, match="is running: cancel it first"):
            runs.delete(RUN)
    assert runs.get(RUN).state == "lost"


@pytest.mark.parametrize("damage", ["", "{", "[1, 2]", '{"state": 3}', "\x00\x00"])
def test_a_damaged_status(runs: Runs, damage: str) -> None:
    (runs.folder / RUN / "status.json").write_text(damage)
    assert runs.get(RUN).state == "lost"
    assert runs.get(RUN).resumable


def test_what_is_no_number_is_left_out(runs: Runs) -> None:
    nan = float("nan")
    said(runs, validation_nse=nan, best_nse="0.5", nse={"validation": nan, "test": 0.25})
    run = runs.get(RUN)
    assert (run.validation_nse, run.best_nse, run.scores) == (None, None, {"test": 0.25})
    json.dumps(run.as_json(), allow_nan=False)


def test_a_damaged_configuration(runs: Runs) -> None:
    (runs.folder / RUN / "config.json").write_text("{")
    assert runs.get(RUN).state == "done"
    assert "config.json cannot be read" in runs.get(RUN).message
    said(runs, state="failed")
    with pytest.raises(InputError, match="not the configuration of a run"):
        runs.resume(RUN)
    assert runs.get(RUN).state == "failed"


def test_promote_and_delete(runs: Runs) -> None:
    assert runs.promoted() is None
    runs.promote(RUN)
    assert Runs(runs.folder).promoted() == RUN
    assert runs.list()[0].promoted
    with pytest.raises(InputError, match="is the page's checkpoint"):
        runs.delete(RUN)
    runs.promote(None)
    runs.promote(None)
    runs.delete(RUN)
    assert runs.list() == ()
    assert not list(runs.folder.glob("*aaaa*"))


def test_only_a_readable_checkpoint_is_promoted(runs: Runs) -> None:
    (runs.folder / RUN / "checkpoint" / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        runs.promote(RUN)
    assert runs.promoted() is None


def folds_of(runs: Runs, state: str, folds: tuple[int, ...]) -> str:
    """A run over three folds, some of them there: copies of the one that is done."""
    path = runs.folder / "0002-folds-bbbb"
    for fold in folds:
        shutil.copytree(runs.folder / RUN, path / f"fold_{fold}")
    config = runs.config(RUN)
    training = config.training.changed(split={"folds": 3})
    held = config.model_copy(update={"kind": "folds", "training": training})
    (path / "config.json").write_text(held.model_dump_json())
    write_status(path, {"state": state, "folds": 3, "nse": 0.5})
    return path.name


def test_folds_are_promoted_together(runs: Runs) -> None:
    folds = folds_of(runs, "done", (0, 1, 2))
    assert [path.parent.name for path in runs.checkpoints(folds)] == ["fold_0", "fold_1", "fold_2"]
    assert runs.checkpoints(RUN) == [runs.checkpoint(RUN)]
    runs.promote(folds)
    assert runs.promoted() == folds
    assert runs.get(folds).promoted
    with pytest.raises(InputError, match="is the page's checkpoint"):
        runs.delete(folds)
    runs.promote(RUN)
    (runs.folder / folds / "fold_2" / "checkpoint" / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"fold_2.*cannot be read as JSON"):
        runs.promote(folds)
    assert runs.promoted() == RUN


def test_a_copy_of_a_fold_is_no_fold(runs: Runs) -> None:
    folds = folds_of(runs, "done", (0, 1, 2))
    before, rows = runs.get(folds), runs.history(folds)
    assert {row["fold"] for row in rows} == {0, 1, 2}
    path = runs.folder / folds
    for copy in ("fold_0_old", "fold_1 (copy)", "fold_01", "fold_"):
        shutil.copytree(path / "fold_0", path / copy)
    (path / "fold_7").write_text("a file")
    assert len(runs.checkpoints(folds)) == 3
    assert Runs(runs.folder).history(folds) == rows
    assert runs.get(folds) == before
    assert runs.live_map(folds) is not None


def test_unfinished_folds_are_not_promoted(runs: Runs) -> None:
    folds = folds_of(runs, "cancelled", (0, 1))
    with pytest.raises(InputError, match="is cancelled, and its folds are used only together"):
        runs.promote(folds)
    assert runs.promoted() is None


@pytest.mark.parametrize("run_id", ["", ".", "..", "../runs", "0002-none", ".queue", "/etc"])
def test_there_is_no_such_run(runs: Runs, run_id: str) -> None:
    for act in (runs.get, runs.cancel, runs.resume, runs.delete, runs.promote, runs.history):
        with pytest.raises(InputError, match="there is no run"):
            act(run_id)


def test_what_is_over_stays(runs: Runs) -> None:
    with pytest.raises(InputError, match="is done already"):
        runs.cancel(RUN)
    with pytest.raises(InputError, match="is done: only a stopped one"):
        runs.resume(RUN)


def test_other_folders_are_no_runs(runs: Runs) -> None:
    (runs.folder / "notes").mkdir()
    shutil.copytree(runs.folder / RUN / "checkpoint", runs.folder / "a-checkpoint")
    assert [run.id for run in runs.list()] == [RUN]
    assert Runs(runs.folder / "nowhere").list() == ()


def test_limits(runs: Runs, synthetic_file: Path) -> None:
    assert runs.limits.runs >= 1
    runs.set_limits(Limits(runs=3, threads=4))
    assert Runs(runs.folder).limits == Limits(runs=3, threads=4)
    request = RunRequest(dataset=str(synthetic_file), threads=5)
    with pytest.raises(InputError, match="asks for 5 threads"):
        runs.start(request)
    (runs.folder / "limits.json").write_text('{"runs": 0}')
    with pytest.raises(InputError, match=r"limits.json does not hold limits"):
        runs.start(request)
    assert [run.id for run in runs.list()] == [RUN]


def test_a_request_is_a_configuration(synthetic_file: Path) -> None:
    request = RunRequest.make(
        dataset=str(synthetic_file),
        preset="quick",
        epochs=4,
        batch_size=8,
        learning_rate=0.01,
        bedrock="published",
        folds=5,
        sites=[100, 101],
        regions=["nowhere"],
    )
    config = request.run_config()
    training = config.training
    assert (training.epochs, training.batch_size, training.bedrock) == (4, 8, "published")
    assert training.optimiser.learning_rate == 0.01
    assert (training.split.folds, training.split.sites) == (5, ("100", "101"))
    assert (config.kind, config.data_fingerprint) == ("run", "")
    assert RunRequest(dataset="demo").run_config().data == "demo"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"learning_rate": -1.0}, "optimiser.learning_rate: Input should be greater than 0"),
        ({"preset": "mine"}, "preset is one of paper, paper-printed, default, quick"),
        ({"live_map": "weather"}, "live_map is one of soc_stock"),
        ({"colour": 1}, "colour: Extra inputs"),
    ],
)
def test_a_request_that_does_not_fit(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"the options do not fit: {message}"):
        RunRequest.make(dataset="demo", **values)
    with pytest.raises(ValidationError):
        RunRequest.model_validate({"dataset": "demo", **values})


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    with pytest.raises(InputError, match="there is no dataset"):
        runs.start(RunRequest(dataset=str(tmp_path / "none.nc")))
    assert not runs.folder.exists()


def test_old_run_folders_are_read(runs: Runs) -> None:
    """Those of before there was a queue: no process, no data, no limits in them."""
    path = runs.folder / RUN
    config = json.loads((path / "config.json").read_text())
    for name in ("threads", "parallel", "save_every", "data", "live_map", "created"):
        del config[name]
    (path / "config.json").write_text(json.dumps(config))
    write_status(path, {"state": "cancelled", "pid": 1, "host": "x", "epoch": 2, "epochs": 3})
    assert read_run_config(path).data == ""
    assert runs.get(RUN).state == "cancelled"
    runs.resume(RUN)
    assert runs.get(RUN).state == "failed"
    assert "does not say which data" in runs.get(RUN).message
