"""Start a trainer: a process of its own, that nobody can start twice and that outlives its starter.

The starter takes the run's lock and hands it to the child, which waits in a shell for one line
before it becomes the trainer. The line is sent when the status names the process, and it is echoed
into output.txt. Killed before that, the starter takes the child along and the run is still queued;
killed after it, the trainer goes on by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import uuid
from pathlib import Path

from binn.errors import InputError
from binn.processes import ProcessIdentity, environment
from binn.training.run_folder import (
    SCHEDULER,
    now,
    read_run_config,
    read_status,
    write_status,
)
from binn.training.run_lock import RunLock

__all__ = ["began", "command", "last_words", "launch"]

OUTPUT = "output.txt"
_MARK = "--- started"
_NICE = 10
_WAIT = 'IFS= read -r go && printf "%s\\n" "$go" && exec "$@" </dev/null'
_ERROR, _TRACEBACK = "binn: error: ", "Traceback "
_ALL, _TAIL = 1 << 30, 20_000  # bytes of the output that are read


def launch(path: Path) -> bool:
    """Start the trainer of a queued run, unless it waits for a cluster's scheduler.

    Parameters
    ----------
    path : Path
        The run folder.

    Returns
    -------
    bool
        False if a process is busy with it already, or it is not of this queue.

    Raises
    ------
    InputError
        If it cannot be started; its status then says so.
    """
    if read_status(path).get(SCHEDULER):
        return False
    try:
        lock = RunLock(path)
    except BlockingIOError:
        return False
    with lock:
        before = {k: v for k, v in read_status(path).items() if k not in ("ticket", "message")}
        word = uuid.uuid4().hex
        try:
            child = _waiting(path, lock)
        except (OSError, InputError) as error:
            message = f"it could not be started: {error}"
            write_status(path, {**before, "state": "failed", "message": message})
            raise InputError(message) from None
        try:
            identity = ProcessIdentity.of(child.pid)
            status = {
                **before,
                "state": "running",
                "message": "starting",
                "pid": child.pid,
                "process": identity.model_dump() if identity else None,
                "launch": word,
                "updated": now(),
            }
            write_status(path, status)
        except BaseException:
            child.kill()  # it still waits for its line
            child.communicate()
            raise
        try:
            assert child.stdin is not None
            child.stdin.write(f"{_MARK} {now()} {word}\n".encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # it was killed: whoever looks sees that it never began
    # nobody may be left as a zombie, and nobody has to wait for it
    threading.Thread(target=child.wait, name=f"wait for {path.name}", daemon=True).start()
    return True


def command(path: Path) -> list[str]:
    """What trains in a run folder, as it was asked for.

    Raises
    ------
    InputError
        If its configuration cannot be read, or does not say where the data are.
    """
    config = read_run_config(path)
    if not config.data:
        raise InputError(
            f"{path} does not say which data it was begun on: go on with it by "
            f"`binn train DATA --out {path} --resume`"
        )
    words = [sys.executable, "-m", "binn", "train", config.data, "--out", str(path), "--resume"]
    words += ["--device", config.device, "--threads", str(config.threads)]
    return words + (["--parallel", str(config.parallel)] if config.parallel > 1 else [])


def began(path: Path, word: str) -> bool:
    """Whether the trainer of a start got its line and became the trainer."""
    return word in _output(path, _ALL).rpartition(_MARK)[2]


def last_words(path: Path) -> str:
    """Error that the latest trainer printed; empty if it ended without one."""
    lines = _output(path, _TAIL).rpartition(_MARK)[2].splitlines()
    for line in reversed(lines):
        if line.startswith(_ERROR):
            return line.removeprefix(_ERROR)
    if any(line.startswith(_TRACEBACK) for line in lines):
        return lines[-1]
    return ""


def _waiting(path: Path, lock: RunLock) -> subprocess.Popen[bytes]:
    """The trainer's process, waiting for its line."""
    words = command(path)
    more = max(0, _NICE - os.getpriority(os.PRIO_PROCESS, 0))
    nice = shutil.which("nice")
    if more and nice is not None:
        words = [nice, "-n", str(more), *words]
    number, handed = lock.handed_over()
    threads = read_run_config(path).threads
    with (path / OUTPUT).open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WAIT, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=path.parent,
            env=environment(threads, handed),
            pass_fds=[number],
            start_new_session=True,
        )


def _output(path: Path, most: int) -> str:
    """The last so many bytes of what the trainers of a run printed."""
    try:
        with (path / OUTPUT).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
