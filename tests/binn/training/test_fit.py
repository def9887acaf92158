"""Training: repeatable, stoppable and resumable bit for bit, and nothing lost on the way."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import binn.atomic
from binn.checkpoint import load_checkpoint
from binn.errors import InputError
from binn.evaluation import evaluate
from binn.training.config import TrainingConfig
from binn.training.fit import Fitted, fit
from binn.training.trainer import Trainer


def weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    return dict(fitted.model.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def without_times(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key != "seconds"} for row in history]


class StopAfter:
    """Stands for a user: sends a signal to this process after so many reported epochs."""

    def __init__(self, epochs: int, number: int = signal.SIGINT) -> None:
        self.epochs, self.number, self.lines = epochs, number, [""]

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.epochs -= "train loss" in line
        if self.epochs == 0:
            self.epochs = -1
            os.kill(os.getpid(), self.number)


@pytest.fixture(scope="module")
def uninterrupted(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> Fitted:
    return fit(tiny, synthetic_dataset)


def test_same_seed_same_bits(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted
) -> None:
    torch.manual_seed(4711)  # what the caller did before does not matter
    again = fit(tiny, synthetic_dataset)
    assert same(weights(again), weights(uninterrupted))
    assert without_times(again.history) == without_times(uninterrupted.history)
    assert again.metrics == uninterrupted.metrics


def test_other_seed_other_weights(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted
) -> None:
    other = fit(tiny.changed(seed=1), synthetic_dataset)
    assert not same(weights(other), weights(uninterrupted))
    # members have consecutive seeds: the second of seed 0 is the first of seed 1
    second = {k: v for k, v in weights(uninterrupted).items() if k.startswith("networks.1.")}
    first = {k: v for k, v in weights(other).items() if k.startswith("networks.0.")}
    assert [t.tolist() for t in second.values()] == [t.tolist() for t in first.values()]


def test_the_callers_random_state_is_given_back(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset
) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(tiny.changed(epochs=1, members=1), synthetic_dataset, test=False)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_stopped_and_resumed_is_never_stopped(
    tiny: TrainingConfig,
    synthetic_dataset: xr.Dataset,
    uninterrupted: Fitted,
    tmp_path: Path,
    epochs: int,
    number: int,
) -> None:
    run = tmp_path / "run"
    user = StopAfter(epochs, number)
    stopped = fit(tiny, synthetic_dataset, run, report=user)
    assert not stopped.complete
    assert f"--out {run} --resume" in user.lines[-1]
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "cancelled"
    load_checkpoint(run)
    resumed = fit(tiny, synthetic_dataset, run, resume=True)
    assert resumed.complete
    assert same(weights(resumed), weights(uninterrupted))
    assert without_times(resumed.history) == without_times(uninterrupted.history)
    assert resumed.metrics == uninterrupted.metrics
    assert same(dict(load_checkpoint(run).state_dict()), weights(uninterrupted))
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert without_times([json.loads(line) for line in lines]) == without_times(resumed.history)
    assert json.loads((run / "status.json").read_text())["state"] == "done"


def test_killed_run_goes_on_from_its_last_save(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted, tmp_path: Path
) -> None:
    """A crash after an epoch that was not saved: it is run again, and metrics.jsonl follows."""
    run = tmp_path / "run"

    def crash(line: str) -> None:
        if "member 2/2 epoch 2/3" in line:
            raise ZeroDivisionError("a crash")

    with pytest.raises(ZeroDivisionError):
        fit(tiny, synthetic_dataset, run, report=crash, save_every=0.0)
    assert json.loads((run / "status.json").read_text())["state"] == "failed"
    assert load_checkpoint(run).config.members == 2
    resumed = fit(tiny, synthetic_dataset, run, resume=True)
    assert same(weights(resumed), weights(uninterrupted))
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 6


def test_resuming_a_finished_run_changes_nothing(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    fit(tiny, synthetic_dataset, run)
    saved = (run / "checkpoint" / "model.safetensors").read_bytes()
    again = fit(tiny, synthetic_dataset, run, resume=True)
    assert same(weights(again), weights(uninterrupted))
    assert (run / "checkpoint" / "model.safetensors").read_bytes() == saved


def test_float32_network(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    fitted = fit(tiny.changed(dtype="float32", members=1), synthetic_dataset)
    assert fitted.model.dtype == torch.float32
    assert fitted.model.normalised(synthetic_dataset).dtype == np.float64


@pytest.mark.parametrize("preset", ["paper", "paper-printed"])
def test_paper_presets_train(preset: str, synthetic_dataset: xr.Dataset) -> None:
    from binn.training.presets import preset as named

    config = named(preset).changed(epochs=2, network={"width": 16}, split={"folds": 5})
    fitted = fit(config, synthetic_dataset)
    assert fitted.model.bedrock == "published"
    assert len(fitted.history) == 2
    assert np.isfinite(fitted.metrics["test"]["nse"])


def test_learns(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    """Better than a fitted constant, on sites it never saw (SYNTHETIC, made to be learnt)."""
    config = tiny.changed(epochs=25, members=1, network={"output_start": "global", "width": 16})
    fitted = fit(config, synthetic_dataset)
    start = fitted.history[0]["train_loss"]
    assert fitted.history[-1]["train_loss"] < 0.8 * start
    assert fitted.metrics["test"]["nse"] > 0.5


def test_nse_of_the_training_sites(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    """Of a network that stays as it is, whatever the batches, it is that of an evaluation."""
    still = tiny.changed(
        members=1,
        epochs=1,
        network={"batch_norm": "none", "dropout": 0.0, "output_start": "global"},
        optimiser={"learning_rate": 1e-15, "weight_decay": 0.0},
    )
    for size in (16, 23, 1000):
        fitted = fit(still.changed(batch_size=size), synthetic_dataset)
        expected = evaluate(fitted.model, synthetic_dataset, fitted.split.train)["nse"]
        assert fitted.history[0]["train_nse"] == pytest.approx(expected, rel=1e-9)


def test_a_run_from_before_it_was_counted_goes_on(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    fit(tiny, synthetic_dataset, run, report=StopAfter(2))
    history = run / "last" / "history.jsonl"
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    for row in rows:
        del row["train_nse"]
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    resumed = fit(tiny, synthetic_dataset, run, resume=True)
    assert same(weights(resumed), weights(uninterrupted))
    lines = (run / "metrics.jsonl").read_text().splitlines()
    counted = [json.loads(line).get("train_nse") for line in lines]
    assert counted == [None, None, *(row["train_nse"] for row in uninterrupted.history[2:])]


def test_patience_stops_and_the_best_epoch_is_kept(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset
) -> None:
    config = tiny.changed(epochs=40, patience=2, members=1, optimiser={"learning_rate": 0.3})
    fitted = fit(config, synthetic_dataset)
    last = fitted.history[-1]
    assert last["epoch"] < 40
    assert last["epoch"] - last["best_epoch"] == 2
    best = max(row["validation_nse"] for row in fitted.history)
    assert fitted.history[last["best_epoch"] - 1]["validation_nse"] == best
    assert fitted.metrics["validation"]["nse"] == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("monitor", ["loss", "batch_nse"])
def test_other_monitors(tiny: TrainingConfig, synthetic_dataset: xr.Dataset, monitor: str) -> None:
    fitted = fit(tiny.changed(monitor=monitor, members=1, epochs=6), synthetic_dataset)
    if monitor == "loss":
        losses = [row["validation_loss"] for row in fitted.history]
        assert fitted.history[-1]["best_epoch"] == 1 + losses.index(min(losses))


def test_test_sites_are_looked_at_only_when_asked(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset
) -> None:
    changed = synthetic_dataset.copy(deep=True)
    config = tiny.changed(members=1, epochs=2)
    first = fit(config, synthetic_dataset, test=False)
    assert set(first.metrics) == {"validation"}
    # and nothing about them reaches the weights
    owner = np.repeat(np.arange(60), changed["obs_count"].values)
    changed["obs_soc"].values[np.isin(owner, first.split.test)] *= 7.0
    changed["covariates"].values[first.split.test, 0] += 1000.0
    assert same(weights(fit(config, changed, test=False)), weights(first))


def test_divergence_is_said(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    config = tiny.changed(
        epochs=30, loss={"edge_weight": 1e6, "edge_steepness": 200.0, "misfit_weight": 1e6}
    )
    trainer = Trainer(config, synthetic_dataset)
    with torch.no_grad():
        trainer.model.networks[0].output.bias.fill_(torch.nan)
    with pytest.raises(InputError, match=r"diverged in epoch 1 of member 1.*learning rate"):
        trainer.run_epoch()


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_is_one_sentence_and_the_checkpoint_is_intact(
    tiny: TrainingConfig,
    synthetic_dataset: xr.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    fit(tiny, synthetic_dataset, run, report=StopAfter(2))
    before = {file: file.read_bytes() for file in run.glob("*/*")}
    monkeypatch.setattr(binn.atomic.os, "fsync", _full_disk)
    with pytest.raises(InputError, match="disk is full; what was there before is intact"):
        fit(tiny, synthetic_dataset, run, resume=True, save_every=0.0)
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in run.glob("*/*")} == before
    assert not list(run.glob(".last.*"))
    load_checkpoint(run)
    assert fit(tiny, synthetic_dataset, run, resume=True).complete


def test_a_run_is_not_overwritten_or_mixed_up(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = tiny.changed(members=1, epochs=1)
    fit(config, synthetic_dataset, run)
    with pytest.raises(InputError, match=r"already holds a run.*--resume"):
        fit(config, synthetic_dataset, run)
    with pytest.raises(InputError, match="begun with other options"):
        fit(config.changed(epochs=9), synthetic_dataset, run, resume=True)
    other = synthetic_dataset.copy(deep=True)
    other["obs_soc"].values[0] += 1.0
    with pytest.raises(InputError, match="begun on other data"):
        fit(config, other, run, resume=True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match=r"holds other files \(thesis.txt\)"):
        fit(config, synthetic_dataset, mine)
    assert (mine / "thesis.txt").read_text() == "dear"


def test_a_run_that_saved_nothing_may_begin_anew(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, uninterrupted: Fitted, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def crash(line: str) -> None:
        if "epoch 2/3" in line:
            raise ZeroDivisionError("a crash")

    for resume in (False, True):
        with pytest.raises(ZeroDivisionError):
            fit(tiny, synthetic_dataset, run, resume=resume, report=crash)
    fitted = fit(tiny, synthetic_dataset, run)
    assert same(weights(fitted), weights(uninterrupted))
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 6


def test_a_busy_run_is_left_alone(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    said: list[str] = []

    def second(line: str) -> None:
        if not said and "epoch" in line:
            with pytest.raises(InputError, match="another process is training") as caught:
                fit(tiny, synthetic_dataset, run, resume=True)
            said.append(str(caught.value))

    fit(tiny, synthetic_dataset, run, report=second)
    assert said


def test_unusable_device(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    for device in ("nonsense", "cuda:99"):
        with pytest.raises(InputError, match=f"device '{device}' cannot be used"):
            fit(tiny, synthetic_dataset, device=device)


def test_observations_all_alike(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> None:
    flat = synthetic_dataset.copy(deep=True)
    flat["obs_soc"].values[:] = 5.0
    with pytest.raises(InputError, match="nothing can be learnt"):
        fit(tiny, flat)


def test_signals_are_given_back(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    handler: Callable[..., None] = lambda *_: None  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        fit(tiny.changed(members=1, epochs=1), synthetic_dataset, tmp_path / "run")
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
