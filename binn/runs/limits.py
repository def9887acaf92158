"""How much may run at once, and the lock under which the queue moves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binn.atomic import saving, write_file
from binn.errors import InputError
from binn.training.run_folder import RunConfig

__all__ = ["QUEUE", "Limits", "check_room", "free_room", "moving", "read_limits", "write_limits"]

QUEUE = ".queue"
"""File of a runs folder that is locked by whoever moves the queue."""

_FILE = "limits.json"
_PATIENCE = 20.0  # seconds; others hold the lock for milliseconds
_PAUSE = 0.02
_SPARE = 50_000_000  # bytes that stay free: status, log, predictions of folds
_SAVES = 3  # of `last`: the one that is being written, the one that is there, the one before
_INPUTS = 256  # more inputs than any dataset has covariates so far


class Limits(BaseModel):
    """What the runs of one folder may use together."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    runs: int = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 1) // 2),
        ge=1,
        le=1000,
        description="Trainings at once.",
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=100_000,
        description="Threads of all of them together.",
    )
    grace: float = Field(
        30.0,
        ge=0.0,
        le=86_400.0,
        description="Seconds that a cancelled run has to save before it is killed.",
    )


def read_limits(folder: Path) -> Limits:
    """Limits of a runs folder; those of this machine if none were set.

    Raises
    ------
    InputError
        If the file holds something else.
    """
    file = folder / _FILE
    try:
        return Limits.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Limits()
    except (OSError, ValidationError) as error:
        raise InputError(
            f"{file} does not hold limits of the queue ({type(error).__name__}): correct it, or "
            "remove it for those of this machine"
        ) from None


def write_limits(folder: Path, limits: Limits) -> None:
    """Set the limits of a runs folder.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    with saving("the limits of the queue", folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / _FILE, (limits.model_dump_json(indent=1) + "\n").encode())


@contextlib.contextmanager
def moving(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of the queue.

    Parameters
    ----------
    folder : Path
        The runs folder; it must exist.
    wait : bool
        Whether to wait for somebody who has it.

    Yields
    ------
    bool
        Whether it is held; always True with `wait`.

    Raises
    ------
    InputError
        If it cannot be had.
    """
    with contextlib.ExitStack() as stack:
        with saving("the queue", folder):
            file = stack.enter_context((folder / QUEUE).open("a", encoding="utf-8"))
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                if time.monotonic() > until:
                    raise InputError(
                        f"another process has held {folder / QUEUE} for {_PATIENCE:g} s: it may "
                        "be stopped; end it and try again"
                    ) from None
                time.sleep(_PAUSE)
            else:
                break
        yield True


def free_room(folder: Path) -> int:
    """Bytes free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def room_needed(config: RunConfig) -> int:
    """Bytes that a run may need on the disk, more rather than less."""
    training = config.training
    network = training.network
    inputs = _INPUTS + 32 * network.embedding_size + network.position_size
    weights = network.width * (inputs + network.width * network.depth + 21)
    # each member's best, and of the one in training its latest, its best and two moments
    copies = training.members + 4
    folds = training.split.folds if config.kind == "folds" else 1
    return _SPARE + 8 * weights * copies * _SAVES * folds


def check_room(folder: Path, config: RunConfig) -> None:
    """Refuse a run that the disk has no room for.

    Raises
    ------
    InputError
        With what is free and what is needed.
    """
    needed, free = room_needed(config), free_room(folder)
    if free < needed:
        raise InputError(
            f"the disk of {folder} has {free / 1e6:,.0f} MB left and this run may need "
            f"{needed / 1e6:,.0f} MB: free some space, or choose another runs folder"
        )
