"""Folds side by side: processes on this machine, or the workers of a Dask cluster.

Each fold is a run of its own in ``fold_K``, so it is saved, stopped and resumed as any other. The
process that started them watches; if it is asked to stop so are they, and if it is gone they save
and stop by themselves (`binn.training.interruption.wish_to_stop`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from binn.atomic import saving, write_file
from binn.errors import InputError
from binn.processes import environment
from binn.training.interruption import PART_OF, Interruption, wish_to_stop
from binn.training.run_folder import RunConfig, read_status
from binn.training.run_lock import is_locked

__all__ = ["folds_in_processes", "folds_on_cluster", "prepare_fold"]

_LOOK = 0.1  # seconds between two looks at the processes
_ERROR = "binn: error: "
_STOP, _OUTPUT = ".stop", "output.txt"


def prepare_fold(config: RunConfig, folder: Path, fold: int) -> None:
    """Make the run folder of a fold, if it is not there: what is to be done stands in it."""
    if (folder / "config.json").exists():
        return
    training = config.training.changed(split={"fold": fold})
    one = config.model_copy(update={"kind": "run", "parallel": 1, "training": training})
    with saving("the run of a fold", folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "config.json", (one.model_dump_json(indent=1) + "\n").encode())


def folds_in_processes(
    config: RunConfig,
    folders: dict[int, Path],
    path: Path,
    stop: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """Train some folds, so many at once as the configuration says.

    Parameters
    ----------
    config : RunConfig
        Of all folds.
    folders : dict of int to Path
        Run folder of each fold that is not done.
    path : Path
        Run folder of all folds, held by this process.
    stop : callable
        Asked all the time; True lets all of them save and stop.
    say : callable
        Told when a fold begins and ends.

    Raises
    ------
    InputError
        What the first fold that failed said; the others have saved and stopped.
    """
    waiting = list(folders.items())
    with contextlib.ExitStack() as stack:
        busy: dict[int, subprocess.Popen[bytes]] = {}
        stack.callback(_end, busy)
        while waiting or busy:
            if stop():
                return
            while waiting and len(busy) < config.parallel:
                fold, folder = waiting.pop(0)
                prepare_fold(config, folder, fold)
                say(f"fold {fold} of {config.training.split.folds}")
                busy[fold] = _start(config, folder, path)
            for fold in [fold for fold, one in busy.items() if one.poll() is not None]:
                status = busy.pop(fold).returncode
                state = read_status(folders[fold]).get("state")
                if status or state != "done":
                    raise InputError(f"fold {fold} {_why(folders[fold], status)}")
                say(f"fold {fold} is done")
            time.sleep(_LOOK)


def folds_on_cluster(
    address: str,
    config: RunConfig,
    folders: dict[int, Path],
    path: Path,
    stop: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """Train some folds on the workers of a Dask cluster that see the same files.

    Parameters
    ----------
    address : str
        Of the scheduler.
    config, folders, path, stop, say
        As `folds_in_processes`.

    Raises
    ------
    InputError
        If the cluster cannot be reached, or what the first fold that failed said.
    """
    from binn.streaming.schedulers import cluster_client

    with contextlib.ExitStack() as stack:
        client = stack.enter_context(cluster_client(address))
        (path / _STOP).unlink(missing_ok=True)  # of a process that was killed while it waited
        futures: dict[Any, int] = {}
        for fold, folder in folders.items():
            prepare_fold(config, folder, fold)
            future = client.submit(train_fold, str(folder), str(path), pure=False)
            futures[future] = fold
        say(f"{len(futures)} folds are with the cluster at {address}")
        stack.callback(_end_on_cluster, futures, path)
        waiting = dict(futures)
        while waiting:
            if stop():
                return
            for future in [future for future in waiting if future.done()]:
                fold = waiting.pop(future)
                if future.status != "finished":
                    raise InputError(f"fold {fold} failed on the cluster: {future.exception()}")
                if error := future.result():
                    raise InputError(f"fold {fold} failed: {error}")
                say(f"fold {fold} is done")
            time.sleep(_LOOK)


def train_fold(folder: str, path: str) -> str:
    """Train the fold whose run folder is there; on a worker. Why not, if it cannot be done."""
    import binn
    from binn.training.fit import fit
    from binn.training.run_folder import read_run_config

    part = Path(folder)
    wish = wish_to_stop(part, Path(path))
    try:
        config = read_run_config(part)
        with Interruption(lambda: wish() or (Path(path) / _STOP).exists()) as asked:
            fit(
                config.training,
                binn.open_dataset(config.data),
                part,
                device=config.device,
                resume=True,
                threads=config.threads,
                interruption=asked,
                data=config.data,
                live_map=config.live_map,
                save_every=config.save_every,
            )
    except InputError as error:
        return str(error)
    return ""


def _start(config: RunConfig, folder: Path, path: Path) -> subprocess.Popen[bytes]:
    """The process of a fold; what it prints is kept beside what it trains."""
    words = [sys.executable, "-m", "binn", "train", config.data, "--out", str(folder), "--resume"]
    words += ["--device", config.device, "--threads", str(config.threads)]
    with saving("the run of a fold", folder), (folder / _OUTPUT).open("ab") as output:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(config.threads, {PART_OF: str(path.absolute())}),
        )


def _why(folder: Path, status: int) -> str:
    """Why a fold did not come to its end."""
    held = read_status(folder)
    if held.get("state") == "failed":
        return f"failed: {held.get('message')}"
    if held.get("state") == "cancelled":
        return "was stopped"
    with contextlib.suppress(OSError):
        for line in reversed((folder / _OUTPUT).read_text(errors="replace").splitlines()):
            if line.startswith(_ERROR):
                return f"failed: {line.removeprefix(_ERROR)}"
    return f"ended with status {status}; what it said is in {folder / _OUTPUT}"


def _end(busy: dict[int, subprocess.Popen[bytes]]) -> None:
    """Let the processes that are left save and stop, and wait for them."""
    for one in busy.values():
        one.terminate()
    for one in busy.values():
        one.wait()


def _end_on_cluster(futures: dict[Any, int], path: Path) -> None:
    """Let the folds that are left save and stop, and wait for them."""
    left = [future for future in futures if not future.done()]
    if not left:
        return
    sign = path / _STOP
    with saving("the wish to stop", path):
        write_file(sign, b"")
    try:
        for future in left:
            future.cancel()  # those that have not begun; the others end by themselves
        while any(is_locked(path / f"fold_{futures[future]}") for future in left):
            time.sleep(_LOOK)
    finally:
        sign.unlink(missing_ok=True)
