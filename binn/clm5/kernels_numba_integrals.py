"""Integrals over the column of one site after another, compiled: see `column_integrals`."""

from __future__ import annotations

import numpy as np
from numba import njit

from binn.clm5.column import N_LAYERS, N_POOLS, NODES, THICKNESS
from binn.clm5.kernels_numba_exponential import exponential_parts
from binn.clm5.kernels_numba_transport import couplings
from binn.parameters import index

__all__ = ["column_integrals"]

_N = N_LAYERS
_DIFFUS, _CRYO, _EFOLDING = (index(k) for k in ("diffus", "cryo", "efolding"))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def column_integrals(
    start, stop, parameters, soil, litter, climate, nbedrock, thaw, cell, conserving, pools,
    by_pool, of_soc,
):  # fmt: skip
    """Integrals of the sites `start` to `stop`.

    Parameters
    ----------
    start, stop, parameters, soil, litter, nbedrock, thaw, cell, conserving, pools
        As `kernels_numba.steady_state`.
    climate : (site, 20)
        Product of the month means of xi_T and xi_W.
    by_pool : (4, site, 7)
        Written: stock, concentration, modified, decomposing.
    of_soc : (3, site)
        Written: soc, soc_modified, soc_mixed.
    """
    exponent, rest, bits = np.empty(_N), np.empty(_N), np.empty(_N, np.int64)
    modifier, own, own_litter = np.empty(_N), np.empty(_N), np.empty(_N)
    a, c = np.empty(_N), np.empty(_N)
    two_k = bits.view(np.float64)
    for site in range(start, stop):
        p, row = parameters[site], cell[site]
        for j in range(_N):
            exponent[j] = -NODES[j] / p[_EFOLDING]
        exponential_parts(exponent, rest, bits)
        for j in range(_N):
            weight = (two_k[j] + two_k[j] * rest[j]) * THICKNESS[j]
            modifier[j] = climate[site, j] * weight
            own[j], own_litter[j] = soil[site, j] * weight, litter[site, j] * weight
        couplings(p[_DIFFUS], p[_CRYO], thaw[row], nbedrock[row], conserving, a, c)
        for k in range(N_POOLS):
            rate = own_litter if 1 <= k <= 3 else own
            stock, total, modified, decomposing = 0.0, 0.0, 0.0, 0.0
            for j in range(_N):
                carbon = pools[site, k, j]
                total += carbon
                stock += carbon * THICKNESS[j]
                modified += carbon * modifier[j]
                decomposing += carbon * rate[j]
            by_pool[0, site, k], by_pool[1, site, k] = stock, total
            by_pool[2, site, k], by_pool[3, site, k] = modified, decomposing
        soc, soc_modified, mixed = 0.0, 0.0, 0.0
        for j in range(_N):
            carbon = pools[site, 4, j] + pools[site, 5, j] + pools[site, 6, j]
            soc += carbon * THICKNESS[j]
            soc_modified += carbon * modifier[j]
            mixed += carbon * THICKNESS[j] * (a[j] + c[j])
        of_soc[0, site], of_soc[1, site], of_soc[2, site] = soc, soc_modified, mixed
