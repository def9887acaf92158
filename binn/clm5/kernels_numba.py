"""The steady state of one site after another on the CPU: compiled, fused, with its adjoint.

The same elimination as `kernels_torch` (see there), with everything between the parameters and the
pools in one pass, so that nothing but forcing, parameters and pools crosses the memory bus. Three
simplifications hold at steady state: what coarse woody debris gives to litter is its own input;
cellulose and lignin litter share one operator, since they turn over at one rate; and all litter
enters with one profile, so that two tridiagonal solves serve three pools.

`steady_state` returns the pools; `adjoint` turns their gradient into that of the parameters and of
the two monthly mean scalars. Both work on a range of sites and hold no lock, so that threads can
share the sites.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from binn.clm5.column import DAYS_PER_YEAR, N_LAYERS, NODES, THICKNESS, TOPS
from binn.clm5.kernels_numba_exponential import exponential_parts
from binn.clm5.kernels_numba_soil import soil_inverse, soil_pools, soil_transposed
from binn.clm5.kernels_numba_transport import couplings, couplings_adjoint
from binn.parameters import index

__all__ = ["adjoint", "steady_state"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_N = N_LAYERS
_TOPS, _THICKNESS = 100.0 * TOPS, 100.0 * THICKNESS  # cm, as beta counts depth
_PER_THICKNESS, _PER_YEAR = 1.0 / THICKNESS, 1.0 / DAYS_PER_YEAR
_DIFFUS, _CRYO, _EFOLDING, _BETA = (index(k) for k in ("diffus", "cryo", "efolding", "beta"))
_CWD, _L1, _L2 = (index(k) for k in ("tau4cwd", "tau4l1", "tau4l2"))
_S1, _S2, _S3 = (index(k) for k in ("tau4s1", "tau4s2", "tau4s3"))
_FL1S1, _FL2S1, _FL3S2 = (index(k) for k in ("fl1s1", "fl2s1", "fl3s2"))
_FS1S2, _FS1S3, _FS2S1 = (index(k) for k in ("fs1s2", "fs1s3", "fs2s1"))
_FS2S3, _FS3S1, _FCWDL2 = (index(k) for k in ("fs2s3", "fs3s1", "fcwdl2"))


@njit(**_COMPILE)
def _over_depth(
    p, soil, litter, bottom, frozen, exponent, rest, bits, depth, x, x_litter, raw, end
):
    """What depth does to one site: scalars of the rates, profile of the input.

    Written: the depth scalar `depth`; `x` and `x_litter`, the scalars of the soil and litter rates
    (below `bottom` those of the first layer); `raw`, the input profile before it is normalised, and
    `end`, beta to the depth of each lower interface. Returns the sum of `raw`.
    """
    log_beta = math.log(p[_BETA])
    for j in range(_N):
        exponent[j] = -NODES[j] / p[_EFOLDING]
        exponent[_N + j] = _TOPS[j] * log_beta
        exponent[2 * _N + j] = _THICKNESS[j] * log_beta
    exponential_parts(exponent, rest, bits)
    two_k = bits.view(np.float64)
    total = 0.0
    for j in range(_N):
        top, layer = _N + j, 2 * _N + j
        depth[j] = two_k[j] + two_k[j] * rest[j]
        x[j], x_litter[j] = soil[j] * depth[j], litter[j] * depth[j]
        above = two_k[top] + two_k[top] * rest[top]
        lost = (1.0 - two_k[layer]) - two_k[layer] * rest[layer]
        raw[j] = above * lost if j < bottom else 0.0
        end[j] = above * (1.0 - lost)
        total += raw[j]
    for j in range(bottom, _N):
        x[j], x_litter[j] = x[0], x_litter[0]
    if frozen:
        raw[:] = 0.0
        raw[0] = total = 1.0
    return total


@njit(**_COMPILE)
def steady_state(
    start, stop, parameters, soil, litter, inputs, nbedrock, thaw, frozen, cell, conserving,
    pools, soc, inverse, pivots,
):  # fmt: skip
    """Pools of the sites `start` to `stop`.

    Parameters
    ----------
    start, stop : int
        Range of sites.
    parameters : (site, 21)
        Physical units.
    soil, litter : (site, 20)
        Month means of xi_T xi_W xi_O, without and with xi_N.
    inputs : (row, 4)
        Yearly input to CWD and litter 1 to 3, gC m-2 yr-1.
    nbedrock, thaw, frozen : (row,), (row, month or 1), (row,)
        Bedrock layer, active layer (m), and whether all input enters the first layer.
    cell : (site,)
        Row of each site.
    conserving : bool
        Bedrock scheme.
    pools, soc : (site, 7, 20), (site, 20)
        Written: gC m-3, float64 or float32.
    inverse, pivots : (site, 20, 9), (site, 2, 20)
        Written, for the adjoint: inverse pivots of the soil and of the litter systems.
        Or a single row, used over and over, where no adjoint will be asked for.
    """
    depth, x, x_litter = np.empty(_N), np.empty(_N), np.empty(_N)
    raw, end, source = np.empty(_N), np.empty(_N), np.empty(_N)
    exponent, rest, bits = np.empty(3 * _N), np.empty(3 * _N), np.empty(3 * _N, np.int64)
    a, c = np.empty(_N), np.empty(_N)
    keep = inverse.shape[0] == parameters.shape[0]
    out = np.empty((7, _N))  # float64 whatever the precision of the result
    for site in range(start, stop):
        p, row = parameters[site], cell[site]
        d = pivots[site if keep else 0]
        bottom = nbedrock[row] if conserving else _N
        total = _over_depth(
            p, soil[site], litter[site], bottom, frozen[row],
            exponent, rest, bits, depth, x, x_litter, raw, end,
        )  # fmt: skip
        couplings(p[_DIFFUS], p[_CRYO], thaw[row], nbedrock[row], conserving, a, c)
        scale = 1.0 / total
        for j in range(_N):
            source[j] = raw[j] * scale * _PER_THICKNESS[j]

        # litter: unit solutions of the two operators for the input profile
        rate1, rate2 = 1.0 / (DAYS_PER_YEAR * p[_L1]), 1.0 / (DAYS_PER_YEAR * p[_L2])
        sum1, sum2 = rate1 * x_litter[0], rate2 * x_litter[0]
        y1, y2 = source[0], source[0]
        for j in range(_N):
            d1, d2 = 1.0 / (sum1 + c[j]), 1.0 / (sum2 + c[j])
            d[0, j], d[1, j] = d1, d2
            out[1, j], out[2, j] = y1, y2
            if j + 1 < _N:
                d1, d2 = a[j + 1] * d1, a[j + 1] * d2
                sum1 = rate1 * x_litter[j + 1] + d1 * sum1
                sum2 = rate2 * x_litter[j + 1] + d2 * sum2
                y1, y2 = source[j + 1] + d1 * y1, source[j + 1] + d2 * y2
        into = inputs[row]
        amount1 = into[1] / DAYS_PER_YEAR
        amount2 = (into[2] + p[_FCWDL2] * into[0]) / DAYS_PER_YEAR
        amount3 = (into[3] + (1.0 - p[_FCWDL2]) * into[0]) / DAYS_PER_YEAR
        y1, y2 = 0.0, 0.0
        for j in range(_N - 1, -1, -1):
            y1, y2 = (out[1, j] + c[j] * y1) * d[0, j], (out[2, j] + c[j] * y2) * d[1, j]
            out[1, j], out[2, j], out[3, j] = amount1 * y1, amount2 * y2, amount3 * y2
            out[0, j] = into[0] * source[j] * p[_CWD] / x[j]
        into_soil = out[4:]
        for j in range(_N):
            k1, k2 = rate1 * x_litter[j], rate2 * x_litter[j]
            into_soil[0, j] = p[_FL1S1] * k1 * out[1, j] + p[_FL2S1] * k2 * out[2, j]
            into_soil[1, j] = p[_FL3S2] * k2 * out[3, j]
            into_soil[2, j] = 0.0
        z = inverse[site if keep else 0]
        soil_inverse(p, x, a, c, 0.0, z)
        soil_pools(a, c, z, into_soil)
        for j in range(_N):
            soc[site, j] = out[4, j] + out[5, j] + out[6, j]
            for k in range(7):
                pools[site, k, j] = out[k, j]


@njit(**_COMPILE)
def adjoint(
    start, stop, parameters, soil, litter, inputs, nbedrock, thaw, frozen, cell, conserving,
    pools, inverse, pivots, gradient, soc_gradient, d_parameters, d_soil, d_litter,
):  # fmt: skip
    """Gradient of a scalar with respect to parameters and monthly mean scalars.

    Parameters
    ----------
    start, stop, parameters, soil, litter, inputs, nbedrock, thaw, frozen, cell, conserving
        As :func:`steady_state`.
    pools, inverse, pivots
        What it wrote.
    gradient, soc_gradient : (site, 7, 20), (site, 20)
        d scalar / d pools, d scalar / d SOC.
    d_parameters, d_soil, d_litter : (site, 21), (site, 20), (site, 20)
        Written; the columns of `q10` and `w_scaling` stay 0, their gradient goes through the means.
    """
    depth, x, x_litter = np.empty(_N), np.empty(_N), np.empty(_N)
    raw, end = np.empty(_N), np.empty(_N)
    exponent, rest, bits = np.empty(3 * _N), np.empty(3 * _N), np.empty(3 * _N, np.int64)
    a, c, d_a, d_c, d_share = np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N)
    adj, d_rate = np.empty((7, _N)), np.empty(7)
    years, per_day, d_per_day = np.empty(7), np.empty(7), np.empty(7)
    for site in range(start, stop):
        p, row, g, out = parameters[site], cell[site], gradient[site], pools[site]
        dp = d_parameters[site]
        bottom = nbedrock[row] if conserving else _N
        total = _over_depth(
            p, soil[site], litter[site], bottom, frozen[row],
            exponent, rest, bits, depth, x, x_litter, raw, end,
        )  # fmt: skip
        couplings(p[_DIFFUS], p[_CRYO], thaw[row], nbedrock[row], conserving, a, c)
        into, f = inputs[row], p[_FCWDL2]
        years[0], years[1], years[2], years[3] = p[_CWD], p[_L1], p[_L2], p[_L2]
        years[4], years[5], years[6] = p[_S1], p[_S2], p[_S3]
        for k in range(7):
            per_day[k] = 1.0 / (DAYS_PER_YEAR * years[k])
            d_per_day[k] = 0.0
        dp[:] = 0.0

        soil_adjoint = adj[4:]
        for j in range(_N):
            for k in range(3):
                soil_adjoint[k, j] = g[4 + k, j] + soc_gradient[site, j]
        soil_transposed(a, c, inverse[site], soil_adjoint)

        # transposed litter systems, fed by what they give to the soil
        for k in range(1, 4):
            d = pivots[site, 0 if k == 1 else 1]
            receiver = 5 if k == 3 else 4
            fraction = p[_FL1S1] if k == 1 else (p[_FL2S1] if k == 2 else p[_FL3S2])
            passed = fraction * per_day[k]
            carried = 0.0
            for j in range(_N):
                carried += g[k, j] + passed * x_litter[j] * adj[receiver, j]
                adj[k, j] = carried
                carried = c[j] * carried * d[j]
            value = 0.0
            for j in range(_N - 1, -1, -1):
                up = a[j + 1] if j + 1 < _N else 0.0
                value = (adj[k, j] + up * value) * d[j]
                adj[k, j] = value

        d_efolding, mean_share = 0.0, 0.0
        for j in range(_N):
            onwards = f * adj[2, j] + (1.0 - f) * adj[3, j]
            adj[0, j] = g[0, j] / (per_day[0] * x[j]) + onwards
            # what each pool's flux is worth where it arrives, less what it is worth where it was
            l0, l1, l2 = adj[4, j], adj[5, j], adj[6, j]
            d_rate[0] = out[0, j] * (onwards - adj[0, j])
            d_rate[1] = out[1, j] * (p[_FL1S1] * l0 - adj[1, j])
            d_rate[2] = out[2, j] * (p[_FL2S1] * l0 - adj[2, j])
            d_rate[3] = out[3, j] * (p[_FL3S2] * l1 - adj[3, j])
            d_rate[4] = out[4, j] * (p[_FS1S2] * l1 + p[_FS1S3] * l2 - l0)
            d_rate[5] = out[5, j] * (p[_FS2S1] * l0 + p[_FS2S3] * l2 - l1)
            d_rate[6] = out[6, j] * (p[_FS3S1] * l0 - l2)
            dp[_FCWDL2] += x[j] * per_day[0] * out[0, j] * (adj[2, j] - adj[3, j])
            dp[_FL1S1] += x_litter[j] * per_day[1] * out[1, j] * l0
            dp[_FL2S1] += x_litter[j] * per_day[2] * out[2, j] * l0
            dp[_FL3S2] += x_litter[j] * per_day[3] * out[3, j] * l1
            fast, slow = x[j] * per_day[4] * out[4, j], x[j] * per_day[5] * out[5, j]
            dp[_FS1S2] += fast * l1
            dp[_FS1S3] += fast * l2
            dp[_FS2S1] += slow * l0
            dp[_FS2S3] += slow * l2
            dp[_FS3S1] += x[j] * per_day[6] * out[6, j] * l0
            d_x, d_x_litter = 0.0, 0.0
            for k in range(7):
                if 1 <= k <= 3:
                    d_x_litter += d_rate[k] * per_day[k]
                    d_per_day[k] += d_rate[k] * x_litter[j]
                else:
                    d_x += d_rate[k] * per_day[k]
                    d_per_day[k] += d_rate[k] * x[j]
            d_soil[site, j], d_litter[site, j] = d_x * depth[j], d_x_litter * depth[j]
            slope = (d_x * soil[site, j] + d_x_litter * litter[site, j]) * depth[j] * NODES[j]
            d_efolding += slope
            worth = into[0] * adj[0, j] + into[1] * adj[1, j]
            worth += into[2] * adj[2, j] + into[3] * adj[3, j]
            d_share[j] = worth * _PER_YEAR * _PER_THICKNESS[j]
            mean_share += d_share[j] * raw[j]
            d_a[j], d_c[j] = 0.0, 0.0
            for k in range(1, 7):
                if j > 0:
                    d_a[j] += adj[k, j] * (out[k, j - 1] - out[k, j])
                if j + 1 < _N:
                    d_c[j] += adj[k, j] * (out[k, j + 1] - out[k, j])
        dp[_EFOLDING] = d_efolding / (p[_EFOLDING] * p[_EFOLDING])
        for k in range(7):  # by turnover time in years, from rate in days
            d_per_day[k] *= -per_day[k] / years[k]
        dp[_CWD], dp[_L1], dp[_L2] = d_per_day[0], d_per_day[1], d_per_day[2] + d_per_day[3]
        dp[_S1], dp[_S2], dp[_S3] = d_per_day[4], d_per_day[5], d_per_day[6]
        dp[_DIFFUS], dp[_CRYO] = couplings_adjoint(
            p[_DIFFUS], p[_CRYO], thaw[row], nbedrock[row], conserving, d_a, d_c
        )
        if not frozen[row]:
            d_log = 0.0
            for j in range(bottom):
                slope = _TOPS[j] * raw[j] - _THICKNESS[j] * end[j]
                d_log += slope * (d_share[j] - mean_share / total) / total
            dp[_BETA] = d_log / p[_BETA]
