"""Datasets and checkpoints, opened once a server process and shared by all its pages."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.state.estimate import Estimate, estimate

if TYPE_CHECKING:
    import xarray as xr

    from binn.clm5 import Forcing
    from binn.observations import Observations

__all__ = ["Library", "Opened"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Opened:
    """A dataset with the parameters of its sites, ready to be solved under either scheme.

    Attributes
    ----------
    name : str
        Of the dataset, for people.
    dataset : xarray.Dataset
        Canonical.
    forcing : Forcing
        On its sites.
    observations : Observations
    parameters : ndarray (site, 21)
        Physical units: the median over the checkpoints, or CLM5's defaults if there is none.
    origin : {"checkpoint", "defaults"}
        Where the parameters come from.
    checkpoint : str
        Name of the checkpoint, or "".
    bedrock : str
        Scheme the checkpoint was trained under; ``conserving`` without one.
    """

    name: str
    dataset: xr.Dataset
    forcing: Forcing
    observations: Observations
    parameters: Floats
    origin: Literal["checkpoint", "defaults"]
    checkpoint: str
    bedrock: str
    _estimates: dict[str, Estimate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def estimate(self, bedrock: str) -> Estimate:
        """The steady state of all sites under a scheme; computed once."""
        with self._lock:
            if bedrock not in self._estimates:
                self._estimates[bedrock] = estimate(
                    self.parameters, self.forcing, self.observations, bedrock
                )
            return self._estimates[bedrock]

    @property
    def provenance(self) -> str:
        """Where the observations come from: real, derived, schematic or synthetic."""
        return str(self.dataset["obs_soc"].attrs.get("provenance", "unknown"))

    @property
    def source(self) -> str:
        """Where the parameters come from, in words."""
        if self.origin == "checkpoint":
            return f"BINN, checkpoint {self.checkpoint}"
        return "CLM5 default parameters (no checkpoint)"


class Library:
    """What has been opened so far, by path and by what the files were at that time.

    A file or checkpoint that has changed on disk is opened again.
    """

    def __init__(self) -> None:
        self._shelf: dict[tuple[object, ...], Opened] = {}
        self._lock = threading.Lock()

    def open(self, data: str, checkpoints: tuple[str, ...]) -> Opened:
        """Open a dataset and what belongs to it.

        Parameters
        ----------
        data : str
            Path or name, as :func:`binn.open_dataset` takes it.
        checkpoints : tuple of str
            Folders of one or more checkpoints; empty for CLM5's default parameters.

        Raises
        ------
        InputError
            If one of them cannot be used.
        """
        identity = _identity(data, checkpoints)
        with self._lock:
            if identity not in self._shelf:
                self._shelf = {identity: _open(data, checkpoints)}
            return self._shelf[identity]


def _identity(data: str, checkpoints: tuple[str, ...]) -> tuple[object, ...]:
    """Paths with the size and time of their files: another content, another identity."""
    marks: list[object] = []
    for path in (Path(data), *(Path(one) / "config.json" for one in checkpoints)):
        known = path.stat() if path.exists() else None
        marks.append((str(path), known and (known.st_mtime_ns, known.st_size)))
    return tuple(marks)


def _open(data: str, checkpoints: tuple[str, ...]) -> Opened:
    import binn
    from binn.clm5 import Forcing, clm5_defaults
    from binn.observations import Observations

    dataset = binn.open_dataset(data)
    forcing = Forcing.from_dataset(dataset, on="site")
    if checkpoints:
        models = binn.load_ensemble(list(checkpoints))
        each = [np.asarray(model.physical(dataset, on="site")) for model in models]
        parameters = np.median(each, axis=0)
        bedrock = str(models[0].bedrock)
        name = ", ".join(_checkpoint_name(Path(one)) for one in checkpoints)
    else:
        sand = dataset["sand"].transpose("cell", "layer").to_numpy()
        parameters = np.asarray(clm5_defaults(sand[dataset["site_cell"].to_numpy()]))
        bedrock, name = "conserving", ""
    return Opened(
        name=str(dataset.attrs.get("title") or Path(data).stem),
        dataset=dataset,
        forcing=forcing,
        observations=Observations.from_dataset(dataset),
        parameters=np.asarray(parameters, dtype=np.float64),
        origin="checkpoint" if checkpoints else "defaults",
        checkpoint=name,
        bedrock=bedrock,
    )


def _checkpoint_name(folder: Path) -> str:
    """Folder name; a run's ``checkpoint`` folder goes by the name of its run."""
    folder = folder.resolve()
    return folder.parent.name if folder.name in ("checkpoint", "last") else folder.name
