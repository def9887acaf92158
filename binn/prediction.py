"""Predict: parameters, pools, SOC, components and traceability of every site or grid cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

__all__ = [
    "CHUNK",
    "COPIED",
    "OBSERVED",
    "Seen",
    "attributes_of",
    "category_sentences",
    "coordinates",
    "known_rows",
    "predict",
    "predict_chunk",
    "unknown_categories",
    "variables",
]

CHUNK = 4096
"""Sites solved at once: a few tens of MB."""
COPIED: dict[str, tuple[str, ...]] = {
    "site": ("lon", "lat", "profile_id", "site_cell", "state", "biome", "obs_count"),
    "cell": ("cell_lon", "cell_lat", "cell_biome"),
}
OBSERVED = ("obs_depth", "obs_soc")


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
    rows = known_rows(models, ds, on)
    forcing = Forcing.from_dataset(ds, on=on)
    normalised = [one.normalised(ds, on, forcing, rows) for one in models]
    observations = Observations.from_dataset(ds) if on == "site" else None
    chunks = []
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        seen = None
        if observations is not None:
            at, owner = observations.of(rows[part])
            seen = Seen(observations.depth[at], owner)
        chunk = [u[part] for u in normalised]
        chunks.append(predict_chunk(models, chunk, forcing.take(rows[part]), seen, definition))

    out = xr.Dataset(coords=coordinates(on, rows))
    for name, (dims, attributes) in variables(on, definition, len(models) > 1).items():
        out[name] = (dims, np.concatenate([chunk[name] for chunk in chunks]), attributes)
    for name in COPIED[on]:
        out[name] = ds[name].isel({on: rows}).variable
    if on == "site":
        for name in OBSERVED:
            out[name] = ds[name].variable
    skipped = ds.sizes[on] - len(rows)
    out.attrs = attributes_of(
        models, ds, definition, skipped, unknown_categories(models, ds, on, rows)
    )
    return out


@dataclass(frozen=True)
class Seen:
    """Observations of some sites.

    Attributes
    ----------
    depth : ndarray (obs,)
        m.
    owner : ndarray (obs,) of int
        Position of each one's site.
    """

    depth: NDArray[np.float64]
    owner: NDArray[np.int64]


def predict_chunk(
    models: Sequence[BINN],
    normalised: Sequence[NDArray[np.float64]],
    forcing: Forcing,
    seen: Seen | None,
    definition: str,
) -> dict[str, NDArray[np.float64]]:
    """Predict a few thousand sites or cells.

    Parameters
    ----------
    models : sequence of BINN
        Of one bedrock scheme.
    normalised : sequence of ndarray (n, 21)
        Normalised parameters by each of them.
    forcing : Forcing
        Of the n sites.
    seen : Seen, optional
        Their observations, to simulate.
    definition : {"stock", "published"}
        Definition of the components.

    Returns
    -------
    dict of ndarray
        The variables of `variables`: median over the models and, of several, the spread.
    """
    each = []
    for model, u in zip(models, normalised, strict=True):
        state = solve(to_physical(torch.as_tensor(u)), forcing, bedrock=model.bedrock)
        values = {
            "parameters": state.parameters,
            "pools": state.pools,
            "soc": state.soc,
            **components(state, definition),
            **traceability(state),
            "mass_balance": mass_balance(state),
        }
        if seen is not None:
            values["soc_obs"] = _observe(state, seen)
        each.append({name: value.detach().cpu().numpy() for name, value in values.items()})
    if len(each) == 1:
        return each[0]
    result = {}
    for name in each[0]:
        stacked = np.stack([one[name] for one in each])
        result[name] = np.median(stacked, axis=0)
        result[f"{name}_spread"] = stacked.std(axis=0, ddof=1)
    return result


def _observe(state: SteadyState, seen: Seen) -> torch.Tensor:
    """Simulated SOC at observations, gC m-3."""
    nbedrock = state.forcing.per_site("nbedrock") if state.bedrock == "conserving" else None
    return soc_at_depth(state.soc, seen.depth, nbedrock, torch.from_numpy(seen.owner))


def attributes_of(
    models: Sequence[BINN],
    ds: xr.Dataset,
    definition: str,
    skipped_cells: int,
    unknown: dict[str, dict[int, int]],
) -> dict[str, Any]:
    """Attributes of the whole prediction."""
    return {
        "title": f"BINN prediction for {ds.attrs.get('title', 'a dataset')}",
        "source": f"binn {binn.__version__}",
        "bedrock": models[0].bedrock,
        "definition": definition,
        "models": len(models),
        "skipped_cells": skipped_cells,
        "unknown_categories": category_sentences(unknown),
    }


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


def category_sentences(unknown: dict[str, dict[int, int]]) -> str:
    """What `unknown_categories` found, in words."""
    return "; ".join(
        f"{name}: " + ", ".join(f"{code} ({count} rows)" for code, count in sorted(codes.items()))
        for name, codes in unknown.items()
    )


def known_rows(
    models: Sequence[BINN], ds: xr.Dataset, on: On, step: int | None = None
) -> NDArray[np.int64]:
    """Rows to predict: all sites, or the cells whose covariates are all known.

    Parameters
    ----------
    models : sequence of BINN
        What reads the covariates.
    ds : xarray.Dataset
        Canonical dataset, in memory or opened lazily.
    on : {"site", "cell"}
        Rows.
    step : int, optional
        Rows to read at once; all of them otherwise.

    Raises
    ------
    InputError
        If the dataset lacks a covariate, or no row has all of them.
    """
    known = np.ones(ds.sizes[on], dtype=bool)
    for model in models:
        names = model.config.inputs.covariates
        covariate_table(ds.isel({on: slice(0, 0)}), names, on)
        for start in range(0, len(known) if on == "cell" else 0, step or len(known)):
            part = slice(start, start + (step or len(known)))
            values, _ = covariate_table(ds.isel({on: part}), names, on)
            known[part] &= np.isfinite(values).all(axis=1)
    if not known.any():
        raise InputError(f"there is nothing to predict: no {on} has all covariates")
    return np.flatnonzero(known)


def coordinates(on: On, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Coordinates of a prediction: parameters, pools, layers and, if not all, cells."""
    return {
        **({"cell": rows} if on == "cell" else {}),
        "parameter": list(KEYS),
        "pool": list(POOLS),
        "layer": ("layer", NODES, {"units": "m", "long_name": "depth of the layer's node"}),
    }


def variables(
    on: On, definition: str, spread: bool
) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Dimensions and attributes of every predicted variable, in order.

    Parameters
    ----------
    on : {"site", "cell"}
        Rows.
    definition : {"stock", "published"}
        Definition of the components.
    spread : bool
        Whether there are several models, whose standard deviation is given too.
    """
    found: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
    for name, (dims, attributes) in _about(on, definition).items():
        if name == "soc_obs" and on == "cell":
            continue
        found[name] = (dims, attributes | {"provenance": "derived"})
        if spread:
            about = f"standard deviation over models of {attributes['long_name']}"
            found[f"{name}_spread"] = (
                dims,
                attributes | {"long_name": about, "provenance": "derived"},
            )
    return found


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
