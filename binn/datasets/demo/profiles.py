"""Simulated soil profiles: depths as surveyors sample them, SOC of CLM5 with the true parameters.

An observation is the steady state at its depth, of the site's own true parameters, times a
lognormal error of mean 1. The error is the part that no model can explain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from binn.clm5 import Forcing, soc_at_depth, solve
from binn.clm5.column import INTERFACES
from binn.datasets.demo.noise import generator

__all__ = ["BEDROCK", "ERROR", "LEAST", "Profiles", "exact_soc", "observe", "sample_depths"]

Array = NDArray[np.float64]

BEDROCK = "conserving"
"""Scheme of the process model behind the observations."""
ERROR = 0.3
"""Standard deviation of the logarithm of an observation."""
LEAST = 3
"""Smallest number of depths of a profile."""
_MORE = 3.52  # mean number of depths beyond that
_MOST = 16
_BOTTOM, _BOTTOM_SPREAD, _DEEPEST = 1.35, 0.32, 3.5  # m, of the logarithm, m
_ROUNDING = 0.005  # m: half a centimetre
_CHUNK = 4096


@dataclass(frozen=True)
class Profiles:
    """Observations, site after site.

    Attributes
    ----------
    count : ndarray (site,) of int
    depth, soc : ndarray (obs,)
        m, gC m-3.
    """

    count: NDArray[np.int64]
    depth: Array
    soc: Array


def sample_depths(nbedrock: NDArray[np.int64]) -> tuple[NDArray[np.int64], Array]:
    """Middles of the horizons of each site, above its bedrock.

    Parameters
    ----------
    nbedrock : ndarray (site,) of int
        Deepest soil layer, from 1.

    Returns
    -------
    count : ndarray (site,) of int
        At least `LEAST`.
    depth : ndarray (obs,)
        m; site after site, downwards.
    """
    random = generator("depths")
    sites = len(nbedrock)
    count = np.minimum(LEAST + random.poisson(_MORE, sites), _MOST)
    bottom = _BOTTOM * np.exp(_BOTTOM_SPREAD * random.normal(size=sites))
    bottom = np.clip(bottom, 0.07 * count, _DEEPEST)
    bottom = np.minimum(bottom, INTERFACES[nbedrock - 1])
    number = np.arange(_MOST)
    # horizons are thicker further down
    thick = np.sqrt(number + 0.6) * np.exp(0.3 * random.normal(size=(sites, _MOST)))
    thick = np.where(number < count[:, None], thick, 0)
    lower = np.cumsum(thick, 1) / thick.sum(1, keepdims=True) * bottom[:, None]
    middle = lower - 0.5 * thick / thick.sum(1, keepdims=True) * bottom[:, None]
    middle = np.maximum(np.rint(middle / _ROUNDING), number + 1) * _ROUNDING
    return count, middle[number < count[:, None]]


def exact_soc(parameters: Array, forcing: Forcing, count: NDArray[np.int64], depth: Array) -> Array:
    """SOC (obs,), gC m-3, of the process model at the observations, without error.

    Parameters
    ----------
    parameters : ndarray (site, 21)
        Physical units.
    forcing : Forcing
        Of the sites.
    count, depth
        As `sample_depths` returns them.
    """
    ends = np.concatenate([[0], np.cumsum(count)])
    parts = []
    for start in range(0, len(count), _CHUNK):
        stop = min(start + _CHUNK, len(count))
        local = forcing.take(np.arange(start, stop))
        soc = solve(torch.as_tensor(parameters[start:stop]), local, bedrock=BEDROCK).soc
        owner = torch.from_numpy(np.repeat(np.arange(stop - start), count[start:stop]))
        some = torch.from_numpy(depth[ends[start] : ends[stop]])
        parts.append(soc_at_depth(soc, some, local.per_site("nbedrock"), owner).numpy())
    return np.concatenate(parts)


def observe(parameters: Array, forcing: Forcing, nbedrock: NDArray[np.int64]) -> Profiles:
    """Simulated observations of all sites.

    Parameters
    ----------
    parameters : ndarray (site, 21)
        True parameters, physical units.
    forcing : Forcing
        Of the sites.
    nbedrock : ndarray (site,) of int
    """
    count, depth = sample_depths(nbedrock)
    exact = exact_soc(parameters, forcing, count, depth)
    error = ERROR * generator("observation error").normal(size=len(exact)) - 0.5 * ERROR**2
    return Profiles(count, depth, exact * np.exp(error))
