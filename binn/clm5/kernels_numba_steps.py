"""Implicit yearly steps of one site after another, compiled: see `transient`.

The matrix of a site does not change from year to year, so it is eliminated once; each year costs
one sweep down and one up. Each site stays in the first-level cache while its years pass.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from binn.clm5.column import DAYS_PER_YEAR, N_LAYERS, N_POOLS, THICKNESS
from binn.clm5.kernels_numba_soil import soil_inverse, soil_pools
from binn.parameters import index

__all__ = ["yearly_steps"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_N = N_LAYERS
_FL1S1, _FL2S1, _FL3S2 = (index(k) for k in ("fl1s1", "fl2s1", "fl3s2"))
_FCWDL2 = index("fcwdl2")


@njit(**_COMPILE)
def _litter_pivots(rate, a, c, more, pivot):
    """Write the inverse pivots of the three litter systems, (3, 20): row sum carried down."""
    for k in range(3):
        row_sum = rate[1 + k, 0] + more
        for j in range(_N):
            pivot[k, j] = 1.0 / (row_sum + c[j])
            if j + 1 < _N:
                row_sum = rate[1 + k, j + 1] + more + a[j + 1] * (pivot[k, j] * row_sum)


@njit(**_COMPILE)
def _step(p, rate, a, c, source, more, pivot, z, now):
    """One step: what each pool holds, `now` (7, 20), becomes what it holds a step later."""
    for j in range(_N):
        now[0, j] = (source[0, j] + more * now[0, j]) / (rate[0, j] + more)
    for k in range(1, 4):
        share = 0.0 if k == 1 else (p[_FCWDL2] if k == 2 else 1.0 - p[_FCWDL2])
        d = pivot[k - 1]
        carried = 0.0
        for j in range(_N):
            carried += source[k, j] + more * now[k, j] + share * rate[0, j] * now[0, j]
            now[k, j] = carried
            if j + 1 < _N:
                carried = a[j + 1] * carried * d[j]
        value = 0.0
        for j in range(_N - 1, -1, -1):
            value = (now[k, j] + c[j] * value) * d[j]
            now[k, j] = value
    for j in range(_N):
        fast = p[_FL1S1] * rate[1, j] * now[1, j] + p[_FL2S1] * rate[2, j] * now[2, j]
        now[4, j] = more * now[4, j] + fast
        now[5, j] = more * now[5, j] + p[_FL3S2] * rate[3, j] * now[3, j]
        now[6, j] = more * now[6, j]
    soil_pools(a, c, z, now[4:])


@njit(**_COMPILE)
def yearly_steps(
    start, stop, parameters, rate, x, a, c, source, lost, first, inside, row,
    pools, soc, stock, soc_stock, respiration,
):  # fmt: skip
    """Years of the sites `start` to `stop`.

    Parameters
    ----------
    start, stop : int
        Range of sites.
    parameters : (site, 21)
        Physical units.
    rate : (site, 7, 20)
        Month-mean decomposition rates, day-1.
    x, a, c : (site, 20)
        Scalar of the soil rates; couplings to the layer above and below, day-1.
    source : (site, 4, 20)
        Input to CWD and litter, gC m-3 day-1.
    lost : (site, 7)
        Share of each pool's decomposition that leaves as CO2.
    first : (site, 7, 20)
        Pools to start from, gC m-3.
    inside : (20,)
        Thickness of each layer that counts for `soc_stock`, m.
    row : (year,)
        Where `pools` and `soc` keep each year, the first being year 0; -1 for years not kept.
    pools, soc : (kept, site, 7, 20), (kept, site, 20)
        Written, gC m-3; not those without a row.
    stock, soc_stock, respiration : (year, site)
        Written: all pools and the whole column, gC m-2; the soil pools `inside`, gC m-2; and
        heterotrophic respiration, gC m-2 yr-1.
    """
    more = 1.0 / DAYS_PER_YEAR
    pivot, z, now = np.empty((3, _N)), np.empty((_N, 9)), np.empty((N_POOLS, _N))
    for site in range(start, stop):
        p, k, above, below = parameters[site], rate[site], a[site], c[site]
        _litter_pivots(k, above, below, more, pivot)
        soil_inverse(p, x[site], above, below, more, z)
        now[:] = first[site]
        for year in range(len(row)):
            if year > 0:
                _step(p, k, above, below, source[site], more, pivot, z, now)
            total, respired = 0.0, 0.0
            for i in range(N_POOLS):
                held, flux = 0.0, 0.0
                for j in range(_N):
                    carbon = now[i, j] * THICKNESS[j]
                    held += carbon
                    flux += k[i, j] * carbon
                total += held
                respired += lost[site, i] * flux
            chosen = 0.0
            for j in range(_N):
                chosen += inside[j] * (now[4, j] + now[5, j] + now[6, j])
            stock[year, site], soc_stock[year, site] = total, chosen
            respiration[year, site] = DAYS_PER_YEAR * respired
            kept = row[year]
            if kept >= 0:
                if len(pools) > 0:
                    pools[kept, site] = now
                if len(soc) > 0:
                    for j in range(_N):
                        soc[kept, site, j] = now[4, j] + now[5, j] + now[6, j]
