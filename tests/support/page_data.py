"""SYNTHETIC data for tests of the page: invented sites whose coordinates and ids are easy to tell.

Nothing here was measured. Sites stand on a shaken grid in the north-east of the United States;
three of them share one place, two another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from binn.clm5 import NODES, Forcing, soc_at_depth, solve
from binn.datasets.schema import variable
from binn.datasets.storage import write_dataset
from binn.parameters import to_physical

COLUMNS, ROWS = 7, 6
N_CELLS = 9
FIRST_ID = 5000
TOGETHER = ((3, 42, 43), (20, 44))
"""Sites that share their coordinates; the first of each stands on the grid."""


def synthetic_dataset() -> xr.Dataset:
    """45 invented sites on 9 invented forcing cells."""
    rng = np.random.default_rng(11)
    column, row = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    lon = (-79.0 + 1.0 * column + rng.uniform(-0.25, 0.25, column.shape)).ravel()
    lat = (40.5 + 0.75 * row + rng.uniform(-0.18, 0.18, row.shape)).ravel()
    extra = [first for first, *others in TOGETHER for _ in others]
    lon, lat = np.append(lon, lon[extra]), np.append(lat, lat[extra])
    sites = len(lon)
    cell = rng.integers(0, N_CELLS, sites)
    values = _forcing(rng)
    warmth, wetness = rng.uniform(0, 25, sites), rng.uniform(300, 1500, sites)
    cover = rng.integers(1, 5, sites)
    u = np.full((sites, 21), 0.5)
    u[:, 9] = 0.2 + 0.6 * warmth / 25
    u[:, 19] = 0.2 + 0.5 * wetness / 1500
    count = rng.integers(2, 6, sites)
    owner = np.repeat(np.arange(sites), count)
    depth = rng.uniform(0.02, 1.4, len(owner)).round(3)
    forcing = Forcing(**{name: values[name] for name in _FORCING}, site_cell=cell)
    soc = solve(to_physical(u), forcing).soc
    observed = soc_at_depth(soc, depth, values["nbedrock"][cell], owner).numpy()
    values |= {
        "lon": lon,
        "lat": lat,
        "profile_id": FIRST_ID + np.arange(sites),
        "site_cell": cell,
        "state": np.where(lat > 42.5, "Upper", "Lower"),
        "biome": np.where(lon > -75.5, "Invented forest", "Invented meadow"),
        "obs_count": count,
        "covariates": np.column_stack([warmth, wetness, cover]),
        "obs_depth": depth,
        "obs_soc": observed * np.exp(0.2 * rng.standard_normal(len(owner))),
        "cell_lon": np.linspace(-79, -73, N_CELLS),
        "cell_lat": np.linspace(40, 45, N_CELLS),
        "cell_biome": np.full(N_CELLS, "Invented forest"),
        "cell_covariates": np.full((N_CELLS, 3), np.nan),
        "sand": np.full((N_CELLS, len(NODES)), 40.0),
        "covariate": np.array(["BIO1", "BIO12", "ESA_Land_Cover"]),
        "covariate_unit": np.array(["degC", "mm", "class"]),
        "covariate_kind": np.array(["numeric", "numeric", "category"]),
    }
    dataset = xr.Dataset()
    for name, array in values.items():
        entry = variable(name)
        dataset[name] = (entry.dims, array, {"units": entry.units, "provenance": "synthetic"})
    dataset.attrs = {
        "Conventions": "CF-1.11",
        "title": "SYNTHETIC sites of a test",
        "licence": "none needed: invented",
        "source": "tests/support/page_data.py",
        "history": "made by a test",
        "sha256": "{}",
    }
    return dataset


_FORCING = (
    *("cwd", "litter1", "litter2", "litter3", "altmax", "altmax_lastyear"),
    *("nbedrock", "oxygen", "nitrogen", "water", "temperature"),
)


def _forcing(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Temperate seasons, damped with depth; bedrock from layer 9 to none."""
    shape = (N_CELLS, len(NODES), 12)
    season = np.cos(2 * np.pi * (np.arange(12) - 6) / 12)
    damped = np.exp(-NODES / 2.0)[:, None] * season
    mean = rng.uniform(278, 290, N_CELLS)[:, None, None]
    monthly = {
        name: rng.uniform(low, high, (N_CELLS, 1)) * (1 + 0.4 * season)
        for name, low, high in (
            ("cwd", 5, 12), ("litter1", 6, 12), ("litter2", 12, 25), ("litter3", 5, 10),
        )
    }  # fmt: skip
    return monthly | {
        "altmax": np.full((N_CELLS, 12), 41.998),
        "altmax_lastyear": np.full((N_CELLS, 12), 41.998),
        "nbedrock": np.linspace(9, 20, N_CELLS).astype(np.int64),
        "oxygen": np.ones(shape),
        "nitrogen": np.full(shape, 0.9),
        "water": np.clip(0.5 + 0.3 * damped + np.zeros(shape), 0.05, 1.0),
        "temperature": mean + 11 * damped,
    }


def write_synthetic(path: Path) -> Path:
    """The synthetic dataset as a file."""
    write_dataset(synthetic_dataset(), path)
    return path
