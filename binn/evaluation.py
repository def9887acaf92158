"""Scores of a model on a dataset: simulated against observed SOC, pooled over all points.

Two kinds of points are reported with and without: observations below the deepest soil node (which
under `conserving` are compared with the value at that node), and values above 200 kgC m-3 (a few
organic horizons that weigh heavily in squared errors).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import NODES, Forcing, soc_at_depth, solve
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.model import BINN
from binn.observations import Observations
from binn.parameters import to_physical

__all__ = ["EXTREME_SOC", "evaluate", "score", "simulate_observations"]

EXTREME_SOC = 200_000.0
"""gC m-3; scores are also given without observations above it."""

_CHUNK = 4096


def simulate_observations(
    model: BINN, ds: xr.Dataset, sites: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Simulated SOC at the observations of some sites.

    Parameters
    ----------
    model : BINN
        In eval mode.
    ds : xarray.Dataset
        Canonical dataset.
    sites : ndarray of int, optional
        Positions of the sites; all of them otherwise.

    Returns
    -------
    rows : ndarray (obs,) of int
        Positions of the observations in the dataset.
    simulated : ndarray (obs,)
        gC m-3.
    """
    if sites is None:
        sites = np.arange(ds.sizes["site"])
    forcing = Forcing.from_dataset(ds, on="site")
    observations = Observations.from_dataset(ds)
    u = torch.as_tensor(model.normalised(ds, forcing=forcing, rows=sites))
    all_rows, parts = [np.empty(0, np.int64)], [torch.empty(0, dtype=torch.float64)]
    for start in range(0, len(sites), _CHUNK):
        some = sites[start : start + _CHUNK]
        rows, owner = observations.of(some)
        local = forcing.take(some)
        soc = solve(to_physical(u[start : start + _CHUNK]), local, bedrock=model.bedrock).soc
        nbedrock = local.per_site("nbedrock") if model.bedrock == "conserving" else None
        parts.append(soc_at_depth(soc, observations.depth[rows], nbedrock, torch.from_numpy(owner)))
        all_rows.append(rows)
    return np.concatenate(all_rows), torch.cat(parts).numpy()


def score(
    ds: xr.Dataset, rows: NDArray[np.int64], simulated: NDArray[np.float64]
) -> dict[str, Any]:
    """Scores of simulated SOC at some observations.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    rows : ndarray (k,) of int
        Positions of the observations.
    simulated : ndarray (k,)
        gC m-3.

    Returns
    -------
    dict
        `nse`, `r`, `rmse`, `bias` (gC m-3) and `n` over all points; the same under
        `above_deepest_node` (without observations below the deepest soil node),
        `without_extremes` (without observations above `EXTREME_SOC`) and `neither`. NaN is None.
    """
    observations = Observations.from_dataset(ds)
    observed, depth = observations.soc[rows], observations.depth[rows]
    site = np.repeat(np.arange(len(observations.count)), observations.count)[rows]
    nbedrock = ds["nbedrock"].to_numpy().astype(int)[ds["site_cell"].to_numpy()[site]]
    above = depth <= NODES[nbedrock - 1]
    moderate = observed <= EXTREME_SOC
    result: dict[str, Any] = _scores(observed, simulated)
    for name, keep in (
        ("above_deepest_node", above),
        ("without_extremes", moderate),
        ("neither", above & moderate),
    ):
        result[name] = _scores(observed[keep], simulated[keep]) if keep.any() else None
    return result


def evaluate(model: BINN, ds: xr.Dataset, sites: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Scores of a model on some sites of a dataset; keys as `score`.

    Raises
    ------
    InputError
        If the sites have no observations.
    """
    rows, simulated = simulate_observations(model, ds, sites)
    if not len(rows):
        raise InputError("there is nothing to evaluate: the sites have no observations")
    return score(ds, rows, simulated)


def _scores(
    observed: NDArray[np.float64], simulated: NDArray[np.float64]
) -> dict[str, float | None]:
    values = metrics(observed, simulated)
    return {key: None if np.isnan(value) else value for key, value in values.items()}
