"""Ensemble Kalman inversion: an ensemble walks to parameters whose profile is the observed one.

Parameters are the logits of normalised ones, so that no step leaves their ranges; SOC is compared
by its logarithm, since over the prior it spans orders of magnitude and a few huge members would own
every covariance. Each step is a Kalman update with perturbed observations, its length chosen from
the ensemble's own misfits (the data misfit controller of Iglesias and Yang 2021, Inverse Problems
37, 025008). A site stops when its median member fits within the noise (discrepancy principle), or
no longer gains. The estimate is the member that fits best then: many parameters share a profile
along bent surfaces, and the mean of members that all fit need not.

What is left of the ensemble tells which directions the profile did not decide; it is not a
posterior (the chains of :mod:`binn.calibration.mcmc` are).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.calibration.logits import logit, normalised
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.scores import profile_scores
from binn.errors import InputError
from binn.parameters import KEYS

__all__ = ["ensemble_kalman"]

Array = NDArray[np.float64]
_PATIENCE = 5  # steps without gain after which a site stops
_GAIN = 0.01  # share of the discrepancy that counts as gain
_FEWEST = 10  # members
_LEAST_SOC, _MOST_SOC = 1e-12, 1e300  # gC m-3, for the logarithm


def ensemble_kalman(
    problem: CalibrationProblem,
    *,
    iterations: int = 30,
    members: int = 200,
    noise: float = 0.1,
    seed: int = 0,
    threads: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Invert all sites of a problem at once.

    Parameters
    ----------
    problem : CalibrationProblem
        Sites, observations, forcing, free parameters.
    iterations : int
        Most steps.
    members : int
        Size of each site's ensemble, drawn from the uniform prior.
    noise : float
        Standard deviation of an observation relative to its value: a site stops when the root mean
        square of what is left is below at half of its members. The misfit of the problem is only
        reported.
    seed : int
        Of prior and perturbations; a site's own numbers do not depend on which others there are.
    threads : int
        Threads that share the sites.
    report : callable
        Told one line every five steps.

    Returns
    -------
    Calibration
        Members: the final ensemble. Estimate: the one of them that fits best. Trace by step, NaN
        after the last: "misfit" of the member that fits best, and "discrepancy", the median
        member's distance over the noise. Diagnostics: "r2", "rmse" (gC m-3), "steps", "fitted"
        (whether the discrepancy came below 1).

    Raises
    ------
    InputError
        If an option is not possible.
    """
    if iterations < 1 or members < _FEWEST:
        raise InputError(f"ensemble Kalman inversion needs 1 step and {_FEWEST} members at least")
    if not (np.isfinite(noise) and noise > 0):
        raise InputError(f"noise={noise} is not possible; give a number above 0")
    ensemble = _Ensemble.drawn(problem, members, noise, seed)
    n = problem.n_sites
    misfit, discrepancy = (np.full((n, iterations + 1), np.nan) for _ in range(2))
    best = np.empty((n, len(KEYS)))
    active, last = np.arange(n), np.zeros(n, dtype=np.int64)
    for step in range(iterations + 1):
        part = ensemble.take(active)
        simulated, of_members = part.simulate(threads)
        distance = part.distance(simulated)
        discrepancy[active, step] = np.median(distance, axis=1)
        every, chosen = np.arange(len(active)), distance.argmin(axis=1)
        misfit[active, step] = of_members[every, chosen]
        best[active], last[active] = part.logits[every, chosen], step
        going = ~_stops(discrepancy[active, : step + 1])
        done = step == iterations or not going.any()
        if done or step % 5 == 0:
            report(f"step {step} of {iterations}, {n - int(going.sum())} of {n} sites done")
        if done:
            break
        part.update(simulated, going)
        ensemble.logits[active[going]] = part.logits[going]
        active = active[going]
    estimate = problem.complete(normalised(best)[:, None, :])
    fitted, found = problem.soc_and_misfit(estimate, threads)
    steps = int(last.max()) + 1
    return Calibration(
        method="kalman",
        normalised=estimate[:, 0],
        members=problem.complete(normalised(ensemble.logits)),
        misfit=found[:, 0],
        sites=problem.sites,
        profile_id=problem.profile_id,
        trace={"misfit": misfit[:, :steps], "discrepancy": discrepancy[:, :steps]},
        diagnostics={
            **profile_scores(problem, fitted[:, 0]),
            "steps": last,
            "fitted": discrepancy[np.arange(n), last] <= 1.0,
        },
        left_out=problem.left_out,
        free=problem.free,
        bedrock=problem.bedrock,
        settings={"iterations": iterations, "members": members, "noise": noise, "seed": seed},
    )


