"""Many processes on one runs folder, some of them killed: every run is started once, in order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from run_processes import another_process, wait_for, weights

from binn.errors import InputError
from binn.runs import Limits, RunRequest, Runs
from binn.runs.queue import NEW
from binn.training.run_lock import RunLock, is_locked

N_RUNS = 25

#: moves the queue as servers and terminals do; in place of a trainer a process that only notes
#: when it begins and ends
MOVER = """
import sys, time
import binn.runs.launch as launch
from binn.runs import Runs

NOTE = (
    "import json, os, sys, time\\n"
    "path, notes = sys.argv[1:]\\n"
    "def note(what):\\n"
    "    handle = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\\n"
    "    os.write(handle, f'{what} {os.path.basename(path)}\\\\n'.encode())\\n"
    "    os.close(handle)\\n"
    "note('begin')\\n"
    "time.sleep(0.1)\\n"
    "note('end')\\n"
    "with open(path + '/new', 'w') as file:\\n"
    "    json.dump({'state': 'done'}, file)\\n"
    "os.replace(path + '/new', path + '/status.json')\\n"
)
launch.command = lambda path: [sys.executable, "-S", "-c", NOTE, str(path), sys.argv[2]]
runs = Runs(sys.argv[1])
while True:
    runs.list()
    time.sleep(0.005)
"""


def test_every_run_is_started_once_whoever_is_killed(
    runs: Runs, request_of: Callable[..., RunRequest], tmp_path: Path
) -> None:
    runs.set_limits(Limits(runs=1, threads=1))
    blocker = runs.folder / "0001-blocker"
    blocker.mkdir(parents=True)
    (blocker / "status.json").write_text('{"state": "running"}')
    with RunLock(blocker):  # nothing begins while the queue is filled
        ids = [runs.start(request_of()) for _ in range(N_RUNS)]
        assert [run.state for run in runs.list()] == ["queued"] * N_RUNS + ["running"]
        (blocker / "status.json").write_text('{"state": "done"}')
    runs.set_limits(Limits(runs=2, threads=2))
    notes = tmp_path / "notes.txt"
    chance = random.Random(5)
    reader = Runs(runs.folder)

    def all_done() -> bool:
        return all(run.state == "done" for run in reader.read_all())

    with ExitStack() as stack:
        movers = [stack.enter_context(another_process(MOVER, runs.folder, notes)) for _ in "123"]
        until = time.monotonic() + 120.0
        while not all_done():
            assert time.monotonic() < until, [(run.id, run.state) for run in reader.read_all()]
            time.sleep(chance.uniform(0.0, 0.4))
            if len(movers) < 25:
                movers[-3].kill()
                movers.append(stack.enter_context(another_process(MOVER, runs.folder, notes)))
        for mover in movers:
            mover.kill()
    lines = [line.split() for line in notes.read_text().splitlines()]
    assert sorted(run_id for what, run_id in lines if what == "begin") == sorted(ids)
    at_once = most = 0
    for what, _ in lines:
        at_once += 1 if what == "begin" else -1
        most = max(most, at_once)
    assert most == 2  # as many as the limit says, and no more


def test_what_was_left_half_made_is_cleared(runs: Runs) -> None:
    for name in (f"{NEW}abc", ".deleted-0001-quick-aaaa-ffff"):
        (runs.folder / name).mkdir()
        (runs.folder / name / "config.json").write_text("{")
    assert runs.list() == ()
    runs.advance()
    assert sorted(path.name for path in runs.folder.iterdir()) == [".queue", "limits.json"]


@pytest.mark.slow
def test_full_disk(
    runs: Runs, request_of: Callable[..., RunRequest], undisturbed: dict[str, bytes]
) -> None:
    """The largest file a process may write stands for a full disk; what was saved stays."""
    code = (
        "import resource, sys\n"
        "from binn.runs import RunRequest, Runs\n"
        "runs = Runs(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)\n"
        "print(runs.start(RunRequest.model_validate_json(sys.argv[2])), flush=True)\n"
    )
    limit = max(map(len, undisturbed.values())) * 2  # room for log and status, not for weights
    request = request_of().model_dump_json()
    with another_process(code, runs.folder, request, limit) as starter:
        run_id = starter.stdout.readline().strip()
    wait_for(lambda: runs.get(run_id).ended)
    failed = runs.get(run_id)
    assert failed.state == "failed"
    assert "the disk is full" in failed.message
    assert failed.resumable
    assert not is_locked(runs.folder / run_id)
    runs.resume(run_id)
    wait_for(lambda: runs.get(run_id).ended)
    assert runs.get(run_id).state == "done", runs.log(run_id)
    assert weights(runs, run_id) == undisturbed


@pytest.mark.parametrize("left", [0, 10_000_000])
def test_no_room_on_the_disk(
    runs: Runs,
    request_of: Callable[..., RunRequest],
    monkeypatch: pytest.MonkeyPatch,
    left: int,
) -> None:
    monkeypatch.setattr("binn.runs.limits.free_room", lambda _folder: left)
    with pytest.raises(InputError, match=rf"has {left // 10**6} MB left .* free some space"):
        runs.start(request_of())
    assert runs.list() == ()
