"""What tests of runs in the background share: waiting, looking at processes, comparing weights."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from binn.runs import Run, Runs

EPOCHS = 100  # some seconds, in which a test has to look


def wait_for(what: Callable[[], object], seconds: float = 300.0) -> float:
    """Wait until something holds; the seconds that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def weights(runs: Runs, run_id: str) -> dict[str, bytes]:
    """Weights of a run's checkpoint, bit for bit."""
    file = runs.checkpoint(run_id) / "model.safetensors"
    return {name: value.tobytes() for name, value in load_file(file).items()}


def processes_of(folder: Path) -> list[int]:
    """Processes whose command line names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words) and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


@contextlib.contextmanager
def running(*words: object, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A command that goes on meanwhile; killed at last, or a failed test would wait for it."""
    with subprocess.Popen([*map(str, words)], **options) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def another_process(code: str, *arguments: object, **options: Any) -> Iterator[Any]:
    """A process that works on the same folder: another server, another terminal; killed at last."""
    words = (sys.executable, "-c", code, *arguments)
    with running(*words, stdout=subprocess.PIPE, text=True, **options) as process:
        yield process


def trained_past(runs: Runs, run_id: str, epoch: int) -> Run:
    """The run, once it has finished an epoch."""
    wait_for(lambda: runs.get(run_id).epoch >= epoch or runs.get(run_id).ended)
    run = runs.get(run_id)
    assert run.state == "running", (run, runs.log(run_id))
    return run
