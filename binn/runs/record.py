"""What a run folder says, as one light record; read again only when a file has changed."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from binn.errors import InputError
from binn.processes import ProcessIdentity
from binn.runs.launch import began, last_words
from binn.training.fold_folders import fold_folders
from binn.training.interruption import CANCEL
from binn.training.run_folder import RunConfig, read_run_config, read_status
from binn.training.run_lock import is_locked

__all__ = ["STATES", "Run", "RunReader", "State", "process_of"]

State = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled", "lost")
_ENDED = ("done", "failed", "cancelled")
_NUMBER = re.compile(r"(\d+)-")
_STOPPED = "it ended before it could save; resume goes on from the save before"
_LOST = "its process is gone without a word; resume goes on from the last save"


@dataclass(frozen=True)
class Run:
    """A run as it was when it was looked at.

    Attributes
    ----------
    id : str
        Name of its folder in the runs folder.
    state : str
        One of `STATES`.
    path : str
        Its folder.
    kind : str
        "run", or "folds" for one training a fold.
    dataset, preset : str
        What was asked for; the dataset is a path or a shipped name.
    sites : str
        "all", or how they were chosen.
    created, began, updated : str
        UTC; empty where unknown. `began` is when it first ran.
    progress : float
        0 to 1, over all members and folds.
    epoch, epochs, member, members : int
        Counted from 1; 0 before the first.
    fold, folds : int or None
        Of a run over all folds: folds done, and all.
    eta_seconds : float or None
        Until it ends, at the pace of the latest epochs; None unless it is running.
    train_nse, validation_nse, best_nse : float or None
        Of the latest epoch (the first one running, as the trainer says; None for runs of before it
        was counted), and the best of the validation sites so far.
    scores : dict
        NSE by part ("validation", "test", "held_out") of a run that is done.
    message : str
        Why it failed, what it waits for; may be empty.
    stopping : bool
        Whether it is running and was asked to stop.
    host : str
        Name of the machine it is, or was, trained on.
    threads : int
        Threads it may use.
    ticket : int
        Its place among those who wait, in order of asking; 0 unless queued.
    promoted : bool
        Whether it is the page's checkpoint.
    """

    id: str
    state: State
    path: str
    kind: str = "run"
    dataset: str = ""
    preset: str = ""
    sites: str = "all"
    created: str = ""
    began: str = ""
    updated: str = ""
    progress: float = 0.0
    epoch: int = 0
    epochs: int = 0
    member: int = 0
    members: int = 0
    fold: int | None = None
    folds: int | None = None
    eta_seconds: float | None = None
    train_nse: float | None = None
    validation_nse: float | None = None
    best_nse: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    stopping: bool = False
    host: str = ""
    threads: int = 1
    ticket: int = 0
    promoted: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless somebody asks for it."""
        return self.state not in ("queued", "running")

    @property
    def resumable(self) -> bool:
        """Whether it can be gone on with."""
        return self.state in ("cancelled", "failed", "lost")

    @property
    def number(self) -> int:
        """Number that its id begins with; 0 if it has none."""
        found = _NUMBER.match(self.id)
        return int(found[1]) if found else 0

    def as_json(self) -> dict[str, Any]:
        """The attributes as JSON values."""
        return asdict(self)


