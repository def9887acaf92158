"""Month means of the environmental scalars, compiled: 240 exponentials a site, in vector form.

The twelve-month scalars, not the solve, dominate the cost of a forward run, so they are computed in
loops without branches that the compiler turns into vector instructions.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from binn.clm5.column import N_LAYERS
from binn.clm5.kernels_numba_exponential import exponential_parts
from binn.parameters import index

__all__ = ["monthly_means", "monthly_means_adjoint"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_SIZE = N_LAYERS * 12
_Q10, _W_SCALING = index("q10"), index("w_scaling")
_REFERENCE = 298.15  # K, as in `environment`


@njit(**_COMPILE)
def monthly_means(
    start, stop, q10, w_scaling, temperature, water, oxygen, nitrogen, cell,
    soil, litter, climate, slopes,
):  # fmt: skip
    """Month means of xi_T xi_W xi_O of the sites `start` to `stop`, and of the same times xi_N.

    Parameters
    ----------
    start, stop : int
        Range of sites.
    q10, w_scaling : (site,)
        The two parameters that act on monthly scalars.
    temperature, water, oxygen, nitrogen : (row, 240)
        Layers times months; K, and 0 to 1. float64 or float32.
    cell : (site,)
        Row of each site.
    soil, litter : (site, 20)
        Written.
    climate : (site, 20)
        Written: the product of the month means of xi_T and xi_W, which diagnostics use.
    slopes : (site, 4, 20)
        Written: derivatives of soil and litter by q10, then by w_scaling; not if it has no row.
    """
    exponent, power, bits = np.empty(_SIZE), np.empty(_SIZE), np.empty(_SIZE, np.int64)
    two_k, rest = bits.view(np.float64), np.empty(_SIZE)
    wet, below = np.empty(_SIZE), np.empty(_SIZE)
    derivatives = slopes.shape[0] > 0
    for site in range(start, stop):
        row, w = cell[site], w_scaling[site]
        log_q10 = 0.1 * math.log(q10[site])
        kelvin, moist, air, nitro = temperature[row], water[row], oxygen[row], nitrogen[row]
        for i in range(_SIZE):
            exponent[i] = (kelvin[i] - _REFERENCE) * log_q10
        exponential_parts(exponent, rest, bits)
        for i in range(_SIZE):
            scaled = w * moist[i]
            wet[i] = scaled if scaled < 1.0 else 1.0
            power[i] = two_k[i] + two_k[i] * rest[i]
        for j in range(N_LAYERS):
            total, total_n, warm, moist_mean = 0.0, 0.0, 0.0, 0.0
            for i in range(12 * j, 12 * j + 12):
                warm += power[i]
                moist_mean += wet[i]
                power[i] *= air[i]
                xi = power[i] * wet[i]
                total += xi
                total_n += xi * nitro[i]
            soil[site, j], litter[site, j] = total / 12.0, total_n / 12.0
            climate[site, j] = (warm / 12.0) * (moist_mean / 12.0)
        if derivatives:
            per_q10 = 0.1 / q10[site]
            for i in range(_SIZE):
                below[i] = power[i] * moist[i] if w * moist[i] < 1.0 else 0.0
            for j in range(N_LAYERS):
                by_q10, by_q10_n, by_w, by_w_n = 0.0, 0.0, 0.0, 0.0
                for i in range(12 * j, 12 * j + 12):
                    slope = power[i] * wet[i] * (kelvin[i] - _REFERENCE)
                    by_q10 += slope
                    by_q10_n += slope * nitro[i]
                    by_w += below[i]
                    by_w_n += below[i] * nitro[i]
                slopes[site, 0, j] = by_q10 * per_q10 / 12.0
                slopes[site, 1, j] = by_q10_n * per_q10 / 12.0
                slopes[site, 2, j], slopes[site, 3, j] = by_w / 12.0, by_w_n / 12.0


@njit(**_COMPILE)
def monthly_means_adjoint(start, stop, d_soil, d_litter, slopes, d_parameters):
    """Write the gradient with respect to `q10` and `w_scaling` to their columns, (site, 21)."""
    for site in range(start, stop):
        by_q10, by_w = 0.0, 0.0
        for j in range(N_LAYERS):
            by_q10 += d_soil[site, j] * slopes[site, 0, j] + d_litter[site, j] * slopes[site, 1, j]
            by_w += d_soil[site, j] * slopes[site, 2, j] + d_litter[site, j] * slopes[site, 3, j]
        d_parameters[site, _Q10], d_parameters[site, _W_SCALING] = by_q10, by_w
