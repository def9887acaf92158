"""An opened dataset: parameters of its sites and cells from every source, solved when asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from dashboard.state.estimate import Estimate, estimate, scattered
from dashboard.state.kept import Kept
from dashboard.state.places import Places

if TYPE_CHECKING:
    import xarray as xr

    from binn.clm5 import Forcing
    from binn.model import BINN
    from binn.observations import Observations

__all__ = ["SOURCES", "Opened"]

Floats = NDArray[np.float64]

SOURCES = {"binn": "BINN", "proda": "PRODA", "truth": "True parameters"}
"""Where parameters can come from; without a checkpoint ``binn`` stands for CLM5's defaults."""
_STORED = {"proda": "proda_parameters", "truth": "true_parameters"}


@dataclass(eq=False)
class Opened:
    """A dataset with the parameters of its sites, ready to be solved under either scheme.

    Attributes
    ----------
    data : str
        Path or name it was opened by.
    checkpoints : tuple of str
        Paths or names of its checkpoints; empty for CLM5's default parameters.
    name : str
        Of the dataset, for people.
    dataset : xarray.Dataset
        Canonical.
    observations : Observations
    checkpoint : str
        Name of the checkpoint, or "".
    bedrock : str
        Scheme the checkpoint was trained under; ``conserving`` without one.
    device : str
        torch device on which networks and the process model run.
    load_models : callable
        Returns the checkpoints (a list of BINN); parameters are the median over them.
    load_folds : callable
        Returns the cross-validation members that belong to the checkpoint, or none.
    has_folds : bool
        Whether there are any.
    kept : Kept, optional
        Where solutions of the sites stay for the next start.
    """

    data: str
    checkpoints: tuple[str, ...]
    name: str
    dataset: xr.Dataset
    observations: Observations
    checkpoint: str = ""
    bedrock: str = "conserving"
    device: str = "cpu"
    load_models: Callable[[], list[BINN]] = list
    load_folds: Callable[[], list[BINN]] = list
    has_folds: bool = False
    kept: Kept | None = None
    _kept: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def origin(self) -> str:
        """Where the parameters come from: ``checkpoint`` or ``defaults``."""
        return "checkpoint" if self.checkpoints else "defaults"

    @property
    def models(self) -> list[BINN]:
        """The checkpoints."""
        return self._once(("models",), self.load_models)

    @property
    def forcing(self) -> Forcing:
        """Forcing of the sites, on the device."""
        return self._once(("forcing", "site"), lambda: self._forcing("site"))

    @property
    def cell_forcing(self) -> Forcing:
        """One entry a cell, on the device."""
        return self._once(("forcing", "cell"), lambda: self._forcing("cell"))

    def _forcing(self, on: str) -> Forcing:
        from binn.clm5 import Forcing

        return Forcing.from_dataset(self.dataset, on=on).to(device=self.device)

    @cached_property
    def parameters(self) -> Floats:
        """Parameters of the sites, physical units: (site, 21)."""
        return self.parameters_of("binn", "site")

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of parameters that this dataset has, of :data:`SOURCES`."""
        stored = [source for source, name in _STORED.items() if name in self.dataset]
        return ("binn", *stored)

    def source_name(self, source: str) -> str:
        """A source, for people."""
        if source == "binn" and not self.checkpoints:
            return "CLM5 defaults"
        return SOURCES[source]

    @property
    def count(self) -> int:
        """Number of sites."""
        return int(self.dataset.sizes["site"])

    @cached_property
    def site_cell(self) -> NDArray[np.int64]:
        """The cell of each site: (site,)."""
        return self.dataset["site_cell"].to_numpy().astype(np.int64)

    @cached_property
    def places(self) -> Places:
        """Names and places of the sites."""
        names = ("lon", "lat", "profile_id", "state", "biome")
        values = (self.dataset[name].to_numpy() for name in names)
        return Places(*values, site_cell=self.site_cell)

    def parameters_of(self, source: str, on: str) -> Floats:
        """Parameters of all sites or cells, physical units: (n, 21); NaN where unknown.

        Parameters
        ----------
        source : {"binn", "proda", "truth"}
        on : {"site", "cell"}

        Raises
        ------
        InputError
            If the dataset does not have that source.
        """
        return self._once(("parameters", source, on), lambda: self._parameters(source, on))

    def _parameters(self, source: str, on: str) -> Floats:
        if source not in self.sources:
            raise InputError(f"{self.name} holds no {SOURCES.get(source, source)}")
        if source != "binn":
            name = _STORED[source]
            twin = f"{name}_site"
            if on == "site" and twin in self.dataset:
                return _ordered(self.dataset[twin], "site")
            on_cells = _ordered(self.dataset[name], "cell")
            return on_cells if on == "cell" else on_cells[self.site_cell]
        if not self.checkpoints:
            from binn.clm5 import clm5_defaults

            sand = self.dataset["sand"].transpose("cell", "layer").to_numpy()
            chosen = sand if on == "cell" else sand[self.site_cell]
            return np.asarray(clm5_defaults(chosen), dtype=np.float64)
        return np.median(self._of_each(self.models, on), axis=0)

    def fold_parameters(self, on: str) -> Floats:
        """Parameters by each cross-validation member: (member, n, 21).

        Raises
        ------
        InputError
            If the checkpoint has none.
        """

        def compute() -> Floats:
            members = self.load_folds()
            if len(members) < 2:
                raise InputError("this checkpoint has no cross-validation members")
            return self._of_each(members, on)

        return self._once(("folds", on), compute)

    def _of_each(self, models: list[BINN], on: str) -> Floats:
        from binn.prediction import known_rows

        if on == "site":
            return np.stack([model.physical(self.dataset, "site") for model in models])
        n = int(self.dataset.sizes["cell"])
        whole = np.full((len(models), n, 21), np.nan)
        try:
            rows = known_rows(models, self.dataset, "cell")
        except InputError:  # no cell has covariates: the map of sites is all there is
            return whole
        for model, values in zip(models, whole, strict=True):
            values[rows] = model.physical(self.dataset, "cell", rows=rows)
        return whole

    def estimate(self, bedrock: str, source: str = "binn", on: str = "site") -> Estimate:
        """The steady state of all sites or cells; computed once.

        Raises
        ------
        InputError
            If the dataset does not have that source.
        """
        keep = self.kept if (bedrock, on) == (self.bedrock, "site") else None

        def compute() -> Estimate:
            found = keep and keep.load(source, bedrock)
            if found is not None:  # with its parameters: they need not be computed either
                self._kept.setdefault(("parameters", source, on), found.parameters)
            else:
                found = self.solved(self.parameters_of(source, on), bedrock, on)
                if keep is not None:
                    keep.keep(source, found)
            return found

        return self._once(("estimate", bedrock, source, on), compute)

    def has(self, bedrock: str, source: str, on: str) -> bool:
        """Whether an estimate has been computed already."""
        return ("estimate", bedrock, source, on) in self._kept

    def prepare(self) -> None:
        """Load what only a change needs: torch, the networks, the compiled process model."""
        parameters = self.parameters_of("binn", "site")[:2]
        estimate(parameters, self.forcing.take(np.arange(len(parameters))), self.bedrock)
        self.models  # noqa: B018

    def solved(self, parameters: Floats, bedrock: str, on: str) -> Estimate:
        """Solve all sites or cells with these parameters; NaN rows stay NaN."""
        forcing = self.forcing if on == "site" else self.cell_forcing
        if on == "site":
            known = np.isfinite(parameters).all(1)
            if known.all():
                return estimate(parameters, forcing, bedrock, self.observations)
        rows = np.flatnonzero(np.isfinite(parameters).all(1))
        if len(rows) == len(parameters):
            return estimate(parameters, forcing, bedrock)
        return scattered(
            estimate(parameters[rows], forcing.take(rows), bedrock), rows, len(parameters)
        )

    def spread(
        self, bedrock: str, on: str, value: Callable[[Estimate], Floats], key: tuple[str, ...]
    ) -> Floats:
        """Standard deviation of a quantity over the cross-validation members: (n,).

        Parameters
        ----------
        value : callable
            The quantity of an estimate.
        key : tuple of str
            What tells this quantity from others, to compute it once.
        """

        def compute() -> Floats:
            each = [
                value(self.solved(parameters, bedrock, on))
                for parameters in self.fold_parameters(on)
            ]
            return np.std(each, axis=0, ddof=1)

        return self._once(("spread", bedrock, on, *key), compute)

    def _once(self, key: tuple[str, ...], compute: Callable[[], Any]) -> Any:
        if key in self._kept:  # whoever asks for what is there waits for nobody
            return self._kept[key]
        with self._lock:
            if key not in self._kept:
                self._kept[key] = compute()
            return self._kept[key]

    @property
    def provenance(self) -> str:
        """Where the observations come from: real, derived, schematic or synthetic."""
        return str(self.dataset["obs_soc"].attrs.get("provenance", "unknown"))

    @property
    def source(self) -> str:
        """Where the parameters come from, in words."""
        if self.checkpoints:
            return f"BINN, checkpoint {self.checkpoint}"
        return "CLM5 default parameters (no checkpoint)"


def _ordered(values: xr.DataArray, on: str) -> Floats:
    return values.transpose(on, "parameter").to_numpy().astype(np.float64)
