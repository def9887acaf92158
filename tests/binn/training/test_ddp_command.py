"""``torchrun ... -m binn train``: one of the processes is asked to end, or made to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from binn.training.config import TrainingConfig

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
PATIENCE = 300.0


def status(run: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((run / "status.json").read_text())
    except FileNotFoundError:
        return {}
    return content


@contextmanager
def torchrun(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    words = [*TORCHRUN, "-m", "binn", "train", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        for one in [*psutil.Process().children(recursive=True)]:
            one.kill()
        process.communicate()


def second_process(launcher: subprocess.Popen[str], run: Path, epoch: int) -> psutil.Process:
    """The process that does not write the run folder, once an epoch has been reached."""
    until = time.monotonic() + PATIENCE
    while status(run).get("state") != "running" or status(run).get("epoch", 0) < epoch:
        assert launcher.poll() is None, launcher.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.1)
    (other,) = [
        one
        for one in psutil.Process(launcher.pid).children()
        if one.pid != status(run)["pid"] and "binn" in one.cmdline()
    ]
    return other


def errors(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("binn: error: ")]


def test_one_process_ends(tiny: TrainingConfig, synthetic_file: Path, tmp_path: Path) -> None:
    """Asked to: all save and stop. Killed: the other says so, and what was saved is intact."""
    run, options = tmp_path / "run", tmp_path / "long.json"
    options.write_text(tiny.changed(epochs=10_000).model_dump_json())
    with torchrun(synthetic_file, "--out", run, "--config", options) as launcher:
        second_process(launcher, run, 2).send_signal(signal.SIGTERM)
        stderr = launcher.communicate(timeout=PATIENCE)[1]
    assert launcher.returncode == 0, stderr
    assert not errors(stderr)
    stopped = status(run)
    assert stopped["state"] == "cancelled"
    with torchrun(synthetic_file, "--out", run, "--resume") as launcher:
        second_process(launcher, run, stopped["epoch"] + 1).kill()
        stderr = launcher.communicate(timeout=PATIENCE)[1]
    assert launcher.returncode == 1
    (sentence,) = errors(stderr)
    assert "another process of this training has ended" in sentence
    assert status(run)["state"] == "failed"
    assert status(run)["message"] in sentence
    log = (run / "log.txt").read_text()
    assert f"resumed: member 1 of 2, {stopped['epoch']} of 10000 epochs done" in log


def test_what_is_wrong_is_said_once(tmp_path: Path) -> None:
    with torchrun("nothing.nc", "--out", tmp_path / "run") as launcher:
        stderr = launcher.communicate(timeout=PATIENCE)[1]
    assert launcher.returncode == 1
    (sentence,) = errors(stderr)
    assert "there is no dataset" in sentence
    assert not (tmp_path / "run").exists()
