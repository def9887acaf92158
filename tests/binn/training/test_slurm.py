"""``binn train --slurm``: through submitit's local executor, and to an sbatch that only listens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from safetensors.numpy import load_file

from binn.cli import main
from binn.runs import Runs
from binn.training.config import TrainingConfig
from binn.training.fit import fit

COMMAND = [sys.executable, "-m", "binn", "train"]
TOLERANCE = 1e-7  # as test_ddp.py

Said = Callable[..., tuple[int, list[str]]]


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def status(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "status.json").read_text())
    return content


def wait_for(what: Callable[[], bool], run: Path, seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        words = "\n".join(log.read_text() for log in (run / "slurm").glob("*log*"))
        assert time.monotonic() < until, f"{status(run)}\n{words}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def plain(tiny: TrainingConfig) -> TrainingConfig:
    return tiny.changed(members=1, network={"dropout": 0.0})


@pytest.fixture
def options(plain: TrainingConfig, tmp_path: Path) -> Path:
    path = tmp_path / "plain.json"
    path.write_text(plain.model_dump_json())
    return path


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH with an srun, and an sbatch that keeps what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {
        "srun": "#!/bin/sh\n",
        "sbatch": f'#!/bin/sh\ncp "$1" {tmp_path}/job.sh\necho "Submitted batch job 4711"\n',
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs ``binn train ... --slurm`` here: its exit status and its lines on stderr."""

    def run(*arguments: object) -> tuple[int, list[str]]:
        code = main(["train", *map(str, arguments), "--slurm"])
        return code, capsys.readouterr().err.splitlines()

    return run


def test_two_processes_of_a_local_job(
    plain: TrainingConfig, options: Path, synthetic_file: Path, synthetic_dataset: xr.Dataset,
    tmp_path: Path,
) -> None:  # fmt: skip
    run = tmp_path / "run"
    done = train(
        *(synthetic_file, "--out", run, "--config", options),
        *("--slurm", "--executor", "local", "--tasks", 2),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run)
    assert re.search(r"submitted to local as job \d+: 2 processes", done.stderr)
    wait_for(lambda: status(run)["state"] in ("done", "failed"), run)
    assert status(run)["state"] == "done", status(run)
    assert "2 processes" in (run / "log.txt").read_text()
    alone = fit(plain, synthetic_dataset).model.state_dict()
    together = load_file(run / "checkpoint" / "model.safetensors")
    assert alone.keys() == together.keys()
    for name, weights in alone.items():
        np.testing.assert_allclose(together[name], weights.numpy(), rtol=0.0, atol=TOLERANCE)


@pytest.mark.slow
def test_a_job_whose_time_is_over_saves_and_goes_on(
    plain: TrainingConfig, synthetic_file: Path, tmp_path: Path
) -> None:
    """submitit warns by SIGUSR2; the local executor begins a requeued job anew, as Slurm does."""
    options, run = tmp_path / "long.json", tmp_path / "run"
    options.write_text(plain.changed(epochs=10_000).model_dump_json())
    done = train(
        *(synthetic_file, "--out", run, "--config", options, "--slurm", "--executor", "local"),
        *("--tasks", 2),
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: (run / "metrics.jsonl").exists(), run)
    wait_for(lambda: status(run).get("epoch", 0) > 2, run)
    first = status(run)["pid"]
    # a job's tasks are children of its controller, whose process is the number of the job
    job = int(re.search(r"as job (\d+)", done.stderr)[1])  # type: ignore[index]
    for task in psutil.Process(job).children():
        task.send_signal(signal.SIGUSR2)
    wait_for(lambda: status(run)["state"] == "running" and status(run)["pid"] != first, run)
    wait_for(lambda: "resumed: member 1 of 1" in (run / "log.txt").read_text(), run)
    os.kill(status(run)["pid"], signal.SIGTERM)
    wait_for(lambda: status(run)["state"] == "cancelled", run)
    wait_for(lambda: not psutil.pid_exists(job), run)
    rows = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows == list(range(1, len(rows) + 1))


