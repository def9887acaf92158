"""Compiled: normalised parameters of many columns to SOC at their observations, and its misfit.

The kernels of `binn.clm5` run over a block of columns at a time, which may belong to any sites: a
block's pools stay in the cache, and what a call costs is shared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from binn.clm5.column import N_LAYERS, N_POOLS, NODES
from binn.clm5.kernels_numba import steady_state
from binn.clm5.kernels_numba_scalars import monthly_means
from binn.parameters import LOWER, UPPER

__all__ = [
    "BLOCK",
    "Sites",
    "Workspace",
    "forward",
    "misfit_of",
    "observe",
    "simulate",
    "workspace",
]

BLOCK = 32
"""Columns solved at once."""
_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
_N, _PARAMETERS = N_LAYERS, len(LOWER)
_LOW, _WIDTH = LOWER.copy(), UPPER - LOWER


class Sites(NamedTuple):
    """What compiled loops read of a problem.

    Attributes
    ----------
    temperature, water, oxygen, nitrogen, inputs, nbedrock, thaw, frozen : ndarray (row, ...)
        As :class:`binn.clm5.numba_backend.Rows`.
    row : ndarray (site,) of int64
        Row of each site.
    first : ndarray (site + 1,) of int64
        Where the observations of each site begin.
    depth, soc, precision : ndarray (obs,)
        m, gC m-3, and weight over variance.
    conserving, pchip : bool
        Bedrock scheme; interpolation by pchip, or linear.
    """

    temperature: NDArray[np.float64]
    water: NDArray[np.float64]
    oxygen: NDArray[np.float64]
    nitrogen: NDArray[np.float64]
    inputs: NDArray[np.float64]
    nbedrock: NDArray[np.int64]
    thaw: NDArray[np.float64]
    frozen: NDArray[np.bool_]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    depth: NDArray[np.float64]
    soc: NDArray[np.float64]
    precision: NDArray[np.float64]
    conserving: bool
    pchip: bool


class Workspace(NamedTuple):
    """Memory of a block: parameters, scalars, pools, and SOC (column, 20), the result."""

    physical: NDArray[np.float64]
    means: NDArray[np.float64]
    slopes: NDArray[np.float64]
    pools: NDArray[np.float64]
    soc: NDArray[np.float64]
    inverse: NDArray[np.float64]
    pivots: NDArray[np.float64]
    row: NDArray[np.int64]


@njit(**_COMPILE)
def workspace(n):
    """Memory for `n` columns."""
    return Workspace(
        np.empty((n, _PARAMETERS)),
        np.empty((3, n, _N)),
        np.empty((0, 4, _N)),
        np.empty((n, N_POOLS, _N)),
        np.empty((n, _N)),
        np.empty((1, _N, 9)),
        np.empty((1, 2, _N)),
        np.empty(n, np.int64),
    )


@njit(**_COMPILE)
def forward(n, u, site, sites, work):
    """Steady state of the first `n` columns; their SOC is in ``work.soc`` (column, 20), gC m-3.

    Parameters
    ----------
    n : int
        Columns; at most as many as `work` has memory for.
    u : (n, 21)
        Normalised parameters.
    site : (n,)
        Site of each column.
    sites, work : Sites, Workspace
    """
    for k in range(n):
        work.row[k] = sites.row[site[k]]
        for i in range(_PARAMETERS):
            work.physical[k, i] = _LOW[i] + u[k, i] * _WIDTH[i]
    monthly_means(
        0, n, work.physical, sites.temperature, sites.water, sites.oxygen, sites.nitrogen,
        work.row, work.means, work.slopes,
    )  # fmt: skip
    steady_state(
        0, n, work.physical, work.means[0], work.means[1], sites.inputs, sites.nbedrock, sites.thaw,
        sites.frozen, work.row, sites.conserving, work.pools, work.soc, work.inverse, work.pivots,
    )  # fmt: skip


@njit(**_COMPILE)
def _slope(soc, j, last):
    """Slope of the monotone cubic (pchip) through the first `last` nodes at node `j`.

    Fritsch and Butland's weighted harmonic mean inside, the shape-preserving three-point formula
    at both ends, as MATLAB and SciPy have it.
    """
    if last < 2:
        return 0.0
    if last == 2:
        return (soc[1] - soc[0]) / (NODES[1] - NODES[0])
    if 0 < j < last - 1:
        h0, h1 = NODES[j] - NODES[j - 1], NODES[j + 1] - NODES[j]
        m0, m1 = (soc[j] - soc[j - 1]) / h0, (soc[j + 1] - soc[j]) / h1
        if m0 * m1 <= 0.0:
            return 0.0
        w0, w1 = 2.0 * h1 + h0, h1 + 2.0 * h0
        return (w0 + w1) / (w0 / m0 + w1 / m1)
    # the end node `a`, and the two next to it
    a, b, c = (0, 1, 2) if j == 0 else (last - 1, last - 2, last - 3)
    h0, h1 = NODES[b] - NODES[a], NODES[c] - NODES[b]
    m0, m1 = (soc[b] - soc[a]) / h0, (soc[c] - soc[b]) / h1
    slope = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if slope * m0 <= 0.0:
        return 0.0
    if m0 * m1 <= 0.0 and abs(slope) > 3.0 * abs(m0):
        return 3.0 * m0
    return slope


@njit(**_COMPILE)
def observe(soc, site, sites, out):
    """Write SOC at the observations of a site, gC m-3.

    Linear: between nodes, constant beyond the first and last. Pchip: extrapolated above the first
    node, as the authors' calibration does. Under the conserving scheme observations below the
    deepest soil node take the value at it.
    """
    start = sites.first[site]
    last = sites.nbedrock[sites.row[site]] if sites.conserving else _N
    for k in range(start, sites.first[site + 1]):
        depth = sites.depth[k]
        if sites.conserving or not sites.pchip:
            depth = min(depth, NODES[last - 1])
        if not sites.pchip:
            depth = max(depth, NODES[0])
        j = 0
        while j < last - 2 and NODES[j + 1] < depth:
            j += 1
        if last == 1:
            out[k - start] = soc[0]
            continue
        width = NODES[j + 1] - NODES[j]
        t = (depth - NODES[j]) / width
        rise = soc[j + 1] - soc[j]
        if sites.pchip:
            d0, d1 = width * _slope(soc, j, last), width * _slope(soc, j + 1, last)
            rest = 3.0 * rise - 2.0 * d0 - d1 + t * (d0 + d1 - 2.0 * rise)
            out[k - start] = soc[j] + t * (d0 + t * rest)
        else:
            out[k - start] = soc[j] + t * rise if t < 1.0 else soc[j + 1]


@njit(**_COMPILE)
def misfit_of(simulated, site, sites):
    """``sum precision (simulated - observed)^2 / 2`` of one site; NaN if the solve failed."""
    start = sites.first[site]
    total = 0.0
    for k in range(start, sites.first[site + 1]):
        off = simulated[k - start] - sites.soc[k]
        total += sites.precision[k] * off * off
    return 0.5 * total


@njit(**_COMPILE)
def simulate(start, stop, u, sites, simulated, misfit):
    """Simulate all members of the sites `start` to `stop`.

    Parameters
    ----------
    start, stop : int
        Range of sites.
    u : (site, member, 21)
        Normalised parameters.
    sites : Sites
    simulated : (obs, member)
        Written: SOC at the observations, gC m-3; not if it has no row.
    misfit : (site, member)
        Written.
    """
    members = u.shape[1]
    work = workspace(BLOCK)
    longest = 0
    for site in range(start, stop):
        longest = max(longest, sites.first[site + 1] - sites.first[site])
    at = np.empty(longest)
    of = np.empty(BLOCK, np.int64)
    some = np.empty((BLOCK, _PARAMETERS))
    total = (stop - start) * members
    for begin in range(0, total, BLOCK):
        n = min(BLOCK, total - begin)
        for k in range(n):
            of[k] = start + (begin + k) // members
            some[k] = u[of[k], (begin + k) % members]
        forward(n, some, of, sites, work)
        for k in range(n):
            site, member = of[k], (begin + k) % members
            observe(work.soc[k], site, sites, at)
            misfit[site, member] = misfit_of(at, site, sites)
            if simulated.shape[0] > 0:
                first = sites.first[site]
                for i in range(sites.first[site + 1] - first):
                    simulated[first + i, member] = at[i]
