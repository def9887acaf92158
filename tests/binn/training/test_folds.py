"""All folds: every site predicted once, by a model that never saw it, scores pooled."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from binn.checkpoint import find_checkpoint, load_ensemble
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.training.config import TrainingConfig
from binn.training.folds import fit_folds
from binn.training.split import split_sites


@pytest.fixture(scope="module")
def config(tiny: TrainingConfig) -> TrainingConfig:
    return tiny.changed(epochs=2, members=1, split={"folds": 4})


@pytest.fixture(scope="module")
def trained(
    config: TrainingConfig,
    synthetic_dataset: xr.Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("folds") / "run"
    fit_folds(config, synthetic_dataset, out)
    return out


def test_every_site_is_held_out_once(
    trained: Path, config: TrainingConfig, synthetic_dataset: xr.Dataset
) -> None:
    with xr.open_dataset(trained / "held_out.nc", engine="h5netcdf") as held_out:
        assert np.isfinite(held_out["soc_obs"].values).all()
        for fold in range(4):
            test = split_sites(synthetic_dataset, config.changed(split={"fold": fold}).split).test
            assert set(np.flatnonzero(held_out["fold"].values == fold)) == set(test)
        scores = json.loads((trained / "metrics.json").read_text())
        expected = metrics(held_out["obs_soc"].values, held_out["soc_obs"].values)
    assert {key: scores[key] for key in expected} == pytest.approx(expected)
    each = [fold["nse"] for fold in scores["folds"]]
    assert scores["nse_mean"] == pytest.approx(np.mean(each))
    assert scores["nse_sd"] == pytest.approx(np.std(each, ddof=1))
    assert sum(fold["n"] for fold in scores["folds"]) == scores["n"]


def test_folds_load_as_an_ensemble(trained: Path) -> None:
    models = load_ensemble(trained)
    assert [model.checkpoint.split.rule.fold for model in models] == [0, 1, 2, 3]
    with pytest.raises(InputError, match="one checkpoint for each fold"):
        find_checkpoint(trained)


def test_stopped_and_resumed(
    trained: Path, config: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    said: list[str] = []

    def stop_in_fold_two(line: str) -> None:
        said.append(line)
        if line.startswith("fold 2 of 4"):
            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "run"
    assert fit_folds(config, synthetic_dataset, out, report=stop_in_fold_two) is None
    assert json.loads((out / "status.json").read_text())["state"] == "cancelled"
    assert "--folds --resume" in said[-1]
    again = fit_folds(config, synthetic_dataset, out, resume=True)
    assert again is not None
    never_stopped = json.loads((trained / "metrics.json").read_text())
    for scores in (again, never_stopped):
        del scores["git_revision"]  # of the program, which somebody may be changing
    assert again == never_stopped
