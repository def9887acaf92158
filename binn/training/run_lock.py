"""The lock of a run folder: whoever holds it is the one process that trains there.

The kernel gives a lock back when the last process that holds it ends, however it ends. Who starts
a trainer may take the lock first and hand it over (`RunLock.handed_over`): there is no moment in
which the run belongs to nobody, so it cannot be started twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

__all__ = ["RunLock", "is_locked"]

_NAME = ".lock"
_HANDED = "BINN_RUN_LOCK"
_TRIES, _PAUSE = 20, 0.05  # somebody who only looks (`is_locked`) has it for microseconds


class RunLock:
    """The lock of a folder, held until it is closed or the process ends.

    Parameters
    ----------
    folder : Path
        The run folder; it must exist.

    Attributes
    ----------
    handed : bool
        Whether the parent process took it for this one.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _NAME
        handed = _handed_over(path)
        self.handed = handed is not None
        if handed is not None:
            self._file = handed
            return
        self._file = path.open("a", encoding="utf-8")
        for tried in range(_TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if tried == _TRIES - 1:
                    self._file.close()
                    raise
                time.sleep(_PAUSE)
            except BaseException:
                self._file.close()
                raise
            else:
                return

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give this process's hold on it up."""
        self._file.close()

    def handed_over(self) -> tuple[int, dict[str, str]]:
        """What a child process needs to hold it too: a file descriptor to inherit, and variables.

        The lock is free when both processes have closed it.
        """
        number = self._file.fileno()
        return number, {_HANDED: str(number)}


def is_locked(folder: Path) -> bool:
    """Whether some process holds the lock of a folder; what cannot be read is held by nobody."""
    try:
        with (folder / _NAME).open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _handed_over(path: Path) -> TextIOWrapper | None:
    """The lock that the parent process took for this one, if it is of this folder."""
    text = os.environ.get(_HANDED, "")
    if not text.isdecimal():
        return None
    with contextlib.suppress(OSError):
        number = int(text)
        ours, theirs = os.fstat(number), path.stat()
        if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
            del os.environ[_HANDED]  # it is of this process, not of those that it starts
            os.set_inheritable(number, False)
            return os.fdopen(number, "a", encoding="utf-8")
    return None
