"""Predict: parameters, pools, SOC, components and traceability of every site or grid cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import binn
from binn.clm5 import NODES, POOLS, Forcing, SteadyState, soc_at_depth, solve
from binn.diagnostics import (
    COMPONENT_NAMES,
    TRACEABILITY_NAMES,
    components,
    mass_balance,
    traceability,
)
from binn.errors import InputError
from binn.model import BINN
from binn.observations import Observations
from binn.parameters import KEYS, PARAMETERS, to_physical
from binn.site_inputs import On, covariate_table

__all__ = ["predict", "unknown_categories"]

_CHUNK = 4096  # sites solved at once
_COPIED = {
    "site": ("lon", "lat", "profile_id", "site_cell", "state", "biome", "obs_count"),
    "cell": ("cell_lon", "cell_lat", "cell_biome"),
}
_OBSERVED = ("obs_depth", "obs_soc")


def predict(
    model: BINN | Sequence[BINN],
    ds: xr.Dataset,
    on: On = "site",
    definition: str = "stock",
) -> xr.Dataset:
    """Predict every site, or every grid cell with known covariates.

    Parameters
    ----------
    model : BINN or sequence of BINN
        In eval mode. Several (the folds, say) give the median over models of every variable, and
        its standard deviation over models as ``<variable>_spread``.
    ds : xarray.Dataset
        Canonical dataset.
    on : {"site", "cell"}
        Rows. Cells without covariates are left out; the attribute `skipped_cells` counts them and
        the coordinate `cell` keeps the numbers of the others.
    definition : {"stock", "published"}
        Definition of the components.

    Returns
    -------
    xarray.Dataset
        ``parameters`` (row, parameter; physical), ``pools`` (row, pool, layer; gC m-3), ``soc``
        (row, layer; gC m-3), on sites ``soc_obs`` (obs; gC m-3), one variable for each component
        and traceability key, and ``mass_balance``; attributes `bedrock`, `definition`, `models`,
        `unknown_categories`.

    Raises
    ------
    InputError
        If the dataset lacks a covariate, or the models differ in their bedrock scheme.
    """
    models = [model] if isinstance(model, BINN) else list(model)
    if not models:
        raise InputError("there is no model to predict with")
    if on not in ("site", "cell"):
        raise InputError(f"predictions are made on 'site' or 'cell', not on {on!r}")
    if len({one.bedrock for one in models}) > 1:
        raise InputError("the models differ in their bedrock scheme: predict with one scheme only")
    rows = _rows(models, ds, on)
    forcing = Forcing.from_dataset(ds, on=on)
    each = [_predict_one(one, ds, on, rows, forcing, definition) for one in models]

    out = xr.Dataset(coords=_coordinates(on, rows))
    for name, (dims, _, attributes) in each[0].items():
        values = np.stack([one[name][1] for one in each])
        out[name] = (dims, np.median(values, axis=0), attributes)
        if len(models) > 1:
            spread = {
                **attributes,
                "long_name": f"standard deviation over models of {attributes['long_name']}",
            }
            out[f"{name}_spread"] = (dims, values.std(axis=0, ddof=1), spread)
    for name in _COPIED[on]:
        out[name] = ds[name].isel({on: rows}).variable
    if on == "site":
        for name in _OBSERVED:
            out[name] = ds[name].variable
    for key, array in out.data_vars.items():
        if key in each[0] or str(key).endswith("_spread"):
            array.attrs["provenance"] = "derived"
    unknown = _sentences(unknown_categories(models, ds, on, rows))
    out.attrs = {
        "title": f"BINN prediction for {ds.attrs.get('title', 'a dataset')}",
        "source": f"binn {binn.__version__}",
        "bedrock": models[0].bedrock,
        "definition": definition,
        "models": len(models),
        "skipped_cells": ds.sizes[on] - len(rows) if on == "cell" else 0,
        "unknown_categories": unknown,
    }
    return out


def unknown_categories(
    models: Sequence[BINN], ds: xr.Dataset, on: On, rows: NDArray[np.int64]
) -> dict[str, dict[int, int]]:
    """Categories among some rows that a model's training did not know.

    They get the average vector of the known categories.

    Returns
    -------
    dict
        Covariate to {code: number of rows}.
    """
    found: dict[str, dict[int, int]] = {}
    for model in models:
        encoding = model.config.inputs
        values, _ = covariate_table(ds, encoding.covariates, on)
        for name, codes in encoding.unknown(values[rows]).items():
            found.setdefault(name, {}).update(codes)
    return found


def _sentences(unknown: dict[str, dict[int, int]]) -> str:
    return "; ".join(
        f"{name}: " + ", ".join(f"{code} ({count} rows)" for code, count in sorted(codes.items()))
        for name, codes in unknown.items()
    )


def _rows(models: Sequence[BINN], ds: xr.Dataset, on: On) -> NDArray[np.int64]:
    """Rows to predict: all sites, or the cells whose covariates are all known."""
    known = np.ones(ds.sizes[on], dtype=bool)
    for model in models:
        values, _ = covariate_table(ds, model.config.inputs.covariates, on)
        if on == "cell":
            known &= np.isfinite(values).all(axis=1)
    if not known.any():
        raise InputError(f"there is nothing to predict: no {on} has all covariates")
    return np.flatnonzero(known)


def _coordinates(on: On, rows: NDArray[np.int64]) -> dict[str, Any]:
    return {
        **({"cell": rows} if on == "cell" else {}),
        "parameter": list(KEYS),
        "pool": list(POOLS),
        "layer": ("layer", NODES, {"units": "m", "long_name": "depth of the layer's node"}),
    }


_Variables = dict[str, tuple[tuple[str, ...], NDArray[np.float64], dict[str, Any]]]


def _predict_one(
    model: BINN,
    ds: xr.Dataset,
    on: On,
    rows: NDArray[np.int64],
    forcing: Forcing,
    definition: str,
) -> _Variables:
    """Predictions of one model: variable to dimensions, values, attributes."""
    parameters = to_physical(torch.as_tensor(model.normalised(ds, on, forcing, rows)))
    observations = Observations.from_dataset(ds) if on == "site" else None
    chunks: list[dict[str, NDArray[np.float64]]] = []
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        local = forcing.take(some)
        state = solve(parameters[start : start + _CHUNK], local, bedrock=model.bedrock)
        chunk = {
            "parameters": state.parameters,
            "pools": state.pools,
            "soc": state.soc,
            **components(state, definition),
            **traceability(state),
            "mass_balance": mass_balance(state),
        }
        if observations is not None:
            chunk["soc_obs"] = _observe(state, observations, some)
        chunks.append({name: value.detach().cpu().numpy() for name, value in chunk.items()})
    about = _about(on, definition)
    return {
        name: (about[name][0], np.concatenate([chunk[name] for chunk in chunks]), about[name][1])
        for name in chunks[0]
    }


def _observe(
    state: SteadyState, observations: Observations, sites: NDArray[np.int64]
) -> torch.Tensor:
    """Simulated SOC at the observations of some sites, gC m-3."""
    rows, owner = observations.of(sites)
    nbedrock = state.forcing.per_site("nbedrock") if state.bedrock == "conserving" else None
    return soc_at_depth(state.soc, observations.depth[rows], nbedrock, torch.from_numpy(owner))


def _about(on: On, definition: str) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Dimensions and attributes of every variable."""
    units = ", ".join(f"{one.key} [{one.unit}]" for one in PARAMETERS)

    def entry(
        dims: tuple[str, ...], name: str, unit: str
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        return dims, {"long_name": name, "units": unit}

    about = {
        "parameters": entry((on, "parameter"), "process parameters", "1"),
        "pools": entry((on, "pool", "layer"), "carbon of each pool", "gC m-3"),
        "soc": entry((on, "layer"), "soil organic carbon", "gC m-3"),
        "soc_obs": entry(("obs",), "simulated soil organic carbon at the observations", "gC m-3"),
        "mass_balance": entry((on,), "respiration over input, minus 1", "1"),
    }
    about["parameters"][1]["parameter_units"] = units
    for names in (COMPONENT_NAMES, TRACEABILITY_NAMES):
        for key, (name, unit) in names.items():
            about[key] = entry((on,), name.lower(), unit)
    if definition == "published":
        about["input_allocation"] = entry((on,), "input allocation (normalised beta)", "1")
    return about
