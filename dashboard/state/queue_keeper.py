"""Looks at the queue of runs as long as the server lives, also while no page is open."""

from __future__ import annotations

import logging
import threading

from binn.errors import InputError
from binn.runs import Runs

__all__ = ["QueueKeeper"]

_LOG = logging.getLogger(__name__)
_EVERY = 3.0  # seconds; a look takes some milliseconds


class QueueKeeper:
    """A thread that moves the queue of a runs folder.

    A trainer that ends looks for the next one itself; one that is killed cannot. Everybody who
    looks does so under the lock of the queue: several servers on one folder do no harm.

    Parameters
    ----------
    folder : str
        The runs folder.
    every : float
        Seconds between two looks.
    """

    def __init__(self, folder: str, every: float = _EVERY) -> None:
        self._runs, self._every = Runs(folder), every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="binn-queue", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        troubled = False
        while not self._ended.wait(self._every):
            try:
                self._runs.list()
                troubled = False
            except (OSError, InputError) as error:  # a disk that is away for a while
                if not troubled:
                    _LOG.warning("the queue of %s cannot be read: %s", self._runs.folder, error)
                troubled = True
