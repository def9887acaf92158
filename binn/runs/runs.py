"""The runs of one folder: what the page and the command line do with them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from binn.atomic import saving, write_file
from binn.errors import InputError
from binn.runs.limits import Limits, check_room, moving, read_limits, write_limits
from binn.runs.listing import PROMOTED, Listing
from binn.runs.queue import DELETED, NEW, Queue
from binn.runs.record import Run
from binn.training.interruption import CANCEL
from binn.training.run_folder import read_run_config, write_status
from binn.training.run_lock import RunLock

if TYPE_CHECKING:
    from binn.runs.request import RunRequest

__all__ = ["Runs"]

_LOOK = 0.2  # seconds between two looks of somebody who waits
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


class Runs(Listing):
    """The runs of a folder.

    Any number of these, in any number of processes, may be at work on one folder.

    Parameters
    ----------
    folder : path, optional
        The runs folder; `runs_folder()` by default. It is made when the first run is started.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        super().__init__(folder)
        self._queue = Queue(self)

    def list(self) -> tuple[Run, ...]:
        """All runs, newest first; moves the queue on."""
        found = self.read_all()
        if any(run.state == "queued" or run.stopping for run in found):
            with contextlib.suppress(InputError):
                if self.advance(wait=False):
                    found = self.read_all()
        return found

    def advance(self, wait: bool = True) -> bool:
        """Start what may start, end what was asked to stop and did not (`Queue.advance`)."""
        return self._queue.advance(wait)

    @property
    def limits(self) -> Limits:
        """How much may run at once, for everybody who works on this folder."""
        return read_limits(self.folder)

    def set_limits(self, limits: Limits) -> None:
        """Set them."""
        write_limits(self.folder, limits)

    def watch(self, run_id: str, every: float = _LOOK) -> Iterator[Run]:
        """The run each time it has changed, until it has ended.

        Parameters
        ----------
        run_id : str
            Its id.
        every : float
            Seconds between two looks.
        """
        before: Run | None = None
        while before is None or not before.ended:
            with contextlib.suppress(InputError):
                self.advance(wait=False)
            run = self.get(run_id)
            if run != before:
                yield run
            before = run
            if not run.ended:
                time.sleep(every)

    def start(self, request: RunRequest) -> str:
        """Put a run into the queue, and start it if its turn has come.

        Returns
        -------
        str
            Its id.

        Raises
        ------
        InputError
            If there is no such dataset, not enough room on the disk, or more threads are asked for
            than all runs may have.
        """
        config = request.run_config()
        with saving("the run", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        threads, limits = config.threads * config.parallel, self.limits
        if threads > limits.threads:
            raise InputError(
                f"the run asks for {threads} threads, but all runs of {self.folder} together have "
                f"{limits.threads}: ask for fewer, or raise the limit"
            )
        check_room(self.folder, config)
        with moving(self.folder):
            ticket = self._queue.next_ticket()
            name = _UNSAFE.sub("-", config.training.preset).strip("-").lower() or "run"
            run_id = f"{ticket:04d}-{name}-{secrets.token_hex(2)}"
            with saving("the run", self.folder):
                new = Path(tempfile.mkdtemp(prefix=NEW, dir=self.folder))
                new.chmod(0o755)
                write_file(new / "config.json", (config.model_dump_json(indent=1) + "\n").encode())
                write_status(new, {"state": "queued", "ticket": ticket})
                new.rename(self.folder / run_id)
            self._queue.move()
        return run_id

    def cancel(self, run_id: str, wait: bool = False) -> None:
        """Ask a run to save and stop; a queued one leaves the queue. Again: nothing happens.

        Parameters
        ----------
        run_id : str
            Its id.
        wait : bool
            Whether to return only when it has stopped, which takes no longer than the grace time
            (`Limits.grace`); then it is killed, and goes on from its last save when resumed.

        Raises
        ------
        InputError
            If it has ended otherwise.
        """
        with self._queue.of(run_id) as run:
            if run.state == "queued":
                self._queue.write_state(run, "cancelled")
            elif run.state == "running":
                self._queue.ask_to_stop(Path(run.path))
            elif run.state != "cancelled":
                raise InputError(
                    f"the run {run_id} is {run.state} already: nothing is left to cancel"
                )
            self._queue.move()
        while wait and not self.get(run_id).ended:
            time.sleep(_LOOK)
            self.advance()

    def resume(self, run_id: str) -> None:
        """Put a cancelled, failed or lost run into the queue again; it goes on from its last save.

        Raises
        ------
        InputError
            If it is done, queued or running, its configuration is damaged, or there is no room.
        """
        with self._queue.of(run_id) as run:
            if not run.resumable:
                raise InputError(
                    f"the run {run_id} is {run.state}: only a stopped one can be resumed"
                )
            path = Path(run.path)
            check_room(self.folder, read_run_config(path))
            with saving("the run", path):
                (path / CANCEL).unlink(missing_ok=True)
            self._queue.write_state(run, "queued", ticket=self._queue.next_ticket())
            self._queue.move()

    def delete(self, run_id: str) -> None:
        """Remove a run that is not running, with all it saved.

        Raises
        ------
        InputError
            If it is running, or is the page's checkpoint.
        """
        with self._queue.of(run_id) as run:
            if run.state == "running":
                raise InputError(f"the run {run_id} is running: cancel it first")
            if run.promoted:
                raise InputError(
                    f"the run {run_id} is the page's checkpoint: promote another or none first"
                )
            path = Path(run.path)
            try:
                lock = RunLock(path)
            except BlockingIOError:
                raise InputError(f"a process is busy in {path}: wait for it, or end it") from None
            with lock, saving("the runs folder", self.folder):
                # gone in one step for whoever looks
                gone = self.folder / f"{DELETED}{run_id}-{secrets.token_hex(4)}"
                path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def promote(self, run_id: str | None) -> None:
        """Make a run's checkpoint the page's choice; None takes the choice back.

        Of a run over all folds it is the checkpoints of all of them, of which the page shows the
        median and the spread. It must be done: of folds that were trained for unlike times neither
        would say anything.

        Raises
        ------
        InputError
            If the run has no checkpoint that can be read, or is still changing it, or if it is of
            folds and not done.
        """
        from binn.checkpoint import read_config

        if run_id is None:
            with moving(self.folder), saving("the choice", self.folder):
                (self.folder / PROMOTED).unlink(missing_ok=True)
            return
        with self._queue.of(run_id) as run:
            if not run.ended:
                raise InputError(
                    f"the run {run_id} is {run.state}: wait until it has ended, or cancel"
                )
            if run.kind == "folds" and run.state != "done":
                raise InputError(
                    f"the run {run_id} is {run.state}, and its folds are used only together: "
                    "resume it, and wait until all are done"
                )
            for folder in self.checkpoints(run_id):
                read_config(folder)
            with saving("the choice", self.folder):
                content = json.dumps({"run": run_id}) + "\n"
                write_file(self.folder / PROMOTED, content.encode())
