"""Compiled: adaptive Metropolis whose adaptation ends with warm-up.

Chains walk in ``z = logit(u)``, where the unit box has no walls; the uniform prior of u becomes the
density ``u (1 - u)`` of z, so that the target is ``exp(-J) prod u (1 - u)``. During warm-up the
covariance of the Gaussian steps is taken from the chain's own past, at the end of windows that grow
(Haario et al. 2001, doi:10.2307/3318737), and their size approaches the acceptance 0.234
(Andrieu and Thoms 2008, doi:10.1007/s11222-008-9110-y). Afterwards both stay as they are: plain
Metropolis, with detailed balance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from binn.calibration.kernels import BLOCK, forward, misfit_of, observe, workspace
from binn.calibration.kernels_random import normal, uniform
from binn.calibration.kernels_scatter import add_repeats, rank_one

__all__ = ["AdaptiveChains", "AdaptiveRules", "advance", "decide", "propose", "start"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
_BEST_ACCEPTANCE = 0.234
_FIRST_STEP = 0.5  # standard deviation of z, before anything is known
_RIDGE, _DOUBT = 5e-3, 5.0  # added to the variances of z: _RIDGE / (steps + _DOUBT), as Stan does


class AdaptiveRules(NamedTuple):
    """Constants of the walk.

    Attributes
    ----------
    warmup, samples, thin : int
        Steps, and those of one draw kept.
    windows : ndarray (window,) of int64
        Steps of warm-up after which the covariance is renewed.
    """

    warmup: int
    samples: int
    thin: int
    windows: NDArray[np.int64]


class AdaptiveChains(NamedTuple):
    """State of all chains, and what they record.

    Attributes
    ----------
    site : ndarray (chain,) of int64
    random : ndarray (chain, 4) of uint64
        Generators.
    u : ndarray (chain, 21)
        Where each chain is, normalised; given for parameters that are not free.
    z : ndarray (chain, d)
        Logits of the free ones.
    misfit, value : ndarray (chain,)
        There; and the logarithm of the target.
    log_size : ndarray (chain,)
        Of the steps, relative to `factor`.
    step, adapted, accepted, repeats, count : ndarray (chain,) of int64
        Steps; steps since the covariance was renewed; acceptances after warm-up; steps spent in `z`
        and not yet in the covariance; steps that are.
    factor, mean, scatter : ndarray (chain, d, d), (chain, d), (chain, d, d)
        Triangular factor of the covariance of steps; mean and scatter of this window.
    draws : ndarray (chain, draw, 21) of float32
    trace : ndarray (chain, draw) of float32
        Misfit of each draw.
    """

    site: NDArray[np.int64]
    random: NDArray[np.uint64]
    u: NDArray[np.float64]
    z: NDArray[np.float64]
    misfit: NDArray[np.float64]
    value: NDArray[np.float64]
    log_size: NDArray[np.float64]
    step: NDArray[np.int64]
    adapted: NDArray[np.int64]
    accepted: NDArray[np.int64]
    repeats: NDArray[np.int64]
    count: NDArray[np.int64]
    factor: NDArray[np.float64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    draws: NDArray[np.float32]
    trace: NDArray[np.float32]


@njit(**_COMPILE)
def _log_slope(z):
    """``ln(u (1 - u))`` of ``u = 1 / (1 + exp(-z))``."""
    size = abs(z)
    return -size - 2.0 * math.log1p(math.exp(-size))


@njit(**_COMPILE)
def start(c, chains, free, to):
    """Draw where a chain begins, well inside the box, and write it to `to` (21,)."""
    d = len(free)
    to[:] = chains.u[c]
    for k in range(d):
        u = 0.1 + 0.8 * uniform(chains.random[c])
        chains.z[c, k] = math.log(u / (1.0 - u))
        to[free[k]] = u
        for i in range(d):
            chains.factor[c, k, i] = _FIRST_STEP if i == k else 0.0
    chains.log_size[c] = math.log(2.38 / math.sqrt(d))


@njit(**_COMPILE)
def propose(c, chains, free, to_z, to):
    """Write a proposal to `to_z` (d,) and `to` (21,)."""
    d = len(free)
    size = math.exp(chains.log_size[c])
    other = 0.0
    for k in range(d):
        to_z[k] = chains.z[c, k]
    for k in range(d):
        if k % 2 == 0:
            step, other = normal(chains.random[c])
        else:
            step = other
        for i in range(k, d):
            to_z[i] += size * chains.factor[c, k, i] * step
    to[:] = chains.u[c]
    for k in range(d):
        to[free[k]] = 1.0 / (1.0 + math.exp(-to_z[k]))


@njit(**_COMPILE)
def _renew(c, chains, d, here):
    """Take the covariance of the window that ended, and begin the next."""
    n = chains.count[c]
    for k in range(d):
        here[:] = 0.0
        here[k] = math.sqrt(_RIDGE / (n + _DOUBT) * (n - 1))
        rank_one(chains.scatter[c], here, d)
    by = 1.0 / math.sqrt(n - 1)
    for k in range(d):
        for i in range(d):
            chains.factor[c, k, i] = by * chains.scatter[c, k, i]
    chains.log_size[c] = math.log(2.38 / math.sqrt(d))
    chains.scatter[c, :, :] = 0.0
    chains.mean[c, :] = 0.0
    chains.count[c], chains.adapted[c] = 0, 0


@njit(**_COMPILE)
def decide(c, chains, free, rules, to_z, to, misfit, here):
    """Accept a proposal or not, adapt while it is time, and keep a draw when it is."""
    d = len(free)
    value = -misfit
    for k in range(d):
        value += _log_slope(to_z[k])
    better = value - chains.value[c]
    chance = 1.0 if better >= 0.0 else math.exp(better)  # NaN, a failed solve, stays NaN
    first = chains.step[c] < 0
    chains.step[c] += 1
    step, warming = chains.step[c], chains.step[c] <= rules.warmup
    if first or uniform(chains.random[c]) < chance:
        if not first and warming:
            chains.count[c] = add_repeats(
                chains.mean[c], chains.scatter[c], chains.count[c], chains.z[c],
                chains.repeats[c], here, d,
            )  # fmt: skip
            chains.repeats[c] = 0
        chains.u[c, :] = to
        chains.z[c, :] = to_z
        chains.misfit[c], chains.value[c] = misfit, value
        if not warming:
            chains.accepted[c] += 1
    if first:
        return
    if warming:
        chains.repeats[c] += 1
        chains.adapted[c] += 1
        rate = chance if chance >= 0.0 else 0.0
        chains.log_size[c] += (rate - _BEST_ACCEPTANCE) / chains.adapted[c] ** 0.6
        for window in rules.windows:
            if step == window:
                chains.count[c] = add_repeats(
                    chains.mean[c], chains.scatter[c], chains.count[c], chains.z[c],
                    chains.repeats[c], here, d,
                )  # fmt: skip
                chains.repeats[c] = 0
                _renew(c, chains, d, here)
    elif (step - rules.warmup) % rules.thin == 0:
        draw = (step - rules.warmup) // rules.thin - 1
        if draw < chains.draws.shape[1]:
            for i in range(len(to)):
                chains.draws[c, draw, i] = chains.u[c, i]
            chains.trace[c, draw] = chains.misfit[c]


@njit(**_COMPILE)
def advance(begin, end, chains, free, rules, sites):
    """Run the chains `begin` to `end`, at most a block, to their end.

    Parameters
    ----------
    begin, end : int
        Range of chains; ``end - begin <= BLOCK``.
    chains : AdaptiveChains
        Advanced in place; their steps are -1 before the first.
    free : (d,) of int64
        Positions of the free parameters.
    rules : AdaptiveRules
    sites : Sites
    """
    n = end - begin
    work = workspace(BLOCK)
    to_z, to = np.empty((n, len(free))), np.empty((n, chains.u.shape[1]))
    here = np.empty(len(free))
    site = chains.site[begin:end]
    longest = 0
    for s in site:
        longest = max(longest, sites.first[s + 1] - sites.first[s])
    at = np.empty(longest)
    for step in range(rules.warmup + rules.samples + 1):
        for k in range(n):
            if step == 0:
                start(begin + k, chains, free, to[k])
                to_z[k] = chains.z[begin + k]
            else:
                propose(begin + k, chains, free, to_z[k], to[k])
        forward(n, to, site, sites, work)
        for k in range(n):
            observe(work.soc[k], site[k], sites, at)
            misfit = misfit_of(at, site[k], sites)
            decide(begin + k, chains, free, rules, to_z[k], to[k], misfit, here)
