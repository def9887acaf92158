"""A run folder: the one truth about a training, for this process and any other.

================= ============================================================================
config.json       `RunConfig`: what was asked for, on which data
status.json       state (queued, running, done, failed, cancelled), process, progress
metrics.jsonl     one line an epoch
log.txt           what was said
checkpoint/       the best by validation so far
last/             the latest, with what resumes it (optimizer.safetensors, resume.json), and
                  map.npz, what the latest validation would draw on a map
last.previous/    the save before, until the run is done: `last` may be damaged by a power cut
output.txt        what the process printed, where `binn.runs` started it
================= ============================================================================

The lock (`binn.training.run_lock`) is held as long as the process lives, so a run whose status says
"running" and whose lock is free has lost its process. `binn.runs` writes config.json and a status
"queued" before any process has looked at the data: the fingerprint is empty until then.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binn.atomic import append_line, recover_file, recover_folder, saving, write_file
from binn.errors import InputError
from binn.processes import ProcessIdentity
from binn.training.config import TrainingConfig
from binn.training.interruption import CANCEL
from binn.training.run_lock import RunLock

__all__ = [
    "SCHEDULER",
    "RunConfig",
    "RunFolder",
    "now",
    "read_run_config",
    "read_status",
    "write_status",
]

SCHEDULER = "scheduler"
"""In the status of a queued run: it waits for this one, not for the queue of `binn.runs`."""

_EVERY = 0.5  # seconds between two writes of a status that only tells progress
_SAVES = (
    *("last/resume.json", "last.previous/resume.json", "checkpoint"),
    *(".last.*", ".checkpoint.*", "fold_*"),
)
_PROGRESS = (
    *("member", "members", "epoch", "epochs", "fold", "folds", "train_nse"),
    *("validation_nse", "best_nse", "eta_seconds"),
)  # kept in the status when the run fails or waits to be resumed


class RunConfig(BaseModel):
    """What a run was asked to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["run", "folds"] = Field(description="One training, or one for each fold.")
    training: TrainingConfig = Field(description="The training.")
    data_fingerprint: str = Field(
        description="sha256 over everything a training reads; empty until it was read."
    )
    device: str = Field("cpu", description="torch device.")
    threads: int = Field(1, ge=1, le=1024, description="Threads of torch.")
    parallel: int = Field(1, ge=1, le=100, description="Folds trained at once.")
    save_every: float = Field(10.0, ge=0.0, le=86_400.0, description="Seconds between saves.")
    data: str = Field("", description="Where the dataset is: a whole path, or a shipped name.")
    live_map: str = Field(
        "soc_stock", description="What the map of a validation shows: `binn.training.live_map`."
    )
    created: str = Field("", description="When it was asked for (UTC).")

    def same_work(self, other: RunConfig) -> bool:
        """Whether another asks for the same; where and how it is computed may differ."""
        return (self.kind, self.training) == (other.kind, other.training)


