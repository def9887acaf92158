"""Datasets and checkpoints, opened once a server process and shared by all its pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from binn.datasets.shipped import DEMO, shipped_checkpoint
from binn.errors import InputError
from dashboard.state.kept import Kept
from dashboard.state.opened import Opened

if TYPE_CHECKING:
    from binn.model import BINN

__all__ = ["Library"]

_SHELF = 3
"""So many datasets stay open; the one not used for longest goes first."""


class Library:
    """What has been opened so far, by path and by what the files were at that time.

    A file or checkpoint that has changed on disk is opened again.

    Parameters
    ----------
    device : str
        torch device on which networks and the process model run.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._shelf: dict[tuple[object, ...], Opened] = {}
        self._problems: dict[tuple[object, ...], InputError] = {}
        self._lock, self._reading = threading.Lock(), threading.Lock()

    def open(self, data: str, checkpoints: tuple[str, ...] = ()) -> Opened:
        """Open a dataset and what belongs to it.

        Parameters
        ----------
        data : str
            Path or name, as :func:`binn.open_dataset` takes it.
        checkpoints : tuple of str
            Paths or names of one or more checkpoints; empty for CLM5's default parameters.

        Raises
        ------
        InputError
            If one of them cannot be used.
        """
        identity = _identity(data, checkpoints)
        problem = self._problems.pop(identity, None)
        if problem is not None:
            raise problem
        opened = self._taken(identity)
        if opened is None:
            with self._reading:  # nobody waits here for what is open
                opened = self._taken(identity) or _open(data, checkpoints, self._device)
            with self._lock:
                self._shelf[identity] = opened
                while len(self._shelf) > _SHELF:
                    del self._shelf[next(iter(self._shelf))]
        return opened

    def at_hand(self, data: str, checkpoints: tuple[str, ...] = ()) -> bool:
        """Whether `open` need not read anything, or nobody is there who would wait for it."""
        identity = _identity(data, checkpoints)
        return not self._shelf or identity in self._shelf or identity in self._problems

    def prepare(self, data: str, checkpoints: tuple[str, ...] = ()) -> None:
        """Have it at hand; what keeps it from being opened is told to whoever opens it next."""
        try:
            self.open(data, checkpoints)
        except InputError as problem:
            self._problems[_identity(data, checkpoints)] = problem

    def _taken(self, identity: tuple[object, ...]) -> Opened | None:
        """From the shelf, to its end."""
        with self._lock:
            opened = self._shelf.pop(identity, None)
            if opened is not None:
                self._shelf[identity] = opened
            return opened


def _identity(data: str, checkpoints: tuple[str, ...]) -> tuple[object, ...]:
    """Paths with the size and time of their files: another content, another identity."""
    marks: list[object] = [_mark(Path(data))]
    for one in checkpoints:
        try:
            marks += [_mark(folder / "config.json") for folder in _folders(one)]
        except InputError:  # opening it will say why
            marks.append(one)
    return (data, checkpoints, *marks)


def _mark(path: Path) -> tuple[str, object]:
    known = path.stat() if path.exists() else None
    return str(path), known and (known.st_mtime_ns, known.st_size)


def _open(data: str, checkpoints: tuple[str, ...], device: str) -> Opened:
    import binn
    from binn.observations import Observations

    dataset = binn.open_dataset(data)
    opened = Opened(
        data=data,
        checkpoints=checkpoints,
        name=str(dataset.attrs.get("title") or Path(data).stem),
        dataset=dataset,
        observations=Observations.from_dataset(dataset),
        checkpoint=", ".join(_checkpoint_name(one) for one in checkpoints),
        device=device,
        load_models=lambda: [model for one in checkpoints for model in _models(one, device)],
    )
    if (data, checkpoints, device) == (DEMO, (DEMO,), "cpu"):
        # they are known to fit: torch and the weights can wait until the page is on its way
        opened.bedrock, opened.kept = _shipped_bedrock(), Kept.here()
        opened.has_folds, opened.load_folds = True, lambda: binn.load_ensemble(DEMO)
        return opened
    _check(device)
    if checkpoints:
        opened.bedrock = str(opened.models[0].bedrock)
        opened.has_folds, opened.load_folds = _folds(opened)
    opened.parameters_of("binn", "site")  # a checkpoint that does not fit is told at once
    return opened


def _shipped_bedrock() -> str:
    """Bedrock scheme of the shipped checkpoint, without its weights."""
    folder = shipped_checkpoint(DEMO)
    assert folder is not None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return str(config["model"]["bedrock"])


def _check(device: str) -> None:
    from binn.training.fit import check_device

    if device != "cpu":
        check_device(device)


def _folders(checkpoint: str) -> list[Path]:
    """Folders of a checkpoint, or of all members of a folder of folds."""
    if checkpoint == DEMO:  # whose folds have their own place
        folder = shipped_checkpoint(checkpoint)
        return [] if folder is None else [folder]
    from binn.checkpoint import find_ensemble

    return find_ensemble(checkpoint)


def _models(checkpoint: str, device: str) -> list[BINN]:
    """One checkpoint, or all members of a folder of folds."""
    import binn

    if checkpoint == DEMO:
        return [binn.load_checkpoint(checkpoint, device)]
    return binn.load_ensemble([checkpoint], device)


def _folds(opened: Opened) -> tuple[bool, Callable[[], list[BINN]]]:
    """Whether there are cross-validation members, and what loads them."""
    import binn

    if len(opened.models) > 1:
        return True, lambda: opened.models
    if opened.checkpoints == (DEMO,):
        return True, lambda: binn.load_ensemble(DEMO, opened.device)
    return False, list


def _checkpoint_name(checkpoint: str) -> str:
    """Folder name; a run's ``checkpoint`` folder goes by the name of its run."""
    if checkpoint == DEMO:
        return DEMO
    folder = Path(checkpoint).resolve()
    return folder.parent.name if folder.name in ("checkpoint", "last") else folder.name
