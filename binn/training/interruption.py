"""A wish to stop at the next safe place, not an exception anywhere: Ctrl-C, SIGTERM, a file."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from binn.training.run_lock import is_locked

__all__ = ["CANCEL", "PART_OF", "Interruption", "wish_to_stop"]

CANCEL = ".cancel"
"""File in a run folder: somebody, perhaps on another machine, asked to stop."""

PART_OF = "BINN_PART_OF"
"""Environment of a process that trains for another: the run folder of that one."""

_EVERY = 0.5  # seconds between two questions


class Interruption:
    """While it is entered, SIGINT and SIGTERM only set `asked`.

    Nothing is interrupted in the middle: a save in progress is finished. In a thread that is not
    the main one signals cannot be caught, and are left as they are.

    Parameters
    ----------
    also : callable, optional
        Asked now and then whether there is another reason to stop.
    """

    def __init__(self, also: Callable[[], bool] | None = None) -> None:
        self._signal: int | None = None
        self._before: dict[int, Any] = {}
        self._also = also
        self._looked = -math.inf

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        if self._signal is not None:
            return True
        now = time.monotonic()
        if self._also is not None and now - self._looked >= _EVERY:
            self._looked = now
            if self._also():
                self._signal = signal.SIGTERM
        return self._signal is not None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._signal = number


def wish_to_stop(folder: Path, part_of: Path | None = None) -> Callable[[], bool]:
    """What to ask now and then, beside signals, about the run in a folder.

    Parameters
    ----------
    folder : Path
        The run folder: somebody may put `CANCEL` there.
    part_of : Path, optional
        Folder of the run that this one is a part of (`PART_OF` in the environment otherwise). It
        may be asked to stop too, and if its process is gone nobody waits for this one any more.
    """
    named = os.environ.get(PART_OF)
    whole = part_of or (Path(named) if named else None)
    # not every file system of a cluster tells its machines of each other's locks
    seen = whole is not None and is_locked(whole)

    def asked() -> bool:
        if (folder / CANCEL).exists():
            return True
        return whole is not None and ((whole / CANCEL).exists() or (seen and not is_locked(whole)))

    return asked