class RunFolder:
    """A run folder, held by this process.

    Parameters
    ----------
    path : Path
        The folder; made if it does not exist.
    config : RunConfig
        What is to be done there.
    resume : bool
        Whether to go on with the run that is there.
    report : callable, optional
        Told every line that also goes to the log.

    Attributes
    ----------
    config : RunConfig
        The same; when resumed, with what was said only at the beginning.
    checkpoint, last : Path
        Its folders.

    Raises
    ------
    InputError
        If the folder holds something else, a run that must be resumed, another run than this one,
        or one that a process is busy with.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        resume: bool = False,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.checkpoint, self.last = path / "checkpoint", path / "last"
        self._report = report
        self._written = self._shown = -math.inf
        self._process = ProcessIdentity.of()
        with saving("the run folder", path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
        before = read_status(path)
        self._began = before.get("began") or now()
        self._progress = {key: before[key] for key in _PROGRESS if key in before}
        try:
            self._claim(config, resume)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self._fail(error)
        finally:
            self._lock.close()

    def status(self, state: str, **progress: Any) -> None:
        """Write status.json; progress of a running run only so often.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        self._progress |= {key: progress[key] for key in _PROGRESS if key in progress}
        if state == "running" and time.monotonic() - self._written < _EVERY:
            return
        content = {
            "state": state,
            "pid": os.getpid(),
            "host": platform.node(),
            "process": self._process.model_dump() if self._process else None,
            "began": self._began,
            "updated": now(),
            **self._progress,
            **progress,
        }
        write_status(self.path, content)
        self._written = time.monotonic()

    def say(self, line: str) -> None:
        """One line for the log and for whoever watches."""
        if self._report is not None:
            self._report(line)
        with saving("the log of the run", self.path):
            append_line(self.path / "log.txt", f"{now()} {line}")

    def beside_last(self, files: Mapping[str, bytes]) -> None:
        """Put files into the ``last`` folder between two saves; only so often."""
        if time.monotonic() - self._shown < _EVERY:
            return
        with saving("the map of the validation", self.path):
            self.last.mkdir(exist_ok=True)
            for name, data in files.items():
                write_file(self.last / name, data)
        self._shown = time.monotonic()

    def epoch(self, row: Mapping[str, Any]) -> None:
        """One more line of metrics.jsonl."""
        with saving("the metrics of the run", self.path):
            append_line(self.path / "metrics.jsonl", json.dumps(row))

    def rewrite_epochs(self, rows: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl: epochs after the resumed one are run again."""
        with saving("the metrics of the run", self.path):
            data = "".join(json.dumps(row) + "\n" for row in rows).encode()
            write_file(self.path / "metrics.jsonl", data)

    def _locked(self) -> RunLock:
        try:
            return RunLock(self.path)
        except BlockingIOError:
            raise InputError(
                f"another process is training in {self.path}: wait for it, stop it, or choose "
                "another folder"
            ) from None

    def _claim(self, config: RunConfig, resume: bool) -> None:
        file = self.path / "config.json"
        if not file.exists():
            others = [one.name for one in self.path.iterdir() if one.name != ".lock"]
            if others:
                raise InputError(
                    f"{self.path} holds other files ({', '.join(sorted(others)[:3])}): choose an "
                    "empty or new folder for the run"
                )
        held = read_run_config(self.path) if file.exists() else None
        if held is not None and resume:
            # what only says where and how may be said anew, and is kept if it is not
            keep = {"data": config.data or held.data, "created": held.created or config.created}
            config = config.model_copy(update=keep)
        self.config = config
        # where nothing was saved, beginning anew loses nothing
        if held is None or not (resume or self._has_saved()):
            self._write_config(config)
            return
        if not resume:
            raise InputError(
                f"{self.path} already holds a run: go on with it by --resume, or choose another "
                "folder"
            )
        if held.data_fingerprint not in ("", config.data_fingerprint):
            raise InputError(
                f"the run in {self.path} was begun on other data: resume it with the same dataset"
            )
        if not held.same_work(config):
            raise InputError(
                f"the run in {self.path} was begun with other options: resume it with none, or "
                "begin another run"
            )
        if held != config:
            self._write_config(config)
        if not self._lock.handed:
            # somebody goes on with it by hand, whoever asked to stop before
            (self.path / CANCEL).unlink(missing_ok=True)
        recover_folder(self.checkpoint)
        recover_folder(self.last)
        for name in ("config.json", "metrics.jsonl", "status.json"):
            recover_file(self.path / name)

    def _write_config(self, config: RunConfig) -> None:
        with saving("the run folder", self.path):
            data = (config.model_dump_json(indent=1) + "\n").encode()
            write_file(self.path / "config.json", data)

    def _has_saved(self) -> bool:
        return any(next(self.path.glob(pattern), None) is not None for pattern in _SAVES)

    def _fail(self, error: BaseException) -> None:
        message = (
            str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        )
        try:
            self.status("failed", message=message)
        except InputError:
            # the disk may be full: what matters is said by the error on its way up
            return


def read_run_config(path: Path) -> RunConfig:
    """What the run in a folder was asked to do.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    file = path / "config.json"
    try:
        return RunConfig.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no run in {path}: {file.name} is missing") from None
    except (OSError, ValidationError, ValueError):
        raise InputError(f"{file} is not the configuration of a run of this version") from None


def read_status(path: Path) -> dict[str, Any]:
    """What status.json of a run folder says; empty if it is missing or damaged."""
    try:
        status = json.loads((path / "status.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def write_status(path: Path, content: Mapping[str, Any]) -> None:
    """Replace status.json of a run folder.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with saving("the status of the run", path):
        write_file(path / "status.json", _json(content))


def now() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
