"""A small table of SYNTHETIC profiles with its mapping, and a dataset that lends them forcing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from binn.datasets import validate, write_dataset
from binn.datasets.report import Report
from binn.datasets.tables import import_table

NAMES = ["Elevation", "BIO1", "Texture_USDA_0cm", "nbedrock"]
KINDS = ["numeric", "numeric", "category", "numeric"]
LONG = {
    "id": ["b", "b", "a", "a", "c"],
    "x": [-98.1, -98.1, -97.02, -97.02, -96.55],
    "y": [38.5, 38.5, 38.6, 38.6, 38.4],
    "depth": [5.0, 25.0, 10.0, 40.0, 15.0],
    "soc": [30.0, 12.0, 25.0, 8.0, 20.0],
    "temp": [11.0, None, 14.0, 14.0, None],
}
COLUMNS = {"profile_id": "id", "lon": "x", "lat": "y", "depth": "depth", "soc": "soc"}
MAPPING: dict[str, Any] = {"columns": COLUMNS, "units": {"depth": "cm", "soc": "kgC m-3"}}

Read = Callable[..., tuple[xr.Dataset, Report]]


def write_donor(path: Path, canonical: Callable[..., xr.Dataset]) -> Path:
    """Four cells half a degree apart in Kansas, the last without covariates."""
    ds = canonical(seed=3, sites=2, cells=4)
    ds["cell_lon"].values[:] = [-98.0, -97.5, -97.0, -96.5]
    ds["cell_lat"].values[:] = 38.5
    ds["nbedrock"].values[:] = [15, 16, 17, 18]
    for name, low, high in (("temperature", 270, 300), ("water", 0.3, 0.9), ("nitrogen", 0.3, 1)):
        shape = ds[name].shape
        ds[name].values[:] = np.random.default_rng(5).uniform(low, high, shape)
    for name in ("cwd", "litter1", "litter2", "litter3"):
        ds[name].values[:] = 20.0
    for name in ("altmax", "altmax_lastyear"):
        ds[name].values[:] = 41.998
    ds["cell_covariates"].values[:] = [[300.0, 12.0, 3.0, 15.0]] * 3 + [[np.nan] * 4]
    ds["cell_covariates"].values[:3, 0] += [0.0, 10.0, 20.0]
    ds["covariate"] = ds["covariate"].copy(data=np.array(NAMES))
    ds["covariate_kind"] = ds["covariate_kind"].copy(data=np.array(KINDS))
    ds["covariates"].values[:] = 1.0
    ds.attrs["notice"] = "made of random numbers"
    write_dataset(ds, path)
    return path


def reader(folder: Path, donor: Path) -> Read:
    """A function that writes a table and a mapping and imports them."""

    def do(
        table: dict[str, list[Any]] | str = LONG,  # type: ignore[assignment]
        mapping: dict[str, Any] = MAPPING,
        *,
        suffix: str = ".csv",
        **options: Any,
    ) -> tuple[xr.Dataset, Report]:
        source, plan = folder / f"table{suffix}", folder / "mapping.json"
        if isinstance(table, str):
            source.write_text(table)
        elif suffix == ".parquet":
            pd.DataFrame(table).to_parquet(source)
        else:
            pd.DataFrame(table).to_csv(source, index=False)
        plan.write_text(json.dumps(mapping))
        ds, report = import_table(source, plan, donor, **options)
        validate(ds)
        return ds, report

    return do
