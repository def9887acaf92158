"""What the figures of a dataset are made of: its sites, solved with each set of parameters."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from binn.checkpoint import load_ensemble
from binn.clm5 import Forcing, OutsidePriorWarning, SteadyState, clm5_defaults, soc_at_depth, solve
from binn.datasets import open_dataset
from binn.datasets.shipped import shipped_checkpoint
from binn.diagnostics import components, traceability
from binn.errors import InputError
from binn.figures.maps import Places, grid_step
from binn.figures.sidecar import dataset_about, notice_of
from binn.model import BINN
from binn.observations import Observations

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SOURCES", "Answer", "Material"]

Floats = NDArray[np.float64]

SOURCES = {"binn": "BINN", "proda": "PRODA", "truth": "Truth"}
"""Sets of parameters a dataset can have; `binn` stands for CLM5's defaults without a checkpoint."""
_STORED = {"proda": "proda_parameters", "truth": "true_parameters"}


@dataclass(frozen=True, eq=False)
class Answer:
    """One set of parameters and what follows from it, on sites or cells.

    Attributes
    ----------
    state : SteadyState
        Solved, on the rows that have parameters.
    rows : ndarray (k,) of int
        Their positions in the dataset.
    components, traceability : dict of ndarray (k,)
    """

    state: SteadyState
    rows: NDArray[np.int64]
    components: dict[str, Floats]
    traceability: dict[str, Floats]

    @property
    def parameters(self) -> Floats:
        """Physical units, table order: (k, 21)."""
        return np.asarray(self.state.parameters)

    @property
    def soc(self) -> Floats:
        """Soil organic carbon, gC m-3: (k, 20)."""
        return np.asarray(self.state.soc)


