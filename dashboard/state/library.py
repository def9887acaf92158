"""Datasets and checkpoints, opened once a server process and shared by all its pages."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.state.opened import Opened

if TYPE_CHECKING:
    from binn.model import BINN

__all__ = ["Library"]

_SHELF = 3
"""So many datasets stay open; the one not used for longest goes first."""


class Library:
    """What has been opened so far, by path and by what the files were at that time.

    A file or checkpoint that has changed on disk is opened again.
    """

    def __init__(self) -> None:
        self._shelf: dict[tuple[object, ...], Opened] = {}
        self._lock = threading.Lock()

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
        with self._lock:
            opened = self._shelf.pop(identity, None) or _open(data, checkpoints)
            self._shelf[identity] = opened
            while len(self._shelf) > _SHELF:
                del self._shelf[next(iter(self._shelf))]
            return opened


def _identity(data: str, checkpoints: tuple[str, ...]) -> tuple[object, ...]:
    """Paths with the size and time of their files: another content, another identity."""
    from binn.checkpoint import find_ensemble
    from binn.errors import InputError

    marks: list[object] = [_mark(Path(data))]
    for one in checkpoints:
        try:
            marks += [_mark(folder / "config.json") for folder in find_ensemble(one)]
        except InputError:  # opening it will say why
            marks.append(one)
    return (data, checkpoints, *marks)


def _mark(path: Path) -> tuple[str, object]:
    known = path.stat() if path.exists() else None
    return str(path), known and (known.st_mtime_ns, known.st_size)


def _open(data: str, checkpoints: tuple[str, ...]) -> Opened:
    import binn
    from binn.clm5 import Forcing
    from binn.observations import Observations

    dataset = binn.open_dataset(data)
    models = [model for one in checkpoints for model in _models(one)]
    opened = Opened(
        data=data,
        checkpoints=checkpoints,
        name=str(dataset.attrs.get("title") or Path(data).stem),
        dataset=dataset,
        forcing=Forcing.from_dataset(dataset, on="site"),
        observations=Observations.from_dataset(dataset),
        models=models,
        checkpoint=", ".join(_checkpoint_name(one) for one in checkpoints),
        bedrock=str(models[0].bedrock) if models else "conserving",
    )
    opened.has_folds, opened.load_folds = _folds(checkpoints, models)
    opened.parameters_of("binn", "site")  # a checkpoint that does not fit is told at once
    return opened


def _models(checkpoint: str) -> list[BINN]:
    """One checkpoint, or all members of a folder of folds."""
    import binn
    from binn.datasets.shipped import DEMO

    if checkpoint == DEMO:  # whose folds have their own place
        return [binn.load_checkpoint(checkpoint)]
    return binn.load_ensemble([checkpoint])


def _folds(checkpoints: tuple[str, ...], models: list[BINN]):  # type: ignore[no-untyped-def]
    """Whether there are cross-validation members, and what loads them."""
    import binn
    from binn.datasets.shipped import DEMO

    if len(models) > 1:
        return True, lambda: models
    if checkpoints == (DEMO,):
        return True, lambda: binn.load_ensemble(DEMO)
    return False, list


def _checkpoint_name(checkpoint: str) -> str:
    """Folder name; a run's ``checkpoint`` folder goes by the name of its run."""
    from binn.datasets.shipped import DEMO

    if checkpoint == DEMO:
        return DEMO
    folder = Path(checkpoint).resolve()
    return folder.parent.name if folder.name in ("checkpoint", "last") else folder.name
