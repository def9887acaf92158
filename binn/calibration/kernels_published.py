"""Compiled: the authors' annealed site calibration (spec section 11; Tao et al. 2023).

Chains advance a block at a time: every chain proposes, the process model runs over all proposals,
every chain decides. A chain goes through two phases by itself: uniform steps that learn a
covariance, then Gaussian steps with that covariance, which is estimated anew at every step once
enough have been taken. A step to a misfit larger by dJ is accepted with probability
``exp(-dJ ln(n + 2))``, n counted from 1 in each phase: the later, the colder.

This is no sampler of a posterior, it is described here because PRODA is made with it. As in the
authors' program the second phase begins where the first ended, yet with the misfit of the first
phase's start.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from binn.calibration.kernels import BLOCK, forward, misfit_of, observe, workspace
from binn.calibration.kernels_random import normal, uniform
from binn.calibration.kernels_scatter import add_repeats

__all__ = ["FINISHED", "GAVE_UP", "PublishedChains", "PublishedRules", "advance"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
FINISHED, GAVE_UP = 3, 4
"""Phases of a chain that stands still: acceptance within bounds, or not even when done again."""


class PublishedRules(NamedTuple):
    """Constants of the scheme; see :class:`binn.calibration.mcmc.Published`."""

    first: int
    second: int
    adapt_from: int
    divisor: float
    fewest_accepted: int
    narrowings: int
    scale: float
    lowest: float
    highest: float
    redos: int
    tries: int


class PublishedChains(NamedTuple):
    """State of all chains, and what they record.

    Attributes
    ----------
    site : ndarray (chain,) of int64
    random : ndarray (chain, 4) of uint64
        Generators.
    u : ndarray (chain, 21)
        Where each chain is, normalised.
    misfit, start_misfit : ndarray (chain,)
        There, and at the start.
    start : ndarray (chain, 21)
    phase, step, accepted, repeats, count : ndarray (chain,) of int64
        Phase 1, 2 or standing still; steps and acceptances of the phase; steps spent in `u` and not
        yet in the covariance; steps that are.
    narrowed, redone, stride : ndarray (chain,) of int64
        Times the first phase was repeated with smaller steps, and the chain with another
        covariance; accepted states for each one kept.
    divisor, scale : ndarray (chain,)
        Of the uniform steps; of the covariance.
    mean, scatter, first_scatter : ndarray (chain, d), (chain, d, d), (chain, d, d)
        Of the phase's states; and of the first phase, kept in the second.
    draws : ndarray (chain, keep, 21) of float32
        Accepted states of the second phase, every `stride`-th.
    trace : ndarray (chain, point) of float32
        Misfit at evenly spaced steps of both phases.
    """

    site: NDArray[np.int64]
    random: NDArray[np.uint64]
    u: NDArray[np.float64]
    misfit: NDArray[np.float64]
    start_misfit: NDArray[np.float64]
    start: NDArray[np.float64]
    phase: NDArray[np.int64]
    step: NDArray[np.int64]
    accepted: NDArray[np.int64]
    repeats: NDArray[np.int64]
    count: NDArray[np.int64]
    narrowed: NDArray[np.int64]
    redone: NDArray[np.int64]
    stride: NDArray[np.int64]
    divisor: NDArray[np.float64]
    scale: NDArray[np.float64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    first_scatter: NDArray[np.float64]
    draws: NDArray[np.float32]
    trace: NDArray[np.float32]


@njit(**_COMPILE)
def _begin(c, phase, chains):
    """Begin a phase: nothing counted yet."""
    chains.phase[c], chains.step[c], chains.accepted[c] = phase, 0, 0
    chains.repeats[c], chains.count[c] = 0, 0
    chains.mean[c, :] = 0.0
    chains.scatter[c, :, :] = 0.0


@njit(**_COMPILE)
def _begin_again(c, chains, rules):
    """The whole chain, from the start; its generator goes on."""
    chains.u[c, :] = chains.start[c]
    chains.misfit[c] = chains.start_misfit[c]
    chains.divisor[c] = rules.divisor
    chains.narrowed[c], chains.stride[c] = 0, 1
    _begin(c, 1, chains)


@njit(**_COMPILE)
def _step_within(c, chains, free, rules, moved, to):
    """Write a proposal inside the unit box to `to` (21,); False if there was none in `tries`.

    Steps that leave the box are drawn again: a parameter at a time, as soon as one is outside.
    """
    d = len(free)
    random, u = chains.random[c], chains.u[c]
    uniform_steps = chains.phase[c] == 1
    factor, by = chains.first_scatter[c], 0.0
    if not uniform_steps:
        steps = rules.first
        if chains.step[c] > rules.adapt_from:
            factor, steps = chains.scatter[c], chains.step[c]
        by = math.sqrt(chains.scale[c] / d / (steps - 1))
    for _ in range(rules.tries):
        inside, other = True, 0.0
        for k in range(d):
            moved[k] = 0.0
        for k in range(d):
            if uniform_steps:
                value = u[free[k]] + (uniform(random) - 0.5) / chains.divisor[c]
            else:
                if k % 2 == 0:
                    z, other = normal(random)
                else:
                    z = other
                for i in range(k, d):
                    moved[i] += factor[k, i] * z
                value = u[free[k]] + by * moved[k]
            if not 0.0 < value < 1.0:
                inside = False
                break
            to[free[k]] = value
        if inside:
            return True
    return False


@njit(**_COMPILE)
def _remember(c, chains):
    """Keep the state just accepted, if it is its turn; thin out by two when memory is full."""
    number = chains.accepted[c] - 1
    if number % chains.stride[c] != 0:
        return
    keep = chains.draws.shape[1]
    slot = number // chains.stride[c]
    if slot == keep:
        for k in range(1, keep // 2):
            chains.draws[c, k] = chains.draws[c, 2 * k]
        chains.stride[c] *= 2
        slot = keep // 2
    for i in range(chains.u.shape[1]):
        chains.draws[c, slot, i] = chains.u[c, i]


@njit(**_COMPILE)
def _flush(c, chains, free, here, difference):
    """Add the steps spent in the present state to mean and scatter."""
    d = len(free)
    for k in range(d):
        here[k] = chains.u[c, free[k]]
    chains.count[c] = add_repeats(
        chains.mean[c], chains.scatter[c], chains.count[c], here, chains.repeats[c], difference, d
    )
    chains.repeats[c] = 0


@njit(**_COMPILE)
def _decide(c, chains, free, rules, to, misfit, here, difference):
    """Accept a proposal or not, and count the step."""
    chains.step[c] += 1
    step = chains.step[c]
    worse = misfit - chains.misfit[c]
    # a failed solve is NaN, which no comparison accepts
    if math.exp(-worse * math.log(step + 2.0)) > uniform(chains.random[c]):
        _flush(c, chains, free, here, difference)
        chains.u[c, :] = to
        chains.misfit[c] = misfit
        chains.accepted[c] += 1
        if chains.phase[c] == 2:
            _remember(c, chains)
    chains.repeats[c] += 1
    if chains.phase[c] == 2 and step > rules.adapt_from:
        _flush(c, chains, free, here, difference)
    done = step if chains.phase[c] == 1 else rules.first + step
    points, total = chains.trace.shape[1], rules.first + rules.second
    point = (done * points) // total - 1
    if (done * points) % total < points and point >= 0:
        chains.trace[c, point] = chains.misfit[c]


@njit(**_COMPILE)
def _turn(c, chains, free, rules, here, difference):
    """What comes after the last step of a phase."""
    if chains.phase[c] == 1 and chains.step[c] == rules.first:
        if chains.accepted[c] < rules.fewest_accepted and chains.narrowed[c] < rules.narrowings:
            chains.narrowed[c] += 1
            chains.divisor[c] *= 1.1
            _begin(c, 1, chains)
            return
        _flush(c, chains, free, here, difference)
        chains.first_scatter[c, :, :] = chains.scatter[c]
        chains.misfit[c] = chains.start_misfit[c]
        _begin(c, 2, chains)
    elif chains.phase[c] == 2 and chains.step[c] == rules.second:
        rate = chains.accepted[c] / rules.second
        if rules.lowest <= rate <= rules.highest:
            chains.phase[c] = FINISHED
        else:
            _redo(c, chains, rules, 0.7 if rate < rules.lowest else 2.0)


@njit(**_COMPILE)
def _redo(c, chains, rules, change):
    """Begin the chain again with another scale of the covariance, or give up."""
    if chains.redone[c] == rules.redos:
        chains.phase[c] = GAVE_UP
        return
    chains.redone[c] += 1
    chains.scale[c] *= change
    _begin_again(c, chains, rules)


@njit(**_COMPILE)
def advance(begin, end, chains, free, rules, sites):
    """Run the chains `begin` to `end`, at most a block, to their end.

    Parameters
    ----------
    begin, end : int
        Range of chains; ``end - begin <= BLOCK``.
    chains : PublishedChains
        Advanced in place.
    free : (d,) of int64
        Positions of the free parameters.
    rules : PublishedRules
    sites : Sites
    """
    d = len(free)
    work = workspace(BLOCK)
    proposals = np.empty((BLOCK, chains.u.shape[1]))
    site = np.empty(BLOCK, np.int64)
    active = np.empty(BLOCK, np.int64)
    here, moved, difference = np.empty(d), np.empty(d), np.empty(d)
    longest = 0
    for c in range(begin, end):
        s = chains.site[c]
        longest = max(longest, sites.first[s + 1] - sites.first[s])
    at = np.empty(longest)

    n = 0
    for c in range(begin, end):
        active[n], site[n] = c, chains.site[c]
        proposals[n] = chains.start[c]
        n += 1
    forward(n, proposals, site, sites, work)
    for k in range(n):
        observe(work.soc[k], site[k], sites, at)
        chains.start_misfit[active[k]] = misfit_of(at, site[k], sites)
        _begin_again(active[k], chains, rules)
    while n > 0:
        m = 0
        for k in range(n):
            c = active[k]
            proposals[m] = chains.u[c]
            while chains.phase[c] < FINISHED:
                if _step_within(c, chains, free, rules, moved, proposals[m]):
                    active[m], site[m] = c, chains.site[c]
                    m += 1
                    break
                _redo(c, chains, rules, 0.7)
                proposals[m] = chains.u[c]
        n = m
        forward(n, proposals, site, sites, work)
        for k in range(n):
            c = active[k]
            observe(work.soc[k], site[k], sites, at)
            misfit = misfit_of(at, site[k], sites)
            _decide(c, chains, free, rules, proposals[k], misfit, here, difference)
            _turn(c, chains, free, rules, here, difference)