@dataclass(eq=False)
class Material:
    """A dataset, the models that answer for it, and their answers as they are asked for.

    Attributes
    ----------
    ds : xarray.Dataset
        Canonical.
    name : str
        Path or name it was opened by.
    models : list of BINN
        Their median answers for ``binn``; empty for CLM5's default parameters.
    checkpoint : str
        Paths or names they were loaded from.
    bedrock, definition : str
        Bedrock scheme, and definition of the components.
    """

    ds: xr.Dataset
    name: str
    models: list[BINN]
    checkpoint: str
    bedrock: str
    definition: str = "stock"
    _kept: dict[tuple[str, str], Answer] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        data: str | os.PathLike[str],
        checkpoints: Sequence[str | os.PathLike[str]] = (),
        bedrock: str | None = None,
        definition: str = "stock",
    ) -> Material:
        """Open a dataset and its checkpoints.

        Parameters
        ----------
        data : str or path
            Canonical dataset, or ``demo``.
        checkpoints : sequence of str or path
            Checkpoint or run folders; without any, the one that ships under the dataset's name,
            or else CLM5's default parameters.
        bedrock : {"conserving", "published"}, optional
            By default the scheme that the checkpoint was trained under.
        definition : {"stock", "published"}
            Of the components.

        Raises
        ------
        InputError
            If one of them cannot be used.
        """
        ds = open_dataset(data)
        given = list(checkpoints)
        if not given and shipped_checkpoint(data) is not None:
            given = [data]
        models = _models(given)
        if bedrock is None:
            bedrock = models[0].bedrock if models else "conserving"
        names = ", ".join(map(str, given))
        return cls(ds, str(data), models, names, bedrock, definition)

    @property
    def notice(self) -> str:
        """What every figure of these data says at its foot."""
        return notice_of(self.ds)

    @property
    def sources(self) -> tuple[str, ...]:
        """Sets of parameters the dataset has: `binn`, then what is stored with it."""
        return ("binn", *(key for key, name in _STORED.items() if name in self.ds))

    @property
    def second(self) -> str | None:
        """What BINN can be compared with: PRODA, or the truth of simulated data."""
        return next(iter(self.sources[1:]), None)

    def title(self, source: str) -> str:
        """A set of parameters, for people."""
        if source == "binn" and not self.models:
            return "CLM5 defaults"
        return SOURCES[source]

    def answer(self, source: str = "binn", on: str = "site") -> Answer:
        """Solve sites or cells with one set of parameters; once.

        Raises
        ------
        InputError
            If the dataset does not have that set there.
        """
        if (source, on) not in self._kept:
            parameters = self._parameters(source, on)
            rows = np.flatnonzero(np.isfinite(parameters).all(1))
            if not len(rows):
                raise InputError(f"no {on} of {self.name} has parameters of {self.title(source)}")
            forcing = Forcing.from_dataset(self.ds, on=on).take(rows)
            with self.solving(source):
                state = solve(torch.from_numpy(parameters[rows]), forcing, self.bedrock)
                found = components(state, self.definition), traceability(state)
            arrays = [{key: np.asarray(value) for key, value in each.items()} for each in found]
            self._kept[source, on] = Answer(state, rows, *arrays)
        return self._kept[source, on]

    @contextmanager
    def solving(self, source: str) -> Iterator[None]:
        """No gradients, and no warning that CLM5's own values lie outside the prior."""
        with torch.no_grad(), warnings.catch_warnings():
            if source == "binn" and not self.models:
                warnings.simplefilter("ignore", OutsidePriorWarning)
            yield

    def places(self, on: str, rows: NDArray[np.int64]) -> Places:
        """Where some sites or cells are."""
        prefix = "" if on == "site" else "cell_"
        lon, lat = (self.ds[prefix + name].to_numpy().astype(float) for name in ("lon", "lat"))
        if on == "site":
            return Places(lon[rows], lat[rows])
        return Places(lon[rows], lat[rows], grid_step(lon, lat), "grid cells")

    def mapped_on(self) -> str:
        """Cells if they are a regular grid that can be predicted, else sites."""
        lon, lat = self.ds["cell_lon"].to_numpy(), self.ds["cell_lat"].to_numpy()
        if grid_step(lon, lat) is None:
            return "site"
        known = not self.models or bool(np.isfinite(self.ds["cell_covariates"]).all())
        return "cell" if known else "site"

    def simulated(self, answer: Answer) -> tuple[NDArray[np.int64], Floats]:
        """Observations of an answer's sites (positions) and their simulated SOC, gC m-3."""
        observations = Observations.from_dataset(self.ds)
        rows, owner = observations.of(answer.rows)
        forcing = answer.state.forcing
        nbedrock = forcing.per_site("nbedrock") if self.bedrock == "conserving" else None
        depth = torch.from_numpy(observations.depth[rows])
        site = torch.from_numpy(owner)
        return rows, soc_at_depth(answer.state.soc, depth, nbedrock, site).numpy()

    def about(self, figure: str, state: dict[str, Any]) -> dict[str, Any]:
        """What a figure's sidecar says of these data."""
        return {
            "figure": figure,
            "state": state,
            "dataset": dataset_about(self.ds, self.name),
            "checkpoint": self.checkpoint or "none: CLM5 default parameters",
            "bedrock": self.bedrock,
            "definition": self.definition,
            "notice": self.notice,
        }

    def _parameters(self, source: str, on: str) -> Floats:
        """Physical units: (n, 21); NaN where unknown."""
        if source == "binn" and self.models:
            return np.median([_of_model(model, self.ds, on) for model in self.models], axis=0)
        cell = self.ds["site_cell"].to_numpy().astype(int) if on == "site" else slice(None)
        if source == "binn":
            sand = self.ds["sand"].transpose("cell", "layer").to_numpy()
            return np.asarray(clm5_defaults(sand[cell]), dtype=np.float64)
        name = _STORED[source]
        if name not in self.ds:
            raise InputError(f"{self.name} holds no parameters of {SOURCES[source]}")
        if on == "site" and f"{name}_site" in self.ds:
            values = self.ds[f"{name}_site"].transpose("site", "parameter")
            return values.to_numpy().astype(np.float64)
        values = self.ds[name].transpose("cell", "parameter")
        stored: Floats = values.to_numpy().astype(np.float64)[cell]
        return stored


def _models(given: Sequence[str | os.PathLike[str]]) -> list[BINN]:
    """One checkpoint is one model, also under a shipped name, which stands for its folds too."""
    if not given:
        return []
    return load_ensemble([shipped_checkpoint(one) or one for one in given])


def _of_model(model: BINN, ds: xr.Dataset, on: str) -> Floats:
    from binn.prediction import known_rows

    if on == "site":
        return model.physical(ds, "site")
    whole = np.full((ds.sizes["cell"], 21), np.nan)
    rows = known_rows([model], ds, "cell")
    whole[rows] = model.physical(ds, "cell", rows=rows)
    return whole
