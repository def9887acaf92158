"""A run folder: the one truth about a training, for this process and any other.

================= ============================================================================
config.json       `RunConfig`: what was asked for, on which data
status.json       state (running, done, failed, cancelled), process, progress; replaced whole
metrics.jsonl     one line an epoch
log.txt           what was said
checkpoint/       the best by validation so far
last/             the latest, with what resumes it (optimizer.safetensors, resume.json)
================= ============================================================================

The lock on ``.lock`` is held as long as the process lives, so a run whose status says "running"
and whose lock is free has lost its process.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binn.atomic import append_line, recover_folder, saving, write_file
from binn.errors import InputError
from binn.training.config import TrainingConfig

__all__ = ["RunConfig", "RunFolder", "read_run_config"]

_EVERY = 0.5  # seconds between two writes of a status that only tells progress


class RunConfig(BaseModel):
    """What a run was asked to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["run", "folds"] = Field(description="One training, or one for each fold.")
    training: TrainingConfig = Field(description="The training.")
    data_fingerprint: str = Field(description="sha256 over everything a training reads.")
    device: str = Field("cpu", description="torch device.")


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
        self._written = 0.0
        self._began = _now()
        with saving("the run folder", path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
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
        if state == "running" and time.monotonic() - self._written < _EVERY:
            return
        content = {
            "state": state,
            "pid": os.getpid(),
            "host": platform.node(),
            "began": self._began,
            "updated": _now(),
            **progress,
        }
        with saving("the status of the run", self.path):
            write_file(self.path / "status.json", _json(content))
        self._written = time.monotonic()

    def say(self, line: str) -> None:
        """One line for the log and for whoever watches."""
        if self._report is not None:
            self._report(line)
        with saving("the log of the run", self.path):
            append_line(self.path / "log.txt", f"{_now()} {line}")

    def epoch(self, row: Mapping[str, Any]) -> None:
        """One more line of metrics.jsonl."""
        with saving("the metrics of the run", self.path):
            append_line(self.path / "metrics.jsonl", json.dumps(row))

    def rewrite_epochs(self, rows: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl: epochs after the resumed one are run again."""
        with saving("the metrics of the run", self.path):
            data = "".join(json.dumps(row) + "\n" for row in rows).encode()
            write_file(self.path / "metrics.jsonl", data)

    def _locked(self) -> TextIOWrapper:
        lock = (self.path / ".lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InputError(
                f"another process is training in {self.path}: wait for it, stop it, or choose "
                "another folder"
            ) from None
        return lock

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
        # where nothing was saved, beginning anew loses nothing
        if held is None or not (resume or self._has_saved()):
            with saving("the run folder", self.path):
                write_file(file, (config.model_dump_json(indent=1) + "\n").encode())
            return
        if not resume:
            raise InputError(
                f"{self.path} already holds a run: go on with it by --resume, or choose another "
                "folder"
            )
        if held.data_fingerprint != config.data_fingerprint:
            raise InputError(
                f"the run in {self.path} was begun on other data: resume it with the same dataset"
            )
        if held.model_copy(update={"device": config.device}) != config:
            raise InputError(
                f"the run in {self.path} was begun with other options: resume it with none, or "
                "begin another run"
            )
        recover_folder(self.checkpoint)
        recover_folder(self.last)

    def _has_saved(self) -> bool:
        return any(
            next(self.path.glob(pattern), None) is not None
            for pattern in ("last", "checkpoint", ".last.*", ".checkpoint.*", "fold_*")
        )

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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
