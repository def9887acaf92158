"""kill -9 of the trainer, of its starter and of both; damaged files; no orphan; nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from run_processes import another_process, processes_of, trained_past, wait_for, weights

from binn.processes import ProcessIdentity
from binn.runs import Limits, RunRequest, Runs
from binn.runs.record import process_of
from binn.training.run_folder import read_status, write_status

SOON = 5.0  # seconds within which a state has to be right

START = """
import sys, time
from binn.runs import Runs, RunRequest
runs = Runs(sys.argv[1])
print(runs.start(RunRequest.model_validate_json(sys.argv[2])), flush=True)
time.sleep(600)
"""


def pid_of(runs: Runs, run_id: str) -> int:
    process = process_of(read_status(runs.folder / run_id))
    assert process is not None
    return process.pid


@contextlib.contextmanager
def started_elsewhere(runs: Runs, request: RunRequest) -> Iterator[tuple[str, int]]:
    """A run that another process started ("the server"), and that process."""
    with another_process(START, runs.folder, request.model_dump_json()) as server:
        yield server.stdout.readline().strip(), server.pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def is_soon(runs: Runs, run_id: str, state: str) -> None:
    assert wait_for(lambda: runs.get(run_id).state == state) < SOON


def cut_short(folder: Path) -> None:
    """What a power cut may do to files that were written last."""
    for file in folder.iterdir():
        os.truncate(file, file.stat().st_size // 2)


@pytest.mark.slow
def test_kill_the_server_the_trainer_and_both(
    runs: Runs, request_of: Callable[..., RunRequest], undisturbed: dict[str, bytes]
) -> None:
    with started_elsewhere(runs, request_of()) as (run_id, server):
        trained_past(runs, run_id, 1)
        kill(server)
    epoch = runs.get(run_id).epoch
    trained_past(runs, run_id, epoch + 1)  # it goes on without its starter
    previous = Path(runs.get(run_id).path, "last.previous", "resume.json")
    wait_for(previous.is_file)  # the second save comes after the epoch has been told

    kill(pid_of(runs, run_id))
    is_soon(runs, run_id, "lost")
    lost = runs.get(run_id)
    assert lost.resumable
    assert lost.message
    assert len(runs.history(run_id)) >= lost.epoch

    # the save that was being written when the power went, and everything that is written often
    last = Path(lost.path, "last")
    if previous.is_file():  # it is not for the moment in which a save takes its place
        cut_short(last)
    for name in ("status.json", "metrics.jsonl", "log.txt"):
        os.truncate(Path(lost.path, name), 10)
    is_soon(runs, run_id, "lost")

    runs.resume(run_id)
    wait_for(lambda: "resumed: " in runs.log(run_id))
    words = runs.log(run_id).partition("resumed: ")[2]
    went_on_from = int(words.partition(" of 1, ")[2].partition(" of ")[0])
    assert went_on_from >= lost.epoch - 2  # the damaged save, and the epoch after it
    kill(pid_of(runs, run_id))
    is_soon(runs, run_id, "lost")
    runs.resume(run_id)
    wait_for(lambda: runs.get(run_id).ended)
    done = runs.get(run_id)
    assert done.state == "done", runs.log(run_id)
    assert weights(runs, run_id) == undisturbed
    assert [row["epoch"] for row in runs.history(run_id)] == list(range(1, done.epochs + 1))
    assert not Path(done.path, "last.previous").exists()
    assert not list(Path(done.path).glob(".*.*"))  # no half-written file is left


@pytest.mark.slow
def test_kill_both_at_once_before_anything_is_saved(
    runs: Runs, request_of: Callable[..., RunRequest], undisturbed: dict[str, bytes]
) -> None:
    with started_elsewhere(runs, request_of(save_every=1000.0)) as (run_id, server):
        trained_past(runs, run_id, 2)
        pids = server, pid_of(runs, run_id)
        for pid in pids:
            kill(pid)
    is_soon(runs, run_id, "lost")
    runs.resume(run_id)
    wait_for(lambda: runs.get(run_id).ended)
    assert weights(runs, run_id) == undisturbed


@pytest.mark.slow
def test_cancel_from_elsewhere_and_resume(
    runs: Runs, request_of: Callable[..., RunRequest], undisturbed: dict[str, bytes]
) -> None:
    with started_elsewhere(runs, request_of(save_every=1000.0)) as (run_id, _):
        trained_past(runs, run_id, 2)
        nice = os.getpriority(os.PRIO_PROCESS, pid_of(runs, run_id))
        assert nice >= 10
        assert os.getsid(pid_of(runs, run_id)) == pid_of(runs, run_id)
        began = time.monotonic()
        runs.cancel(run_id)
        assert time.monotonic() - began < 1.0  # nobody waits for it
        runs.cancel(run_id)  # another browser does so too
        wait_for(lambda: runs.get(run_id).ended)
        cancelled = runs.get(run_id)
        assert cancelled.state == "cancelled"
        runs.resume(run_id)
        wait_for(lambda: runs.get(run_id).ended)
        resumed = [line for line in runs.log(run_id).splitlines() if "resumed: " in line]
        assert f"{cancelled.epoch} of" in resumed[0]
        assert weights(runs, run_id) == undisturbed


@pytest.mark.slow
def test_a_trainer_that_does_not_stop_is_killed_after_its_grace(
    runs: Runs, request_of: Callable[..., RunRequest]
) -> None:
    runs.set_limits(Limits(runs=1, threads=2, grace=1.0))
    run_id = runs.start(request_of(epochs=100_000))
    waiting = runs.start(request_of(epochs=1))
    trained_past(runs, run_id, 1)
    os.kill(pid_of(runs, run_id), signal.SIGSTOP)
    runs.cancel(waiting)
    assert runs.get(waiting).state == "cancelled"
    runs.cancel(run_id)
    assert runs.get(run_id).stopping
    took = wait_for(lambda: {run.id: run for run in runs.list()}[run_id].ended)
    assert took < 1.0 + SOON
    assert runs.get(run_id).state == "cancelled"
    assert not processes_of(runs.folder)
    runs.delete(run_id)
    assert [run.id for run in runs.list()] == [waiting]


@pytest.mark.slow
def test_dates_that_jump(runs: Runs, request_of: Callable[..., RunRequest]) -> None:
    """Neither dates in files nor their times decide anything; a process is told by its ticks."""
    run_id = runs.start(request_of(epochs=100_000))
    trained_past(runs, run_id, 1)
    folder = runs.folder / run_id
    pid = pid_of(runs, run_id)
    os.kill(pid, signal.SIGSTOP)
    status = read_status(folder)
    status |= {"began": "2099-01-01T00:00:00+00:00", "updated": "1970-01-01T00:00:00+00:00"}
    write_status(folder, status)
    for name in ("status.json", "config.json", "log.txt", ".lock"):
        os.utime(folder / name, (0, 0))
    second = Runs(runs.folder)
    assert second.get(run_id).state == runs.get(run_id).state == "running"
    kill(pid)
    is_soon(runs, run_id, "lost")

    # its id may be given to another process: here to this one, which is alive
    me = ProcessIdentity.of().model_dump()
    write_status(folder, status | {"process": me})
    assert runs.get(run_id).state == "running"
    for other in ({"started": str(int(me["started"]) - 1)}, {"boot": "another"}):
        write_status(folder, status | {"process": me | other})
        assert second.get(run_id).state == runs.get(run_id).state == "lost", other