def _stops(discrepancy: Array) -> NDArray[np.bool_]:
    """Sites (site, step so far) that fit within the noise, or have stopped gaining."""
    fits: NDArray[np.bool_] = discrepancy[:, -1] <= 1.0
    if discrepancy.shape[1] <= _PATIENCE:
        return fits
    before = discrepancy[:, :-_PATIENCE].min(axis=1)
    since = discrepancy[:, -_PATIENCE:].min(axis=1)
    stalls: NDArray[np.bool_] = since > (1.0 - _GAIN) * before
    return fits | stalls


@dataclass
class _Ensemble:
    """Logits of all members, and padded observations: (site, slot), `there` where one is.

    Attributes
    ----------
    problem : CalibrationProblem
    logits : ndarray (site, member, 21)
    rows : ndarray (site, slot) of int
        Observation in each slot; 0 where there is none.
    there : ndarray (site, slot) of bool
    observed : ndarray (site, slot)
        Logarithm of SOC over the noise.
    noise : float
    random : list of Generator
        One a site.
    """

    problem: CalibrationProblem
    logits: Array
    rows: NDArray[np.int64]
    there: NDArray[np.bool_]
    observed: Array
    noise: float
    random: list[np.random.Generator]

    @classmethod
    def drawn(cls, problem: CalibrationProblem, members: int, noise: float, seed: int) -> _Ensemble:
        """From the uniform prior."""
        random = [np.random.default_rng([seed, int(site)]) for site in problem.sites]
        u = np.stack([one.random((members, len(KEYS))) for one in random])
        seen = problem.observations
        slots = np.arange(int(seen.count.max()))
        there = slots < seen.count[:, None]
        rows = np.where(there, seen.start[:, None] + slots, 0)
        observed = np.where(there, np.log(seen.soc[rows]) / noise, 0.0)
        return cls(problem, logit(u), rows, there, observed, noise, random)

    def take(self, sites: NDArray[np.int64]) -> _Ensemble:
        """Some of the sites."""
        if len(sites) == self.problem.n_sites:
            return self
        return _Ensemble(
            self.problem.take(sites),
            self.logits[sites],
            _rows_of(self.there[sites]),
            self.there[sites],
            self.observed[sites],
            self.noise,
            [self.random[site] for site in sites],
        )

    def simulate(self, threads: int) -> tuple[Array, Array]:
        """Logarithms of SOC over the noise (site, member, slot), and misfits (site, member)."""
        soc, misfit = self.problem.soc_and_misfit(normalised(self.logits), threads)
        values = np.log(np.clip(soc, _LEAST_SOC, _MOST_SOC)) / self.noise
        padded = np.where(self.there[:, :, None], values[self.rows], 0.0)
        return np.moveaxis(padded, 2, 1), misfit

    def distance(self, simulated: Array) -> Array:
        """Root mean square distance of each member's profile, over the noise (site, member)."""
        squares = np.square(simulated - self.observed[:, None, :]).sum(axis=2)
        distance: Array = np.sqrt(squares / self.there.sum(axis=1)[:, None])
        return distance

    def update(self, simulated: Array, going: NDArray[np.bool_]) -> None:
        """One Kalman step with perturbed observations, of the sites that go on."""
        n = self.there.sum(axis=1)
        left = self.observed[:, None, :] - simulated
        phi = 0.5 * np.square(left).sum(axis=2)
        # the data misfit controller: observations are taken alpha times as uncertain as they are
        with np.errstate(divide="ignore"):
            pace = np.maximum(n / (2.0 * phi.mean(axis=1)), np.sqrt(n / (2.0 * phi.var(axis=1))))
        alpha = 1.0 / np.minimum(pace, 1.0)
        off_u = self.logits - self.logits.mean(axis=1, keepdims=True)
        off_g = simulated - simulated.mean(axis=1, keepdims=True)
        size = self.logits.shape[1] - 1
        cross = np.einsum("sjp,sjk->spk", off_u, off_g) / size
        own = np.einsum("sjk,sjl->skl", off_g, off_g) / size
        own += alpha[:, None, None] * np.eye(own.shape[1])
        for site in np.flatnonzero(going):
            noise = self.random[site].standard_normal(left[site].shape) * self.there[site]
            left[site] += np.sqrt(alpha[site]) * noise
        weights = np.linalg.solve(own[going], np.swapaxes(left[going], 1, 2))
        self.logits[going] += np.einsum("spk,skj->sjp", cross[going], weights)


def _rows_of(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Observation in each slot, once those of the sites stand one after the other."""
    count = there.sum(axis=1)
    start = np.cumsum(count) - count
    return np.where(there, start[:, None] + np.arange(there.shape[1]), 0)
