"""SYNTHETIC PRODA for tests: parameters drawn at random, on a grid of nine cells and on none."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from page_data import synthetic_dataset

from binn.datasets.schema import variable
from binn.observations import Observations
from binn.parameters import to_physical
from dashboard.state.opened import Opened

UNKNOWN = 4
"""The cell of the grid that PRODA does not know."""


def with_proda(dataset: xr.Dataset) -> xr.Dataset:
    """SYNTHETIC: PRODA and truth drawn at random, independently."""
    rng = np.random.default_rng(7)
    for name in ("proda_parameters", "proda_parameters_site", "true_parameters"):
        dims = variable(name).dims
        u = rng.uniform(0.2, 0.8, (dataset.sizes[dims[0]], 21))
        values = np.asarray(to_physical(torch.from_numpy(u)))
        dataset[name] = (dims, values, {"units": "1", "provenance": "synthetic"})
    return dataset


def opened_on(dataset: xr.Dataset) -> Opened:
    return Opened(
        data="synthetic",
        checkpoints=(),
        name="SYNTHETIC",
        dataset=dataset,
        observations=Observations.from_dataset(dataset),
    )


def opened_on_grid() -> Opened:
    """Nine cells in a square, the one in the middle unknown to PRODA."""
    dataset = with_proda(synthetic_dataset())
    column, row = np.meshgrid(np.arange(3), np.arange(3))
    dataset["cell_lon"].data = -79.0 + 2.0 * column.ravel()
    dataset["cell_lat"].data = 40.0 + 1.5 * row.ravel()
    dataset["cell_biome"].data = np.where(column.ravel() == 2, "Invented forest", "Invented meadow")
    dataset["proda_parameters"][UNKNOWN] = np.nan
    return opened_on(dataset)


def opened_on_sites() -> Opened:
    """The same sites; their cells are on no grid."""
    return opened_on(with_proda(synthetic_dataset()))
