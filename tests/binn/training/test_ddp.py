"""Several processes train what one would: the same weights up to the order of sums.

Three gloo processes in one group answer a list of scenarios (`several_processes.py`); what they
answered is compared with one process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from safetensors.torch import load_file
from torch import nn

from binn.checkpoint import load_checkpoint
from binn.errors import InputError
from binn.training.config import TrainingConfig
from binn.training.ddp import joined
from binn.training.fit import Fitted, fit
from binn.training.loss import loss
from binn.training.shared_layers import SharedDropout, SyncBatchNorm, share_layers

SIZE = 3
SCRIPT = Path(__file__).with_name("several_processes.py")
# Weights are of order 1. Sums of three shares differ from one sum in the last bits; AdamW divides
# by the size of a gradient, so that one that is 0 but for rounding (a bias before batch
# normalisation) makes 1e-10 of it.
TOLERANCE = 1e-7

Answers = list[dict[str, dict[str, Any]]]


def weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    return dict(fitted.model.state_dict())


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.allclose(one[name].double(), other[name].double(), rtol=0.0, atol=TOLERANCE)
        for name in one
    )


@pytest.fixture(scope="module")
def trainings(tiny: TrainingConfig) -> dict[str, TrainingConfig]:
    """48 sites train: in batches of 23 the last one has 2 sites, and a process has none of it."""
    plain = tiny.changed(network={"dropout": 0.0, "depth": 2}, members=1, epochs=4)
    return {
        "plain": plain.changed(members=2),
        "small last batch": plain.changed(batch_size=23),
        "after": plain.changed(
            network={"batch_norm": "after", "slope": -0.3, "output_start": "global"},
            loss={"reduction": "profiles", "misfit": "squared", "edge_weight": 1.0},
            optimiser={"clip_norm": 0.05},
            monitor="batch_nse",
        ),
        "no normalisation": plain.changed(network={"batch_norm": "none"}, epochs=2),
        "patience": plain.changed(epochs=40, patience=2, optimiser={"learning_rate": 0.3}),
        "dropout": plain.changed(network={"dropout": 0.4, "position_encoding": True}),
        "float32": plain.changed(dtype="float32", epochs=1),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("several")


@pytest.fixture(scope="module")
def answers(
    trainings: dict[str, TrainingConfig], synthetic_file: Path, synthetic_dataset: xr.Dataset,
    folder: Path,
) -> Answers:  # fmt: skip
    plain = trainings["plain"].model_dump(mode="json")
    fit(trainings["plain"], synthetic_dataset, folder / "stopped_alone", report=_Stop(3))
    more: list[dict[str, Any]] = [
        {"name": "written", "config": plain, "out": "written"},
        {"name": "stopped", "config": plain, "out": "stopped", "stop": [2, 1]},
        {"name": "resumed", "config": plain, "out": "stopped_alone", "resume": True},
        {"name": "other data", "config": plain, "other_data": 1},
        {"name": "diverges", "config": plain, "diverges": 2, "out": "diverged"},
        {"name": "no room", "config": plain, "out": "occupied", "no_room": True},
    ]
    scenarios = [
        *({"name": name, "config": c.model_dump(mode="json")} for name, c in trainings.items()),
        *more,
    ]
    file = folder / "scenarios.json"
    file.write_text(json.dumps(scenarios))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, f"--nproc-per-node={SIZE}", SCRIPT, synthetic_file, file, folder],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    return [json.loads((folder / f"answers.{k}.json").read_text()) for k in range(SIZE)]


class _Stop:
    """Stands for a user: asks this process to stop after so many epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __call__(self, line: str) -> None:
        self.epochs -= "train loss" in line
        if self.epochs == 0:
            os.kill(os.getpid(), 15)


@pytest.mark.parametrize(
    "name", ["plain", "small last batch", "after", "no normalisation", "patience", "dropout"]
)
def test_same_as_one_process(
    answers: Answers,
    trainings: dict[str, TrainingConfig],
    synthetic_dataset: xr.Dataset,
    folder: Path,
    name: str,
) -> None:
    alone = fit(trainings[name], synthetic_dataset)
    for rank in range(SIZE):
        together = load_file(folder / f"{name}.{rank}.safetensors")
        assert close(weights(alone), together)
        mine = answers[rank][name]
        assert mine["metrics"]["test"]["n"] == alone.metrics["test"]["n"]
        assert mine["metrics"]["test"]["nse"] == pytest.approx(alone.metrics["test"]["nse"])
        assert len(mine["history"]) == len(alone.history)
        for row, expected in zip(mine["history"], alone.history, strict=True):
            for key in (
                "train_loss",
                "train_nse",
                "validation_loss",
                "validation_nse",
                "best_epoch",
            ):
                assert row[key] == pytest.approx(expected[key], rel=1e-6), key


def test_nothing_of_the_group_outlives_it(answers: Answers) -> None:
    assert [one["threads left"] for one in answers] == [[]] * SIZE


def test_all_processes_hold_the_very_same_weights(answers: Answers, folder: Path) -> None:
    for name in ("plain", "float32"):
        held = [load_file(folder / f"{name}.{rank}.safetensors") for rank in range(SIZE)]
        for other in held[1:]:
            assert all(torch.equal(held[0][key], other[key]) for key in held[0])


