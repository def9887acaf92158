"""Fit the encoding of network inputs to the training sites: scales, limits, category tables."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.errors import InputError
from binn.inputs import CategoricalInput, InputEncoding, NumericInput
from binn.site_inputs import FORCING_SUMMARIES, covariate_table, forcing_summaries
from binn.training.config import NetworkConfig

__all__ = ["fit_encoding"]

_DEPTHS = ("_0cm", "_30cm", "_100cm")


def fit_encoding(
    ds: xr.Dataset, config: NetworkConfig, train: NDArray[np.int64], forcing: Forcing
) -> InputEncoding:
    """Scales, limits and category tables from the training sites alone.

    Categorical covariates of the same name at several depths (soil texture) share one table.
    A numeric input that is constant over the training sites tells nothing and is held at 0.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    config : NetworkConfig
        Which inputs, and how they are scaled.
    train : ndarray of int
        Positions of the training sites.
    forcing : Forcing
        Of all sites of the dataset.

    Returns
    -------
    InputEncoding

    Raises
    ------
    InputError
        If a covariate that was asked for is not there, or no input is left.
    """
    held = tuple(str(name) for name in ds["covariate"].to_numpy())
    names = held if config.covariates is None else config.covariates
    values, lonlat = covariate_table(ds, names)
    values, lonlat = values[train], lonlat[train]
    kinds = dict(zip(held, ds["covariate_kind"].to_numpy().astype(str), strict=True))
    categories = [name for name in names if kinds[name] == "category"]
    limits = _dataset_limits(ds, held) if config.limits == "dataset" else {}

    numeric = []
    for name, column in zip(names, values.T, strict=True):
        if name not in categories:
            numeric.append(_scaled(name, "covariate", column, config, limits.get(name)))
        elif config.raw_codes:
            numeric.append(NumericInput(name=name, source="covariate"))
    if config.coordinates:
        for name, column in zip(("lon", "lat"), lonlat.T, strict=True):
            numeric.append(_scaled(name, "coordinate", column, config))
    if config.forcing_summaries:
        summaries = forcing_summaries(forcing)
        numeric += [
            _scaled(name, "forcing", summaries[name][train], config) for name in FORCING_SUMMARIES
        ]

    categorical: list[CategoricalInput] = []
    tables: dict[str, tuple[int, ...]] = {}
    if config.embedding_size:
        categorical = [CategoricalInput(name=name, table=_table(name)) for name in categories]
        for table in dict.fromkeys(one.table for one in categorical):
            columns = [names.index(one.name) for one in categorical if one.table == table]
            tables[table] = _codes(values[:, columns], config.rare_category)
    if not numeric and not categorical and not config.position_encoding:
        raise InputError("the network has no input left: allow covariates, coordinates or forcing")
    return InputEncoding(
        covariates=tuple(names),
        numeric=tuple(numeric),
        categorical=tuple(categorical),
        tables=tables,
        position=config.position_encoding,
    )


def _scaled(
    name: str,
    source: str,
    column: NDArray[np.float64],
    config: NetworkConfig,
    limits: tuple[float, float] | None = None,
) -> NumericInput:
    """Scaling of one numeric input, fitted to a column of training values."""
    low, high = (float(column.min()), float(column.max())) if limits is None else limits
    if config.scaling == "minmax":
        offset, scale = low, high - low
    else:
        offset, scale = float(column.mean()), float(column.std())
    # a spread at the level of rounding is none: the column is constant
    if scale <= 1e-12 * max(abs(low), abs(high), 1e-300):
        return NumericInput(name=name, source=source, offset=offset, lower=0.0, upper=0.0)
    ends = ((low - offset) / scale, (high - offset) / scale) if config.clip else (None, None)
    return NumericInput(
        name=name, source=source, offset=offset, scale=scale, lower=ends[0], upper=ends[1]
    )


def _dataset_limits(ds: xr.Dataset, held: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Minimum and maximum of each covariate as the dataset states them, if it does."""
    if "covariate_min" not in ds or "covariate_max" not in ds:
        return {}
    ends = zip(held, ds["covariate_min"].to_numpy(), ds["covariate_max"].to_numpy(), strict=True)
    return {
        name: (float(low), float(high))
        for name, low, high in ends
        if np.isfinite(low) and np.isfinite(high)
    }


def _table(name: str) -> str:
    """Table of a categorical covariate: its name without the depth."""
    for depth in _DEPTHS:
        name = name.removesuffix(depth)
    return name


def _codes(values: NDArray[np.float64], at_least: int) -> tuple[int, ...]:
    """Sorted codes found at `at_least` training sites or more; ``values`` is (site, column)."""
    codes = np.unique(values)
    sites = np.array([np.any(values == code, axis=1).sum() for code in codes])
    return tuple(int(code) for code in codes[sites >= at_least])
