"""Which process it was: a process id alone is used again, and says nothing after a restart.

A process is told by its id, by when the kernel started it (in clock ticks since boot, which no
change of the clock moves) and by the boot it lived in. Elsewhere than on Linux, psutil knows the
time of its start, which is enough.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ProcessIdentity", "environment"]

_STATE, _STARTED = 0, 19  # fields of /proc/PID/stat after the name of the program
_OF_A_GROUP = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_GONE = ("Z", "X", "x")  # ended, and only waiting for its parent to notice


class ProcessIdentity(BaseModel):
    """One process, of all that ever had its id."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int = Field(gt=0, description="Process id.")
    started: str = Field(description="When it began: kernel ticks since boot, or seconds.")
    boot: str = Field(description="Which boot of which machine it lives in.")
    space: str = Field("", description="Within which process ids are counted (a container's own).")
    host: str = Field("", description="Name of the machine.")

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessIdentity | None:
        """The process that has an id now (this one by default); None if none has."""
        number = os.getpid() if pid is None else pid
        started = _started(number)
        if started is None:
            return None
        return cls(pid=number, started=started, boot=_boot(), space=_space(), host=platform.node())

    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be seen from here (another machine)."""
        if self.host != platform.node():
            return None
        if self.boot != _boot():
            return False
        if self.space != _space():
            return None
        return _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal, and never to another process that has its id now.

        Parameters
        ----------
        number : signal.Signals
            SIGKILL goes to the whole session that the process leads, if it leads one.

        Returns
        -------
        bool
            Whether it was there.
        """
        with contextlib.ExitStack() as stack:
            handle: int | None = None
            if sys.platform == "linux":
                # the handle stays with this process, whoever gets its id later
                try:
                    handle = os.pidfd_open(self.pid)
                except OSError:
                    return False
                stack.callback(os.close, handle)
            if not self.alive():
                return False
            try:
                if number == signal.SIGKILL and os.getpgid(self.pid) == self.pid:
                    os.killpg(self.pid, number)
                elif handle is not None:
                    signal.pidfd_send_signal(handle, number)
                else:
                    os.kill(self.pid, number)
            except ProcessLookupError:
                return False
        return True


def _started(pid: int) -> str | None:
    """When the process with an id began, as text; None if there is none, or it has ended."""
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        # the name stands in brackets and may hold anything, brackets too
        fields = text.rpartition(")")[2].split()
        return None if fields[_STATE] in _GONE else fields[_STARTED]
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None


@functools.cache
def _boot() -> str:
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""  # the time of start is a date there: no process of another boot has the same


@functools.cache
def _space() -> str:
    if sys.platform == "linux":
        try:
            return str(Path("/proc/self/ns/pid").readlink())
        except OSError:
            return ""
    return ""


def environment(threads: int, also: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of a child process that trains: this program, so many threads, no ranks."""
    # the package may not be installed, but be run from a checkout
    home = str(Path(__file__).resolve().parents[1])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_GROUP}
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        **(also or {}),
    }