class RunReader:
    """Reads run folders, and remembers those whose files have not changed."""

    def __init__(self) -> None:
        self._configs: dict[Path, tuple[object, RunConfig | None]] = {}
        self._statuses: dict[Path, tuple[object, dict[str, Any]]] = {}

    def read(self, path: Path, promoted: str | None = None) -> Run | None:
        """The run in a folder; None if there is none.

        Parameters
        ----------
        path : Path
            The folder.
        promoted : str, optional
            Id of the run that is the page's checkpoint.
        """
        config = self._config(path)
        status = self._status(path)
        if config is None and not status:
            return None
        state, message = _state(path, status)
        if config is None:
            message = message or f"{path / 'config.json'} cannot be read"
        return Run(
            id=path.name,
            state=state,
            path=str(path),
            message=message,
            stopping=state == "running" and (path / CANCEL).exists(),
            promoted=path.name == promoted,
            **_asked(config),
            **self._progress(path, config, status, state),
        )

    def _progress(
        self, path: Path, config: RunConfig | None, status: Mapping[str, Any], state: State
    ) -> dict[str, Any]:
        epoch, member = _whole(status.get("epoch")), max(_whole(status.get("member")), 1)
        epochs, members = (_whole(status.get(key)) for key in ("epochs", "members"))
        if config is not None:
            epochs, members = config.training.epochs, config.training.members
        share = (member - 1 + epoch / epochs) / members if epochs and members else 0.0
        nse = status.get("nse")
        found: dict[str, Any] = {
            "began": str(status.get("began") or ""),
            "updated": str(status.get("updated") or ""),
            "host": str(status.get("host") or ""),
            "epoch": epoch,
            "epochs": epochs,
            "member": member if epoch or member > 1 else 0,
            "members": members,
            "eta_seconds": _number(status.get("eta_seconds")) if state == "running" else None,
            "train_nse": _number(status.get("train_nse")),
            "validation_nse": _number(status.get("validation_nse")),
            "best_nse": _number(status.get("best_nse")),
            "scores": _scores(nse if isinstance(nse, dict) else {}),
            "ticket": _whole(status.get("ticket")) if state == "queued" else 0,
        }
        if config is not None and config.kind == "folds":
            found["folds"] = config.training.split.folds
            parts = [self.read(one) for one in fold_folders(path).values()]
            known = [one for one in parts if one is not None]
            share = sum(one.progress for one in known) / found["folds"]
            found["fold"] = sum(one.state == "done" for one in known)
            found["scores"] = _scores({"held_out": nse})
            found["eta_seconds"] = found["eta_seconds"] or _eta(
                known, found["folds"], config, share
            )
            if state != "running":
                found["eta_seconds"] = None
        found["progress"] = 1.0 if state == "done" else min(share, 1.0)
        return found

    def _config(self, path: Path) -> RunConfig | None:
        signature = _signature(path / "config.json")
        if signature is None:
            self._configs.pop(path, None)
            return None
        held = self._configs.get(path)
        if held is None or held[0] != signature:
            config = None
            with contextlib.suppress(InputError, ValidationError):
                config = read_run_config(path)
            held = self._configs[path] = (signature, config)
        return held[1]

    def _status(self, path: Path) -> dict[str, Any]:
        signature = _signature(path / "status.json")
        if signature is None:
            self._statuses.pop(path, None)
            return {}
        held = self._statuses.get(path)
        if held is None or held[0] != signature:
            # damaged: that there is one says that there is a run
            held = self._statuses[path] = (signature, read_status(path) or {"state": "running"})
        return held[1]


def process_of(status: Mapping[str, Any]) -> ProcessIdentity | None:
    """The process that a status names."""
    with contextlib.suppress(ValidationError):
        return ProcessIdentity.model_validate(status.get("process"))
    return None


def _state(path: Path, status: Mapping[str, Any]) -> tuple[State, str]:
    """State, and what there is to say about it."""
    said, message = status.get("state"), str(status.get("message") or "")
    if said in _ENDED:
        return said, message
    if said == "queued":
        # a trainer that was started, by somebody who could not write that down any more
        return ("running", "starting") if is_locked(path) else ("queued", message)
    process = process_of(status)
    alive = process is not None and process.alive()
    if not alive:
        # nobody knows, or its last threads are still ending: it is gone when its lock is
        alive = is_locked(path)
    if alive:
        return "running", message
    if (path / CANCEL).exists():
        return "cancelled", _STOPPED
    launch = status.get("launch")
    if launch is not None and not began(path, str(launch)):
        return "queued", ""
    words = last_words(path)
    return ("failed", words) if words else ("lost", _LOST)


def _asked(config: RunConfig | None) -> dict[str, Any]:
    """The part of a record that stands in config.json."""
    if config is None:
        return {}
    split = config.training.split
    chosen = [*split.regions, *([f"{len(split.sites):,} by id"] if split.sites else [])]
    return {
        "kind": config.kind,
        "dataset": config.data,
        "preset": config.training.preset,
        "sites": ", ".join(chosen) or "all",
        "created": config.created,
        "threads": config.threads * config.parallel,
    }


def _eta(known: list[Run], folds: int, config: RunConfig, share: float) -> float | None:
    """Seconds that all folds still take, from those that are running."""
    pace = [
        one.eta_seconds / (1.0 - one.progress)
        for one in known
        if one.eta_seconds is not None and one.progress < 1.0
    ]
    if not pace:
        return None
    return sum(pace) / len(pace) * folds * (1.0 - share) / min(config.parallel, folds)


def _signature(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced, whatever the clock says."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _scores(nse: Mapping[str, object]) -> dict[str, float]:
    """Those parts that have one."""
    found = {part: _number(value) for part, value in nse.items()}
    return {part: value for part, value in found.items() if value is not None}


def _number(value: object) -> float | None:
    """The number; None for what is none, which JSON cannot tell either."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
