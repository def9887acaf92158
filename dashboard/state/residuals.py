"""Spread of simulated - observed SOC, by depth and by biome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, TOPS
from binn.observations import Observations
from dashboard.state.estimate import owners

__all__ = ["LEVELS", "Boxes", "by_biome", "by_depth"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVELS = ("p5", "p25", "p50", "p75", "p95")
"""Percentiles of a box: its whiskers, its ends and its middle."""
_KILO = 1e-3


@dataclass(frozen=True, eq=False)
class Boxes:
    """Percentiles of residuals, a row a group; groups without residuals are left out.

    Attributes
    ----------
    names : list of str
    n : ndarray (group,) of int
        Observations.
    mean : ndarray (group,)
        Mean residual (the bias), kgC m-3.
    percentiles : dict of str to ndarray (group,)
        By :data:`LEVELS`, kgC m-3.
    """

    names: list[str]
    n: Integers
    mean: Floats
    percentiles: dict[str, Floats]


def by_depth(observations: Observations, values: Floats, rows: Integers) -> Boxes:
    """Residuals in each layer of the soil column.

    Parameters
    ----------
    observations : Observations
    values : ndarray (obs,)
        Simulated SOC, gC m-3.
    rows : ndarray (k,) of int
        Positions of the observations to take.
    """
    layer = np.searchsorted(INTERFACES, observations.depth[rows], side="right")
    layer = np.minimum(layer, len(INTERFACES) - 1)  # the lower end belongs to the last layer
    names = [f"{top:g}–{bottom:g} m" for top, bottom in zip(TOPS, INTERFACES, strict=True)]
    return _boxes(names, layer, (values - observations.soc)[rows])


def by_biome(
    observations: Observations, values: Floats, rows: Integers, biome: NDArray[np.generic]
) -> Boxes:
    """Residuals in each biome, by name; sites without one are left out.

    Parameters
    ----------
    observations, values, rows
        As :func:`by_depth`.
    biome : ndarray (site,) of str
    """
    names, code = np.unique(np.asarray(biome).astype(str), return_inverse=True)
    code = code.reshape(-1)[owners(observations)[rows]]
    residual = (values - observations.soc)[rows]
    named = names[code] != ""
    return _boxes(names.tolist(), code[named], residual[named])


def _boxes(names: list[str], group: Integers, residual: Floats) -> Boxes:
    order = np.argsort(group, kind="stable")
    group, residual = group[order], residual[order] * _KILO
    present, start = np.unique(group, return_index=True)
    parts = np.split(residual, start[1:]) if len(present) else []
    wanted = [float(level[1:]) for level in LEVELS]
    table = np.array([np.percentile(part, wanted) for part in parts]).reshape(-1, len(LEVELS))
    return Boxes(
        names=[names[i] for i in present],
        n=np.array([len(part) for part in parts], dtype=np.int64),
        mean=np.array([part.mean() for part in parts]),
        percentiles=dict(zip(LEVELS, table.T, strict=True)),
    )