def test_only_the_first_writes_the_run_folder(answers: Answers, folder: Path) -> None:
    written = folder / "written"
    status = json.loads((written / "status.json").read_text())
    assert status["state"] == "done"
    assert len((written / "metrics.jsonl").read_text().splitlines()) == 8
    log = (written / "log.txt").read_text()
    assert log.count("epoch 4/4") == 2  # once a member, whatever the number of processes
    assert f"{SIZE} processes" in log
    assert close(
        dict(load_checkpoint(written).state_dict()), load_file(folder / "plain.0.safetensors")
    )


def test_a_signal_to_any_process_stops_all_and_one_goes_on(
    answers: Answers, trainings: dict[str, TrainingConfig], synthetic_dataset: xr.Dataset,
    folder: Path,
) -> None:  # fmt: skip
    assert [mine["stopped"]["complete"] for mine in answers] == [False] * SIZE
    run = folder / "stopped"
    assert json.loads((run / "status.json").read_text())["state"] == "cancelled"
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2
    resumed = fit(trainings["plain"], synthetic_dataset, run, resume=True)
    assert resumed.complete
    assert close(weights(resumed), load_file(folder / "plain.0.safetensors"))


def test_several_go_on_where_one_stopped(answers: Answers, folder: Path) -> None:
    assert all(mine["resumed"]["complete"] for mine in answers)
    assert "resumed: member 1 of 2, 3 of 4" in (folder / "stopped_alone" / "log.txt").read_text()
    for rank in range(SIZE):
        together = load_file(folder / f"resumed.{rank}.safetensors")
        assert close(together, load_file(folder / "plain.0.safetensors"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("other data", "this process reads another dataset than the first: give all the same "
         "(process 1 of 3, counted from 0)"),
        ("diverges", "training diverged in epoch 1 of member 1: the loss is not finite any more; "
         "lower the learning rate or limit the gradient (clip_norm) "
         "(process 2 of 3, counted from 0)"),
    ],
)  # fmt: skip
def test_an_error_of_one_process_ends_all_in_the_same_words(
    answers: Answers, name: str, sentence: str
) -> None:
    assert [mine[name] for mine in answers] == [{"error": sentence}] * SIZE


def test_an_error_is_written_down(answers: Answers, folder: Path) -> None:
    status = json.loads((folder / "diverged" / "status.json").read_text())
    assert status["state"] == "failed"
    assert "diverged in epoch 1" in status["message"]


def test_where_the_first_cannot_write_all_end(answers: Answers, folder: Path) -> None:
    errors = {mine["no room"]["error"] for mine in answers}
    assert len(errors) == 1
    assert "occupied" in errors.pop()
    assert (folder / "occupied").read_text().startswith("a file")


# --- one process alone -------------------------------------------------------------------------


class Whole:
    """A batch of which this process holds every row."""

    def __init__(self, sites: int) -> None:
        self.batch_sites, self.batch_rows = sites, slice(0, sites)

    def add(self, values: torch.Tensor) -> None:
        """One process: the sum is what it has."""


def test_layers_are_those_of_torch() -> None:
    torch.manual_seed(1)
    layer = nn.BatchNorm1d(5, dtype=torch.float64)
    nn.init.uniform_(layer.weight)
    x = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(9, 5, dtype=torch.float64)
    ours = SyncBatchNorm(layer, Whole(9))
    for train in (True, False):
        gradients = []
        for one in (layer, ours):
            y = one.train(train)(x)
            gradients.append([y, *torch.autograd.grad((y * pull).sum(), [x, *one.parameters()])])
        for theirs, mine in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
    for name, value in layer.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-13, atol=0.0)
    dropout = nn.Dropout(0.4)
    kept = []
    for one in (dropout, SharedDropout(dropout, Whole(9))):
        torch.manual_seed(2)
        kept.append([one(x), one.eval()(x)])
    assert all(torch.equal(a, b) for a, b in zip(*kept, strict=True))


def test_every_layer_of_a_network_is_replaced() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.1)))
    names = list(network.state_dict())
    share_layers(network, Whole(4))
    kinds = {type(module) for module in network.modules()}
    assert {SyncBatchNorm, SharedDropout} <= kinds
    assert not {nn.BatchNorm1d, nn.Dropout} & kinds
    assert list(network.state_dict()) == names


@pytest.mark.parametrize("reduction", ["points", "profiles"])
def test_losses_of_shares_add_up(tiny: TrainingConfig, reduction: str) -> None:
    torch.manual_seed(3)
    config = tiny.changed(loss={"reduction": reduction, "edge_weight": 2.0}).loss
    u = torch.rand(7, 21, dtype=torch.float64)
    owner = torch.tensor([0, 0, 1, 2, 2, 2, 4, 5, 5, 6])
    simulated, observed = torch.rand(2, 10, dtype=torch.float64) * 1e4
    whole = loss(simulated, observed, u, config, 3e3)
    shares = torch.zeros((), dtype=torch.float64)
    for rows in (slice(0, 2), slice(2, 2), slice(2, 7)):
        mine = (owner >= rows.start) & (owner < rows.stop)
        shares += loss(simulated[mine], observed[mine], u[rows], config, 3e3, 7, 10)
    torch.testing.assert_close(shares, whole, rtol=1e-14, atol=0.0)


def test_processes_that_cannot_be_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined("cpu") as ranks:
        assert (ranks.rank, ranks.size, ranks.first) == (0, 1, True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(InputError, match="MASTER_ADDR, MASTER_PORT, RANK is missing"),
        joined("cpu"),
    ):
        pass
    for device in ("mps", "cuda:1"):
        with pytest.raises(InputError, match=f"not on {device}"), joined(device):
            pass
