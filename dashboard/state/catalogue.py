"""What can be opened: datasets and checkpoints by the names that choosers and links use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from binn.errors import InputError
from binn.runs import runs_folder

__all__ = ["DEFAULTS", "Catalogue"]

DEFAULTS = "none"
"""Name of no checkpoint: CLM5's default parameters."""
_FOLDS = "{} (folds)"
"""Name of the checkpoints of all folds of a run."""


@dataclass(frozen=True)
class Catalogue:
    """Datasets in a folder and checkpoints of runs, beside what the server was started with.

    Only what is listed here can be named in a link: a visitor cannot make the server read any
    other file.

    Attributes
    ----------
    data : str
        Path or name of the dataset the server was started with; "" for none.
    checkpoints : tuple of str
        Those it was started with.
    folder : Path
        Where imported datasets lie.
    runs : Path
        Where training runs lie.
    """

    data: str = ""
    checkpoints: tuple[str, ...] = ()
    folder: Path = field(default_factory=lambda: Path("data"))
    runs: Path = field(default_factory=lambda: Path(runs_folder()))

    def datasets(self) -> dict[str, str]:
        """Name to path or name of every dataset that can be opened."""
        found: dict[str, str] = {}
        if self.data:
            found[self.name_of(self.data)] = self.data
        if _has_demo():
            found.setdefault("demo", "demo")
        files = (*self.folder.glob("*.nc"), *self.folder.glob("*.zarr"))
        for path in sorted(files):
            if _is_dataset(path, path.stat().st_mtime_ns):
                found.setdefault(path.stem, str(path))
        return found

    def models(self) -> dict[str, tuple[str, ...]]:
        """Name to folders of every checkpoint that can be opened; the last one is none at all."""
        found: dict[str, tuple[str, ...]] = {}
        if self.checkpoints:
            found[self.models_name(self.checkpoints)] = self.checkpoints
        if _has_demo():
            found.setdefault("demo", ("demo",))
        for config in sorted(self.runs.glob("*/checkpoint/config.json")):
            run = config.parent.parent
            found.setdefault(run.name, (str(config.parent),))
        for fold in sorted(self.runs.glob("*/fold_0/checkpoint/config.json")):
            run = fold.parents[2]
            found.setdefault(_FOLDS.format(run.name), (str(run),))
        found[DEFAULTS] = ()
        return found

    def run_name(self, run_id: str) -> str:
        """How links call what a run has trained: its checkpoint, or those of its folds; or ""."""
        known = self.models()
        names = (run_id, _FOLDS.format(run_id))
        return next((name for name in names if name in known), "")

    def dataset(self, name: str) -> str:
        """Path or name of a dataset by its name in a link.

        Raises
        ------
        InputError
            If it is not in the catalogue.
        """
        known = self.datasets()
        if name not in known:
            raise InputError(f"There is no dataset {name[:60]!r} here; known: {_list(known)}.")
        return known[name]

    def model(self, name: str) -> tuple[str, ...]:
        """Folders of a checkpoint by its name in a link.

        Raises
        ------
        InputError
            If it is not in the catalogue.
        """
        known = self.models()
        if name not in known:
            raise InputError(f"There is no checkpoint {name[:60]!r} here; known: {_list(known)}.")
        return known[name]

    @staticmethod
    def name_of(data: str) -> str:
        """How links call a dataset: ``demo``, or its file's name."""
        return data if data == "demo" else Path(data).stem

    @staticmethod
    def models_name(checkpoints: Iterable[str]) -> str:
        """How links call checkpoints: names of their runs, or ``none``."""
        names = []
        for one in checkpoints:
            folder = Path(one)
            inner = folder.name in ("checkpoint", "last") and folder.parent.name
            names.append(one if one == "demo" else inner or folder.name)
        return "+".join(names) or DEFAULTS


def _list(known: Iterable[str]) -> str:
    return ", ".join(list(known)[:12]) or "none"


def _has_demo() -> bool:
    from binn.datasets.shipped import demo_folder

    try:
        demo_folder()
    except InputError:
        return False
    return True


@lru_cache(maxsize=256)
def _is_dataset(path: Path, _changed: int) -> bool:
    """Whether a file looks like a dataset of sites, by the names it holds."""
    wanted = {"site_cell", "obs_soc", "temperature"}
    if path.suffix == ".zarr":
        return all((path / name).is_dir() for name in wanted)
    import h5py

    try:
        with h5py.File(path) as file:
            return wanted <= set(file)
    except OSError:
        return False
