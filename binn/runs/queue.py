"""The queue of a runs folder: first come, first served, moved on by whoever looks."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from binn.atomic import saving, write_file
from binn.errors import InputError
from binn.runs.launch import launch
from binn.runs.limits import free_room, moving, read_limits, room_needed
from binn.runs.listing import Listing
from binn.runs.record import Run, process_of
from binn.training.interruption import CANCEL
from binn.training.run_folder import SCHEDULER, read_run_config, read_status, write_status

__all__ = ["DELETED", "NEW", "Queue"]

NEW, DELETED = ".new-", ".deleted-"
"""What folders are called that are not a run yet, or no longer."""


class Queue:
    """Moves the runs of a folder.

    Parameters
    ----------
    listing : Listing
        The runs.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.folder = listing.folder

    @contextlib.contextmanager
    def of(self, run_id: str) -> Iterator[Run]:
        """Hold the lock of the queue, and look at one run under it."""
        self._listing.path(run_id)
        with moving(self.folder):
            yield self._listing.get(run_id)

    def advance(self, wait: bool = True) -> bool:
        """Start what may start, end what was asked to stop and did not.

        Parameters
        ----------
        wait : bool
            Whether to wait for somebody who is just doing that.

        Returns
        -------
        bool
            Whether it was done here.
        """
        if not self.folder.is_dir():
            return False
        with moving(self.folder, wait) as held:
            if held:
                self.move()
        return held

    def move(self) -> None:
        """The same, for who holds the lock of the queue."""
        for left in (*self.folder.glob(f"{NEW}*"), *self.folder.glob(f"{DELETED}*")):
            shutil.rmtree(left, ignore_errors=True)
        limits = read_limits(self.folder)
        runs = self._listing.read_all()
        for run in runs:
            if run.stopping:
                self._end_if_late(Path(run.path), limits.grace)
        # those on other machines of a cluster are their scheduler's business
        busy = [run for run in runs if run.state == "running" and run.host in ("", platform.node())]
        count, threads = len(busy), sum(run.threads for run in busy)
        for run in sorted((r for r in runs if r.state == "queued"), key=lambda r: r.ticket):
            # first come, first served: a small one does not overtake a large one for ever
            if count + 1 > limits.runs or (count and threads + run.threads > limits.threads):
                return
            path = Path(run.path)
            with contextlib.suppress(InputError):  # a damaged one is told by its state
                if free_room(self.folder) < room_needed(read_run_config(path)):
                    self.write_state(run, "queued", ticket=run.ticket, message="no room on disk")
                    return
                if launch(path):
                    count, threads = count + 1, threads + run.threads

    def ask_to_stop(self, path: Path) -> None:
        """Note that somebody asked, and tell the process."""
        if not (path / CANCEL).exists():
            _note_cancel(path)
        process = process_of(read_status(path))
        if process is not None:
            process.send(signal.SIGTERM)

    def _end_if_late(self, path: Path, grace: float) -> None:
        """Tell the process again, or kill it if its time is over."""
        process = process_of(read_status(path))
        if process is None:
            return
        try:
            held = json.loads((path / CANCEL).read_bytes())
            since = float(held["monotonic"])
        except (OSError, ValueError, KeyError, TypeError):
            since = _note_cancel(path)
        # counted from boot, the same for all processes here: no clock that somebody may set
        if time.monotonic() - since > grace:
            process.send(signal.SIGKILL)
        else:
            process.send(signal.SIGTERM)

    def next_ticket(self) -> int:
        """A number above those of all runs; the lock of the queue must be held."""
        runs = self._listing.read_all()
        return 1 + max((max(run.number, run.ticket) for run in runs), default=0)

    def write_state(self, run: Run, state: str, **more: Any) -> None:
        """Give a run that has no process another state; what it reached stays."""
        path = Path(run.path)
        dropped = ("launch", "message", "process", "pid", "ticket", SCHEDULER)
        kept = {key: value for key, value in read_status(path).items() if key not in dropped}
        write_status(path, {**kept, "state": state, **more})


def _note_cancel(path: Path) -> float:
    """Write down that somebody asked to stop, and when."""
    now = time.monotonic()
    with saving("the wish to stop", path):
        write_file(path / CANCEL, json.dumps({"monotonic": now}).encode())
    return now
