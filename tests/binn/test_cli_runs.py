"""``binn runs ...`` as it is typed, and the options of a training that came with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from run_processes import wait_for

from binn.checkpoint import read_config
from binn.cli import main
from binn.datasets.storage import write_dataset
from binn.runs import Runs
from binn.training.config import TrainingConfig
from binn.training.split import split_sites

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def command(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: status, what it printed, what it said."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it
    monkeypatch.setenv("BINN_RUNS", str(tmp_path / "runs"))

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main([str(one) for one in arguments])
        return status, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def regional(synthetic_dataset: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC: half of the sites in each of two invented states."""
    ds = synthetic_dataset.copy(deep=True)
    ds["state"] = "site", np.repeat(["Upper", "Lower"], 30), ds["state"].attrs
    path = tmp_path_factory.mktemp("regional") / "regional.nc"
    write_dataset(ds, path)
    return path


@pytest.fixture(scope="module")
def options(tiny: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("options") / "tiny.json"
    path.write_text(tiny.changed(epochs=2, members=1, split={"folds": 4}).model_dump_json())
    return path


def test_from_start_to_delete(
    command: Callable[..., tuple[int, str, str]], synthetic_file: Path, options: Path
) -> None:
    assert command("runs", "list", "--json")[:2] == (0, "[]\n")
    start = ("runs", "start", synthetic_file, "--config", options, "--seed", 9)
    status, printed, _ = command(*start)
    assert status == 0
    run_id = printed.strip()
    status, printed, said = command("runs", "watch", run_id)
    assert status == 0, said
    assert "epoch 2/2" in printed
    (listed,) = json.loads(command("runs", "list", "--json")[1])
    assert (listed["id"], listed["state"], listed["progress"]) == (run_id, "done", 1.0)
    shown = json.loads(command("runs", "show", run_id, "--json")[1])
    assert (shown["state"], shown["config"]["training"]["seed"]) == ("done", 9)
    assert len(shown["history"]) == 2
    assert json.loads(command("runs", "promote", run_id, "--json")[1]) == {"promoted": run_id}
    assert run_id in command("runs", "list")[1]
    status, _, said = command("runs", "delete", run_id)
    assert status == 1
    assert said.startswith("binn: error: ")
    assert "is the page's checkpoint" in said
    assert command("runs", "promote", "--none")[0] == 0
    assert command("runs", "delete", run_id)[0] == 0
    assert command("runs", "list", "--json")[1] == "[]\n"


def test_a_run_that_fails_says_why(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path, options: Path
) -> None:
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"no dataset")
    run_id = command("runs", "start", broken, "--config", options)[1].strip()
    status, _, said = command("runs", "watch", run_id)
    assert status == 1
    assert "failed" in said
    shown = json.loads(command("runs", "show", run_id, "--json")[1])
    assert shown["state"] == "failed"
    assert "broken.nc" in shown["message"]
    assert "\n" not in shown["message"]


def test_limits_and_the_queue(
    command: Callable[..., tuple[int, str, str]], synthetic_file: Path, options: Path
) -> None:
    long = ("runs", "start", synthetic_file, "--config", options, "--epochs", 100_000)
    limits = json.loads(
        command("runs", "limits", "--at-once", 1, "--threads", 2, "--grace", 60, "--json")[1]
    )
    assert limits == {"runs": 1, "threads": 2, "grace": 60.0}
    assert "at_once" not in limits
    assert command("runs", "limits", "--grace", -1)[0] == 1
    first = command(*long)[1].strip()
    second = json.loads(command(*long, "--json")[1])
    assert second["state"] == "queued"
    assert json.loads(command("runs", "cancel", second["id"], "--json")[1])["state"] == "cancelled"
    runs = Runs()
    wait_for(lambda: runs.get(first).epoch > 1)
    assert json.loads(command("runs", "cancel", first, "--json")[1])["state"] == "cancelled"


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("runs", "show"),
        ("runs", "promote"),
        ("runs", "start", "d.nc", "--parallel", "2"),
        ("train", "d.nc", "--out", "r", "--scheduler", "tcp://host:1"),
        ("train", "d.nc", "--out", "r", "--resume", "--sites", "1"),
        ("train", "d.nc", "--out", "r", "--folds", "none"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capfd.readouterr().err.startswith("usage: binn")


def test_list_does_not_wait_for_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from binn.cli import main; status = main(['runs', 'list']);"
        "sys.exit(status or ('torch' in sys.modules) or ('xarray' in sys.modules))"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=60,
        cwd=tmp_path,
        env=ENVIRONMENT | {"BINN_RUNS": ""},
    )


def test_train_on_some_sites(
    command: Callable[..., tuple[int, str, str]], regional: Path, options: Path, tmp_path: Path
) -> None:
    import binn

    ds = binn.open_dataset(regional)
    train = ("train", regional, "--config", options)
    out = tmp_path / "upper"
    assert command(*train, "--out", out, "--region", "Upper")[0] == 0
    record = read_config(out)
    assert record.split is not None
    assert sum(record.split.sites.values()) == 30
    split = split_sites(ds, record.split.rule)
    assert split.digest() == record.split.digest
    assert set(ds["state"].values[split.part("all")]) == {"Upper"}
    assert "Only sites of: Upper" in (out / "checkpoint" / "README.md").read_text()
    scores = json.loads(command("evaluate", out, regional, "--json")[1])
    assert (scores["split"], scores["sites"]) == ("test", len(split.test))

    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join(map(str, ds["profile_id"].values[10:50])))
    out = tmp_path / "some"
    assert command(*train, "--out", out, "--sites", listed, "--map", "environmental_scalar")[0] == 0
    record = read_config(out)
    assert record.split is not None
    assert sum(record.split.sites.values()) == 40
    with np.load(out / "last" / "map.npz", allow_pickle=False) as shown:
        assert str(shown["quantity"]) == "environmental_scalar"
        assert set(shown["profile_id"]) <= set(ds["profile_id"].values[10:50])

    for wrong, message in (
        (("--region", "Atlantis"), "no state or biome 'Atlantis'"),
        (("--sites", "7,8"), "no site of the profile id 7, 8"),
        (("--sites", ","), "lists no profile id"),
        (("--sites", ""), "lists no profile id"),
        (("--map", "weather"), "live_map is one of soc_stock"),
        (("--learning-rate", "-1"), "optimiser.learning_rate"),
    ):
        status, _, said = command(*train, "--out", tmp_path / "none", *wrong)
        assert status == 1
        assert message in said.splitlines()[-1]