def test_what_slurm_is_asked_for(
    options: Path, synthetic_file: Path, tmp_path: Path, cluster: Path, said: Said
) -> None:
    runs = tmp_path / "runs"
    run = runs / "run"
    runs.mkdir()
    asked = ("--partition", "soil", "--time", 90, "--gpus", 4, "--nodes", 2, "--threads", 3)
    code, lines = said(
        *(synthetic_file, "--out", run, "--config", options, "--device", "cuda", *asked)
    )
    assert code == 0, lines
    assert "submitted to slurm as job 4711: 8 processes" in lines[-1]
    job = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", (tmp_path / "job.sh").read_text(), re.M))
    expected = {
        "partition": "soil",
        "time": "90",
        "nodes": "2",
        "gpus-per-node": "4",
        "ntasks-per-node": "4",
        "cpus-per-task": "3",
        "job-name": "binn-run",
    }
    assert {name: job.get(name) for name in expected} == expected
    assert status(run)["state"] == "queued"
    # the queue of this machine leaves it alone
    assert [one.state for one in Runs(runs).list()] == ["queued"]
    assert not (run / "output.txt").exists()


def test_a_refused_job_is_one_sentence(
    options: Path, synthetic_file: Path, tmp_path: Path, cluster: Path, said: Said
) -> None:
    (cluster / "sbatch").write_text(
        "#!/bin/sh\necho 'sbatch: error: invalid partition specified: moon' >&2\nexit 1\n"
    )
    run = tmp_path / "run"
    code, lines = said(synthetic_file, "--out", run, "--config", options, "--partition", "moon")
    sentence = "the job could not be submitted: sbatch: error: invalid partition specified: moon"
    assert (code, lines) == (1, [f"binn: error: {sentence}"])
    assert (status(run)["state"], status(run)["message"]) == ("failed", sentence)


def test_wrong_options_and_data_are_said_before_anything_is_submitted(
    options: Path, synthetic_file: Path, tmp_path: Path, cluster: Path, said: Said
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("dear")
    for arguments, sentence in [
        (("nothing.nc", "--out", tmp_path / "a"), "there is no dataset"),
        ((synthetic_file, "--out", mine), "holds other files (thesis.txt)"),
        ((synthetic_file, "--out", tmp_path / "b", "--folds", "--tasks", 2), "one fold together"),
    ]:
        code, lines = said(*arguments, "--config", options)
        assert code == 1
        assert sentence in lines[0]
        assert len(lines) == 1
    assert not (tmp_path / "job.sh").exists()


def test_options_of_slurm_alone(
    synthetic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["train", str(synthetic_file), "--out", str(tmp_path / "run")]
    for more, sentence in [
        (["--partition", "soil"], "--partition is for --slurm"),
        (["--slurm", "--gpus", "1"], "--gpus needs --device cuda"),
    ]:
        with pytest.raises(SystemExit) as ended:
            main([*run, *more])
        assert ended.value.code == 2
        assert sentence in capsys.readouterr().err


def test_without_slurm_or_submitit(
    options: Path,
    synthetic_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["train", str(synthetic_file), "--out", str(tmp_path / "run"), "--slurm"]
    arguments += ["--config", str(options)]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*arguments, "--executor", "slurm"]) == 1
    assert "there is no Slurm here" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(arguments) == 1
    assert capsys.readouterr().err.strip() == (
        "binn: error: --slurm needs submitit, which is not installed: "
        "pip install 'binn-explorer[slurm]'"
    )
    assert not (tmp_path / "run").exists()


def test_a_run_cancelled_while_it_waits_does_not_begin(tmp_path: Path) -> None:
    from binn.training.slurm import SlurmJob

    (tmp_path / "status.json").write_text('{"state": "cancelled"}')
    assert SlurmJob(["train", "nothing.nc", "--out", str(tmp_path)], str(tmp_path))() == 0
