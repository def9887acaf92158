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
_N1, _N2, _N3, _N4, _N5, _N6, _N7 = (k * N_LAYERS for k in range(1, 8))


@njit(**_COMPILE)
def monthly_means(
    start, stop, parameters, temperature, water, oxygen, nitrogen, cell, means, slopes
):  # fmt: skip
    """Month means of xi_T xi_W xi_O of the sites `start` to `stop`, and of the same times xi_N.

    Parameters
    ----------
    start, stop : int
        Range of sites.
    parameters : (site, 21)
        Of which `q10` and `w_scaling` act on monthly scalars.
    temperature, water, oxygen, nitrogen : (row, 240)
        Months times layers, so that a sum over months runs in vectors of layers; K, and 0 to 1.
        float64 or float32.
    cell : (site,)
        Row of each site.
    means : (3, site, 20)
        Written: for soil, for litter, and the product of the month means of xi_T and xi_W, which
        diagnostics use.
    slopes : (site, 4, 20)
        Written: derivatives of soil and litter by q10, then by w_scaling; not if it has no row.
    """
    exponent, bits = np.empty(_SIZE), np.empty(_SIZE, np.int64)
    two_k, rest = bits.view(np.float64), np.empty(_SIZE)
    sums = np.empty(8 * N_LAYERS)
    derivatives = slopes.shape[0] > 0
    for site in range(start, stop):
        row, w = cell[site], parameters[site, _W_SCALING]
        log_q10 = 0.1 * math.log(parameters[site, _Q10])
        kelvin = temperature[row]
        for i in range(_SIZE):
            exponent[i] = (kelvin[i] - _REFERENCE) * log_q10
        exponential_parts(exponent, rest, bits)
        sums[:] = 0.0
        _add_months(w, water[row], oxygen[row], nitrogen[row], two_k, rest, sums)
        for j in range(N_LAYERS):
            means[0, site, j], means[1, site, j] = sums[j] / 12.0, sums[_N1 + j] / 12.0
            means[2, site, j] = (sums[_N2 + j] / 12.0) * (sums[_N3 + j] / 12.0)
        if derivatives:
            _add_slopes(w, kelvin, water[row], oxygen[row], nitrogen[row], two_k, rest, sums)
            per_q10 = 0.1 / (12.0 * parameters[site, _Q10])
            for j in range(N_LAYERS):
                slopes[site, 0, j] = sums[_N4 + j] * per_q10
                slopes[site, 1, j] = sums[_N5 + j] * per_q10
                slopes[site, 2, j], slopes[site, 3, j] = sums[_N6 + j] / 12.0, sums[_N7 + j] / 12.0


@njit(**_COMPILE)
def _add_months(w, moist, air, nitro, two_k, rest, sums):
    """Add up over months: xi_T xi_W xi_O, the same times xi_N, xi_T, xi_W; one part each."""
    for month in range(12):
        first = month * N_LAYERS
        for j in range(N_LAYERS):
            i = first + j
            scaled = w * moist[i]
            wet = scaled if scaled < 1.0 else 1.0
            power = two_k[i] + two_k[i] * rest[i]
            xi = power * air[i] * wet
            sums[j] += xi
            sums[_N1 + j] += xi * nitro[i]
            sums[_N2 + j] += power
            sums[_N3 + j] += wet


@njit(**_COMPILE)
def _add_slopes(w, kelvin, moist, air, nitro, two_k, rest, sums):
    """Add up over months the slopes by ln q10 (times 10), and by w_scaling; with xi_N second."""
    for month in range(12):
        first = month * N_LAYERS
        for j in range(N_LAYERS):
            i = first + j
            scaled = w * moist[i]
            power = (two_k[i] + two_k[i] * rest[i]) * air[i]
            slope = power * (scaled if scaled < 1.0 else 1.0) * (kelvin[i] - _REFERENCE)
            below = power * moist[i] if scaled < 1.0 else 0.0
            sums[_N4 + j] += slope
            sums[_N5 + j] += slope * nitro[i]
            sums[_N6 + j] += below
            sums[_N7 + j] += below * nitro[i]


@njit(**_COMPILE)
def monthly_means_adjoint(start, stop, d_soil, d_litter, slopes, d_parameters):
    """Write the gradient with respect to `q10` and `w_scaling` to their columns, (site, 21)."""
    for site in range(start, stop):
        by_q10, by_w = 0.0, 0.0
        for j in range(N_LAYERS):
            by_q10 += d_soil[site, j] * slopes[site, 0, j] + d_litter[site, j] * slopes[site, 1, j]
            by_w += d_soil[site, j] * slopes[site, 2, j] + d_litter[site, j] * slopes[site, 3, j]
        d_parameters[site, _Q10], d_parameters[site, _W_SCALING] = by_q10, by_w
