"""The runs of a folder as they are, for whoever only looks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.errors import InputError
from binn.runs.record import Run, RunReader
from binn.runs.rows import RowReader
from binn.training.fold_folders import fold_folders
from binn.training.run_folder import RunConfig, read_run_config

if TYPE_CHECKING:
    from binn.training.live_map import LiveMap

__all__ = ["PROMOTED", "Listing", "runs_folder"]

PROMOTED = "promoted.json"
"""File of a runs folder: the run whose checkpoint the page shows."""

_DEFAULT, _VARIABLE = "runs", "BINN_RUNS"


def runs_folder() -> Path:
    """Where runs are unless somebody says otherwise: BINN_RUNS, or ``runs`` here."""
    return Path(os.environ.get(_VARIABLE) or _DEFAULT)


class Listing:
    """What stands in the run folders of a folder; nothing here changes anything.

    Parameters
    ----------
    folder : path, optional
        The runs folder; `runs_folder()` by default. It need not exist.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = (Path(folder) if folder is not None else runs_folder()).absolute()
        self._reader, self._rows = RunReader(), RowReader()

    def read_all(self) -> tuple[Run, ...]:
        """All runs, newest first."""
        promoted = self.promoted()
        try:
            names = [entry.name for entry in os.scandir(self.folder) if _may_be_run(entry)]
        except FileNotFoundError:
            return ()
        found = (self._reader.read(self.folder / name, promoted) for name in names)
        runs = [run for run in found if run is not None]
        return tuple(sorted(runs, key=lambda run: (run.number, run.created, run.id), reverse=True))

    def path(self, run_id: str) -> Path:
        """Folder of a run.

        Raises
        ------
        InputError
            If there is none of that id.
        """
        if not self._is_run(run_id):
            raise InputError(
                f"there is no run {run_id!r} in {self.folder}: `binn runs list` lists them"
            )
        return self.folder / run_id

    def _is_run(self, run_id: str) -> bool:
        named = run_id and Path(run_id).name == run_id and not run_id.startswith(".")
        return bool(named) and (self.folder / run_id).is_dir()

    def get(self, run_id: str) -> Run:
        """One run.

        Raises
        ------
        InputError
            If there is none of that id.
        """
        run = self._reader.read(self.path(run_id), self.promoted())
        if run is None:
            raise InputError(
                f"there is no run {run_id!r} in {self.folder}: `binn runs list` lists them"
            )
        return run

    def history(self, run_id: str) -> list[dict[str, Any]]:
        """One dict an epoch, over all members; of a run over all folds with the key ``fold``.

        Keys: member, epoch, train_loss, train_nse (not in runs of before it was counted),
        validation_loss, validation_nse, best_epoch, learning_rate, seconds. Those of the training
        sites are running ones, in training mode (`binn.training.trainer.Trainer.run_epoch`). Only
        what is new since the last time is read.
        """
        path = Path(self.get(run_id).path)
        rows = self._rows.read(path / "metrics.jsonl")
        for number, fold in fold_folders(path).items():
            found = self._rows.read(fold / "metrics.jsonl")
            rows += [{"fold": number, **row} for row in found]
        return rows

    def log(self, run_id: str) -> str:
        """What the run said, over all its starts."""
        try:
            file = Path(self.get(run_id).path) / "log.txt"
            return file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def live_map(self, run_id: str) -> LiveMap | None:
        """What the latest validation would draw on a map; None before the first one.

        Of a run over all folds, the latest that any fold has.
        """
        from binn.training.live_map import read_live_map

        path = Path(self.get(run_id).path)
        files = [one / "last" / "map.npz" for one in (path, *fold_folders(path).values())]
        newest = max((file for file in files if file.exists()), key=_changed, default=None)
        return None if newest is None else read_live_map(newest.parent)

    def config(self, run_id: str) -> RunConfig:
        """Everything that was asked for.

        Raises
        ------
        InputError
            If there is no such run, or its file is damaged.
        """
        return read_run_config(Path(self.get(run_id).path))

    def checkpoint(self, run_id: str) -> Path:
        """The best checkpoint by validation (so far).

        Raises
        ------
        InputError
            If there is none.
        """
        from binn.checkpoint import find_checkpoint

        return find_checkpoint(self.get(run_id).path)

    def checkpoints(self, run_id: str) -> list[Path]:
        """The best checkpoint of each fold, of a run over all folds; that of another run alone.

        Raises
        ------
        InputError
            If there is none.
        """
        from binn.checkpoint import find_ensemble

        return find_ensemble(self.get(run_id).path)

    def promoted(self) -> str | None:
        """Id of the run whose checkpoint the page shows; None if nobody chose one."""
        try:
            held = json.loads((self.folder / PROMOTED).read_bytes())
            run_id = held["run"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return run_id if isinstance(run_id, str) and self._is_run(run_id) else None


def _may_be_run(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir()


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
