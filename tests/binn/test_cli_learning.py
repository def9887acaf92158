"""``binn train``, ``predict`` and ``evaluate`` as a user runs them: as processes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import load_file

import binn
from binn.checkpoint import load_checkpoint, read_config
from binn.cli import main
from binn.datasets.storage import write_dataset
from binn.training.config import TrainingConfig
from binn.training.split import split_sites

COMMAND = [sys.executable, "-m", "binn"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=ENVIRONMENT,
        **options,
    )


def ok(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    done = run(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done


def only_error(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a user error."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("binn: error: ")]
    assert len(lines) == 1
    assert lines == done.stderr.splitlines()[-1:]
    return lines[0]


def weights(path: Path) -> dict[str, np.ndarray]:
    return load_file(path / "checkpoint" / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[k], theirs[k]) for k in ours)


@pytest.fixture(scope="module")
def options(tiny: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Options of a short training, as a file."""
    path = tmp_path_factory.mktemp("options") / "tiny.json"
    path.write_text(tiny.model_dump_json())
    return path


@pytest.fixture(scope="module")
def trained(synthetic_file: Path, options: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    done = ok("train", synthetic_file, "--out", out, "--config", options)
    assert done.stdout.strip() == str(out)
    assert "member 2/2 epoch 3/3" in done.stderr
    return out


def test_train_makes_a_run(trained: Path) -> None:
    entries = {entry.name for entry in trained.iterdir()} - {".lock"}
    assert entries == {
        "config.json",
        "status.json",
        "metrics.jsonl",
        "log.txt",
        "checkpoint",
        "last",
    }
    assert json.loads((trained / "status.json").read_text())["state"] == "done"
    assert len((trained / "metrics.jsonl").read_text().splitlines()) == 6
    assert "epoch 3/3" in (trained / "log.txt").read_text()


def test_train_is_repeatable(
    trained: Path, synthetic_file: Path, options: Path, tmp_path: Path
) -> None:
    ok("train", synthetic_file, "--out", tmp_path / "again", "--config", options)
    assert same(trained, tmp_path / "again")


def test_options_of_the_command_line(synthetic_file: Path, options: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    ok(
        *("train", synthetic_file, "--out", out, "--config", options, "--epochs", 1),
        *("--seed", 5, "--members", 1, "--bedrock", "published", "--fold", 3),
    )
    config = read_config(out).training
    assert config is not None
    assert (config.epochs, config.seed, config.members) == (1, 5, 1)
    assert (config.bedrock, config.split.fold) == ("published", 3)


def test_ctrl_c_saves_and_resume_goes_on_exactly(
    trained: Path, synthetic_file: Path, options: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [*COMMAND, "train", synthetic_file, "--out", out, "--config", options]
    # a session of its own, so that the signal reaches this process alone
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 1/3" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        assert process.wait(60) == 0
    assert "Traceback" not in rest
    assert f"--out {out} --resume" in rest
    assert json.loads((out / "status.json").read_text())["state"] == "cancelled"
    load_checkpoint(out)
    ok("train", synthetic_file, "--out", out, "--resume")
    assert same(trained, out)


STOPPED_AT_ANY_TIME = """
import os, signal, sys, time
import numpy as np
import binn
from binn.checkpoint import load_checkpoint
from binn.training.config import TrainingConfig
from binn.training.fit import fit

data, options, out, number = sys.argv[1:]
ds = binn.open_dataset(data)
config = TrainingConfig.model_validate_json(open(options).read())
fit(config.changed(epochs=1, members=1), ds)  # loads all that is loaded on first use
start = time.monotonic()
fit(config, ds, out + "_undisturbed", save_every=0.0)
whole = time.monotonic() - start
rng = np.random.default_rng(1)
for attempt in range(100):
    child = os.fork()
    if child == 0:
        fit(config, ds, out, resume=os.path.exists(out + "/config.json"), save_every=0.0)
        os._exit(0)
    # two parts of at most .35 do not make a whole; later ones may, or nothing would ever be done
    time.sleep(whole * rng.uniform(0.05, min(0.35 * 1.05 ** max(attempt - 1, 0), 1.0)))
    os.kill(child, int(number))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    if os.path.exists(out + "/checkpoint"):
        load_checkpoint(out)
    if os.path.exists(out + "/status.json") and '"done"' in open(out + "/status.json").read():
        break
print(attempt)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_signal_at_any_time_loses_nothing(
    trained: Path, synthetic_file: Path, options: Path, tmp_path: Path, number: int
) -> None:
    """Stopped again and again at drawn moments, saves among them: the end is the same."""
    out = tmp_path / "run"
    arguments = [synthetic_file, options, out, int(number)]
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_ANY_TIME, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2  # it was stopped more than once
    ok("train", synthetic_file, "--out", out, "--resume")
    assert same(trained, out)


def test_full_disk(synthetic_file: Path, options: Path, trained: Path, tmp_path: Path) -> None:
    """The largest file a process may write stands for a full disk."""
    out = tmp_path / "run"
    limit = (trained / "checkpoint" / "model.safetensors").stat().st_size - 1000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = run(
        *("train", synthetic_file, "--out", out, "--config", options), preexec_fn=little_room
    )
    assert "the disk is full" in only_error(done)
    assert not list(out.glob(".last*"))
    ok("train", synthetic_file, "--out", out, "--resume")
    assert same(trained, out)


def test_folds(synthetic_file: Path, options: Path, tiny: TrainingConfig, tmp_path: Path) -> None:
    short = tiny.changed(epochs=1, members=1, split={"folds": 3})
    (tmp_path / "short.json").write_text(short.model_dump_json())
    out = tmp_path / "run"
    ok("train", synthetic_file, "--out", out, "--config", tmp_path / "short.json", "--folds")
    scores = json.loads((out / "metrics.json").read_text())
    assert len(scores["folds"]) == 3
    assert {"nse", "r", "rmse", "bias", "n", "nse_sd"} <= set(scores)
    pooled = json.loads(ok("evaluate", out, synthetic_file, "--json").stdout)
    assert pooled["sites"] == 60
    for key in ("nse", "r", "rmse", "bias", "n"):
        assert pooled[key] == pytest.approx(scores[key], rel=1e-9)
    prediction = tmp_path / "prediction.nc"
    ok("predict", out, synthetic_file, prediction)
    with xr.open_dataset(prediction, engine="h5netcdf") as ds:
        assert ds.attrs["models"] == 3
        assert "soc_spread" in ds


@pytest.mark.parametrize("on", ["site", "cell"])
def test_predict(
    trained: Path, synthetic_file: Path, synthetic_dataset: xr.Dataset, tmp_path: Path, on: str
) -> None:
    out = tmp_path / "out.nc"
    done = ok("predict", trained, synthetic_file, out, "--on", on)
    assert done.stdout.strip() == str(out)
    assert ("2 cells without covariates" in done.stderr) == (on == "cell")
    expected = binn.predict(load_checkpoint(trained), synthetic_dataset, on=on)
    with xr.open_dataset(out, engine="h5netcdf") as ds:
        # another process may add up in another order
        np.testing.assert_allclose(ds["soc"], expected["soc"], rtol=1e-10)
        np.testing.assert_allclose(ds["parameters"], expected["parameters"], rtol=1e-12)
        assert ds.attrs["bedrock"] == "conserving"


def test_evaluate_scores_the_held_out_sites(trained: Path, synthetic_file: Path) -> None:
    done = ok("evaluate", trained, synthetic_file, "--json")
    scores = json.loads(done.stdout)
    assert scores["split"] == "test"
    assert "test sites" in done.stderr
    saved = json.loads((trained / "checkpoint" / "metrics.json").read_text())["test"]
    for key in ("nse", "r", "rmse", "bias", "n"):
        assert scores[key] == pytest.approx(saved[key], rel=1e-9)
    plain = ok("evaluate", trained, synthetic_file).stdout
    assert f"nse   {scores['nse']:.5g}" in plain
    assert "gC m-3" in plain
    whole = json.loads(ok("evaluate", trained, synthetic_file, "--json", "--split", "all").stdout)
    ds = binn.open_dataset(synthetic_file)
    assert (whole["n"], whole["sites"]) == (ds.sizes["obs"], ds.sizes["site"])


def test_evaluate_on_other_data_scores_all(
    trained: Path, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    other = synthetic_dataset.copy(deep=True)
    other["obs_soc"].values[0] += 1.0
    write_dataset(other, tmp_path / "other.nc")
    done = ok("evaluate", trained, tmp_path / "other.nc", "--json")
    scores = json.loads(done.stdout)
    assert (scores["split"], scores["same_data"]) == ("all", False)
    assert scores["n"] == other.sizes["obs"]
    assert "not the dataset the model was trained on" in done.stderr
    asked = run("evaluate", trained, tmp_path / "other.nc", "--split", "test")
    assert "no test sites here" in only_error(asked)


@pytest.fixture
def refused(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run a command in this process, which is quicker, and give its one line of error."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it

    def refuse(*arguments: object) -> str:
        capfd.readouterr()
        assert main([str(one) for one in arguments]) == 1
        lines = capfd.readouterr().err.splitlines()
        assert lines[-1:] == [line for line in lines if line.startswith("binn: error: ")]
        return lines[-1]

    return refuse


def test_user_errors(
    trained: Path,
    synthetic_file: Path,
    options: Path,
    tmp_path: Path,
    refused: Callable[..., str],
) -> None:
    out = tmp_path / "out"
    train = ("train", synthetic_file, "--out")
    assert "no dataset" in refused("train", tmp_path / "no.nc", "--out", out)
    assert not out.exists()
    assert "already holds a run" in refused(*train, trained, "--config", options)
    assert "no run" in refused(*train, out, "--resume")
    assert "without --folds" in refused(*train, trained, "--resume", "--folds")
    assert "cannot be used" in refused(*train, out, "--device", "cuda:99")
    assert "fold is 12" in refused(*train, out, "--fold", 12)
    assert not out.exists()
    (tmp_path / "bad.json").write_text('{"epochs": 0}')
    assert "epochs" in refused(*train, out, "--config", tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text("{")
    assert "options" in refused(*train, out, "--config", tmp_path / "bad.json")
    assert "cannot read" in refused(*train, out, "--config", tmp_path / "none.json")
    assert "no checkpoint" in refused("evaluate", tmp_path, synthetic_file)
    nowhere = tmp_path / "no" / "out.nc"
    assert "cannot write" in refused("predict", trained, synthetic_file, nowhere)
    held = synthetic_file.read_bytes()
    assert "dataset itself" in refused("predict", trained, synthetic_file, synthetic_file)
    assert synthetic_file.read_bytes() == held


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "d.nc"),
        ("train", "d.nc", "--out", "r", "--preset", "best"),
        ("train", "d.nc", "--out", "r", "--epochs", "0"),
        ("train", "d.nc", "--out", "r", "--epochs", "many"),
        ("train", "d.nc", "--out", "r", "--fold", "1", "--folds"),
        ("train", "d.nc", "--out", "r", "--resume", "--epochs", "3"),
        ("predict", "c", "d.nc"),
        ("evaluate", "c", "d.nc", "--split", "half"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: binn")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
def test_help(command: str) -> None:
    done = ok(command, "--help")
    assert done.stdout.startswith(f"usage: binn {command}")


@pytest.mark.slow
def test_quick_on_new_york(new_york: Path, tmp_path: Path) -> None:
    """The demonstration: under a minute, and better than depth alone on the held-out sites."""
    began = time.monotonic()
    ok("train", new_york, "--out", tmp_path / "run", "--preset", "quick")
    assert time.monotonic() - began < 60.0
    scores = json.loads(ok("evaluate", tmp_path / "run", new_york, "--json").stdout)
    assert scores["split"] == "test"
    ds = binn.open_dataset(new_york)
    assert scores["sites"] < ds.sizes["site"] / 5
    owner = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"].values)
    split = split_sites(ds, read_config(tmp_path / "run").split.rule)
    bins = np.digitize(ds["obs_depth"].values, [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2])
    soc, test = ds["obs_soc"].values, np.isin(owner, split.test)
    means = np.array([soc[~test & (bins == k)].mean() for k in range(8)])
    by_depth = (
        1 - ((soc - means[bins])[test] ** 2).sum() / ((soc[test] - soc[test].mean()) ** 2).sum()
    )
    assert scores["nse"] > by_depth
    ok("predict", tmp_path / "run", new_york, tmp_path / "cells.nc", "--on", "cell")
