"""Folds side by side: the same as in turn, by processes or a cluster; nobody is orphaned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from run_processes import processes_of, running, wait_for

from binn.errors import InputError
from binn.runs import Runs
from binn.training.config import TrainingConfig
from binn.training.folds import fit_folds
from binn.training.interruption import CANCEL
from binn.training.run_lock import is_locked

COMMAND = [sys.executable, "-m", "binn", "train"]
FOLDS = 3


@pytest.fixture(scope="module")
def config(tiny: TrainingConfig) -> TrainingConfig:
    return tiny.changed(epochs=2, members=1, split={"folds": FOLDS})


@pytest.fixture(scope="module")
def in_turn(
    config: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("folds") / "run"
    assert fit_folds(config, synthetic_dataset, out) is not None
    return scores(out)


def scores(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    del found["git_revision"]
    return found


def close(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Another process may add up in another order."""
    return all(
        found[key] == pytest.approx(expected[key], rel=1e-9) for key in ("nse", "r", "rmse", "n")
    )


def epochs_of(runs: Runs) -> list[dict[str, Any]]:
    """What the folds have said so far; nothing while their run is only being made."""
    return runs.history("folds") if any(run.id == "folds" for run in runs.list()) else []


@pytest.mark.slow
def test_killed_and_resumed_side_by_side(
    config: TrainingConfig, in_turn: dict[str, Any], synthetic_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs" / "folds"
    options = tmp_path / "options.json"
    # long enough to be killed in the middle; what resumes them is asked for in the same words
    options.write_text(config.changed(epochs=100_000).model_dump_json())
    words = [*COMMAND, synthetic_file, "--out", out, "--config", options, "--folds"]
    with running(*words, "--parallel", 2, stderr=subprocess.DEVNULL) as one:
        runs = Runs(out.parent)
        wait_for(lambda: len(epochs_of(runs)) > 3)
        assert len({row["fold"] for row in epochs_of(runs)}) <= 2
        run = runs.get("folds")
        assert (run.state, run.kind, run.fold, run.folds) == ("running", "folds", 0, FOLDS)
        one.kill()
    assert wait_for(lambda: not processes_of(out), 30.0) < 30.0  # they save and stop
    assert runs.get("folds").state == "lost"
    parts = [json.loads(file.read_text())["state"] for file in out.glob("fold_*/status.json")]
    assert "cancelled" in parts
    assert "running" not in parts

    short = tmp_path / "runs" / "short"
    options.write_text(config.model_dump_json())
    words = [*COMMAND, synthetic_file, "--out", short, "--config", options, "--folds"]
    subprocess.run([*map(str, words), "--parallel", str(FOLDS)], check=True, timeout=240)
    assert close(scores(short), in_turn)
    assert runs.get("short").state == "done"
    assert runs.get("short").scores == {"held_out": pytest.approx(in_turn["nse"], rel=1e-9)}


@pytest.mark.slow
def test_stopped_side_by_side(config: TrainingConfig, synthetic_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    options = tmp_path / "options.json"
    options.write_text(config.changed(epochs=100_000).model_dump_json())
    words = [*COMMAND, synthetic_file, "--out", out, "--config", options, "--folds"]
    with running(*words, "--parallel", 2, stderr=subprocess.DEVNULL) as one:
        runs = Runs(tmp_path)
        wait_for(lambda: epochs_of(runs))
        os.kill(one.pid, signal.SIGTERM)
        assert one.wait(60) == 0
    assert not processes_of(out)
    assert runs.get("folds").state == "cancelled"


def test_on_a_cluster(
    config: TrainingConfig,
    in_turn: dict[str, Any],
    synthetic_dataset: xr.Dataset,
    synthetic_file: Path,
    tmp_path: Path,
) -> None:
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    out = tmp_path / "folds"
    said: list[str] = []
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        fit_folds(
            config,
            synthetic_dataset,
            out,
            data=str(synthetic_file),
            scheduler=cluster.scheduler_address,
            report=said.append,
        )
    assert close(scores(out), in_turn)
    assert f"{FOLDS} folds are with the cluster" in "".join(said)


def test_stopped_on_a_cluster(
    config: TrainingConfig, synthetic_dataset: xr.Dataset, synthetic_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    out = tmp_path / "folds"

    def stop(line: str) -> None:
        if "are with the cluster" in line:
            wait_for(lambda: Runs(tmp_path).history("folds"))
            (out / CANCEL).touch()

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = fit_folds(
            config.changed(epochs=100_000),
            synthetic_dataset,
            out,
            data=str(synthetic_file),
            scheduler=cluster.scheduler_address,
            report=stop,
        )
        assert found is None
        assert not any(is_locked(fold) for fold in out.glob("fold_*"))
    assert Runs(tmp_path).get("folds").state == "cancelled"
    assert not (out / ".stop").exists()


def test_a_fold_that_cannot_be_trained(
    config: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "gone.nc")
    with pytest.raises(InputError, match=r"fold \d failed: there is no dataset"):
        fit_folds(config, synthetic_dataset, tmp_path / "run", data=nowhere, parallel=2)
    with pytest.raises(InputError, match="need to know where the dataset is"):
        fit_folds(config, synthetic_dataset, tmp_path / "other", parallel=2)
