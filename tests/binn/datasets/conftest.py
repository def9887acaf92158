"""A small source in the authors' layout and small canonical datasets, made of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from table_source import Read, reader, write_donor

from binn.datasets.authors_layout import COLUMNS, MONTHLY, PROFILES
from binn.datasets.covariates import covariate
from binn.datasets.schema import CONVENTIONS, FIXED_SIZES, VARIABLES

TRAINING_ROWS = 8
POINTS = 3


def _env(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Covariates inside their bounds, around 43 N, 76 W."""
    columns = [rng.uniform(-77, -74, rows), rng.uniform(42, 44, rows)]
    for name in COLUMNS[2:]:
        about = covariate(name)
        values = rng.integers(1, 12, rows).astype(float)
        columns.append(values if about.kind == "category" else values + 0.5)
    return np.stack(columns, axis=1)


def _forcing(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    shape = (rows, 20, 12)
    values = {name: rng.uniform(1, 40, (rows, 12)) for name in MONTHLY}
    values["nbedrock"] = np.repeat(rng.integers(7, 21, (rows, 1)), 12, axis=1).astype(float)
    values |= {name: rng.uniform(0.1, 1, shape) for name in PROFILES}
    values["temperature"] = rng.uniform(270, 300, shape)
    values["sand"] = np.repeat(rng.uniform(5, 95, shape[:2])[..., None], 12, axis=2)
    return values


def _write_forcing(folder: Path, prefix: str, values: dict[str, np.ndarray]) -> None:
    for name, ending in MONTHLY.items():
        np.savetxt(folder / f"{prefix}{ending}.txt", values[name], delimiter=",")
    for name, ending in PROFILES.items():
        np.save(folder / f"{prefix}{ending}.npy", values[name])


@pytest.fixture
def small_source(tmp_path: Path) -> Path:
    """Eight profiles and three points in the authors' layout; nothing is missing or wrong.

    Rows 1 and 2 share their forcing; rows 3 and 4 share that of point 2. Row k has k observations.
    """
    rng = np.random.default_rng(1)
    root = tmp_path / "clone" / "Input_Data"
    training, prediction = root / "Training_Data", root / "Prediction_Data"
    training.mkdir(parents=True)
    prediction.mkdir()
    env = _env(rng, TRAINING_ROWS)
    env[1, :2] = env[0, :2]
    env[3, :2] = env[2, :2]
    forcing, point_forcing = _forcing(rng, TRAINING_ROWS), _forcing(rng, POINTS)
    for name, values in forcing.items():
        values[1] = values[0]
        values[2:4] = point_forcing[name][1]
    soc = np.full((TRAINING_ROWS, 12), np.nan)
    depth = soc.copy()
    for row in range(TRAINING_ROWS):
        soc[row, : row + 1] = rng.uniform(1e3, 8e4, row + 1)
        depth[row, : row + 1] = np.sort(rng.uniform(0, 0.7, row + 1))
    limits = np.stack([env.min(axis=0) - 1, env.max(axis=0) + 1], axis=1)
    for name, table in (
        ("env_info", env),
        ("col_max_min", limits),
        ("obs_soc_NY", soc),
        ("obs_soc_depth", depth),
        ("profile_id", 1000 + 3 * np.arange(TRAINING_ROWS)),
    ):
        np.savetxt(training / f"{name}.txt", table, delimiter=",")
    _write_forcing(training, "model_force_", forcing)
    np.savetxt(prediction / "grid_env_info_NY.txt", _env(rng, POINTS), delimiter=",")
    np.savetxt(prediction / "grid_env_info_ID.txt", np.arange(POINTS), delimiter=",")
    _write_forcing(prediction, "model_force_pred_", point_forcing)
    return root


@pytest.fixture
def edit_table(small_source: Path) -> Callable[..., None]:
    """Change a text table of the small source in place: edit_table(name, function of the array)."""

    def edit(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
        path = small_source / name
        values = np.loadtxt(path, delimiter=",", ndmin=2)
        changed = change(values)
        np.savetxt(path, values if changed is None else changed, delimiter=",")

    return edit


def canonical(
    seed: int = 0, sites: int = 3, cells: int = 2, covariates: int = 4, text: str = "Iowa"
) -> xr.Dataset:
    """A canonical dataset of random values inside the bounds of the schema."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, sites)
    sizes = FIXED_SIZES | {
        "site": sites,
        "cell": cells,
        "covariate": covariates,
        "obs": int(counts.sum()),
    }
    values = {}
    for entry in VARIABLES:
        if not entry.required:
            continue
        shape = tuple(sizes[dim] for dim in entry.dims)
        low = 0.0 if entry.lower is None else entry.lower
        high = 1e3 if entry.upper is None else entry.upper
        array = rng.uniform(low, high, shape)
        if entry.kind == "int":
            array = rng.integers(int(low), int(high) + 1, shape)
        elif entry.kind == "string":
            array = np.full(shape, text)
        elif entry.kind == "identifier":
            array = np.array([f"{entry.name}{i}" for i in range(shape[0])])
        values[entry.name] = (
            entry.dims,
            array,
            {"units": entry.units, "long_name": entry.long_name, "provenance": "synthetic"},
        )
    ds = xr.Dataset(values)
    ds["obs_count"].values[:] = counts
    ds["site_cell"].values[:] = rng.integers(0, cells, sites)
    kinds = np.where(np.arange(covariates) % 2, "category", "numeric")
    ds["covariate_kind"] = ds["covariate_kind"].copy(data=kinds)
    for name in ("covariates", "cell_covariates"):
        ds[name].values[:, kinds == "category"] //= 1
    ds["cell_covariates"].values[0] = np.nan
    ds.attrs = {
        "Conventions": CONVENTIONS,
        "title": "random numbers",
        "licence": "none",
        "source": "a test",
        "history": "a test",
        "sha256": "{}",
    }
    return ds


@pytest.fixture(name="canonical")
def canonical_fixture() -> Callable[..., xr.Dataset]:
    """The function that makes a small canonical dataset."""
    return canonical


@pytest.fixture
def donor(tmp_path: Path) -> Path:
    """A dataset that lends forcing to tables of profiles."""
    return write_donor(tmp_path / "donor.nc", canonical)


@pytest.fixture
def read(tmp_path: Path, donor: Path) -> Read:
    """Write a table and a mapping, and import them."""
    return reader(tmp_path, donor)
