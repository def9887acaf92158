"""Evolutionary search: a population of each site breeds towards the observed profile.

By CMA-ES, the evolution strategy with an adapted covariance, on the logits of the normalised
parameters. The library is `cmaes`: a few hundred lines on NumPy alone (MIT licence, kept by those
who run it inside Optuna), asked and told a generation at a time, so that the generations of all
sites go through the kernel in one call. SciPy's differential evolution keeps its loop to itself, a
problem a call, and needs some fifteen members a parameter; pymoo and evosax bring a dozen packages
for what is used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from binn.calibration.logits import logit, normalised
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.scores import profile_scores
from binn.errors import InputError

if TYPE_CHECKING:
    from cmaes import CMA

__all__ = ["evolve"]

Array = NDArray[np.float64]
_SPREAD = 0.5  # of the first generation, in logits: wider ones end in worse fits
_PATIENCE = 100  # generations without gain after which a site stops
_GAIN = 0.01  # share of the misfit that counts as gain
_FARTHEST = 30.0  # logits are held inside; normalised values differ from 0 or 1 by 1e-13 there


def evolve(
    problem: CalibrationProblem,
    *,
    iterations: int = 500,
    members: int = 20,
    tolerance: float = 1e-3,
    seed: int = 0,
    threads: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Search all sites of a problem side by side.

    Parameters
    ----------
    problem : CalibrationProblem
        Sites, observations, forcing, misfit, free parameters.
    iterations : int
        Most generations.
    members : int
        Size of each site's population.
    tolerance : float
        A site stops when its best profile is off by no more than this share of each observation,
        counted by the misfit; or when it no longer gains.
    seed : int
        A site's own numbers do not depend on which others there are.
    threads : int
        Threads that share the sites.
    report : callable
        Told one line every fifty generations.

    Returns
    -------
    Calibration
        Estimate: the best ever met. Members: the last generation, which has contracted around it
        and says nothing about how sure it is. Trace by generation, NaN after the last: "misfit" of
        the best so far and "spread", the mean standard deviation over members of the free
        normalised parameters. Diagnostics: "r2", "rmse" (gC m-3), "steps", "fitted" (within the
        tolerance).

    Raises
    ------
    InputError
        If an option is not possible.
    """
    if iterations < 1 or members < 4:
        raise InputError("evolutionary search needs 1 generation and 4 members at least")
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"tolerance={tolerance} is not possible; give a number above 0")
    n, free = problem.n_sites, np.flatnonzero(problem.free_mask)
    searches = [_search(len(free), members, seed, int(site)) for site in problem.sites]
    misfit, spread = (np.full((n, iterations), np.nan) for _ in range(2))
    logits = logit(np.repeat(problem.fixed[:, None, :], members, axis=1))
    best, least = logits[:, 0].copy(), np.full(n, np.inf)
    target = _tolerated(problem, tolerance)
    active, last = np.arange(n), np.zeros(n, dtype=np.int64)
    part, taken = problem, active
    for step in range(iterations):
        if len(active) < len(taken) / 2:
            part, taken = problem.take(active), active
        for site in active:
            drawn = np.stack([searches[site].ask() for _ in range(members)])
            logits[site][:, free] = np.clip(drawn, -_FARTHEST, _FARTHEST)
        found = part.misfit(normalised(logits[taken]), threads)[np.isin(taken, active)]
        found = np.where(np.isfinite(found), found, np.inf)
        for site, values in zip(active, found, strict=True):
            chosen = int(values.argmin())
            if values[chosen] < least[site]:
                least[site], best[site] = values[chosen], logits[site, chosen]
            searches[site].tell(list(zip(logits[site][:, free], values.tolist(), strict=True)))
        misfit[active, step], last[active] = least[active], step
        spread[active, step] = normalised(logits[active][..., free]).std(axis=1).mean(axis=1)
        active = active[~_stops(misfit[active, : step + 1], target[active])]
        if step % 50 == 49 or not len(active):
            report(f"generation {step + 1} of {iterations}, {n - len(active)} of {n} sites done")
        if not len(active):
            break
    estimate = problem.complete(normalised(best)[:, None, :])
    fitted, of_best = problem.soc_and_misfit(estimate, threads)
    steps = int(last.max()) + 1
    return Calibration(
        method="genetic",
        normalised=estimate[:, 0],
        members=problem.complete(normalised(logits)),
        misfit=of_best[:, 0],
        sites=problem.sites,
        profile_id=problem.profile_id,
        trace={"misfit": misfit[:, :steps], "spread": spread[:, :steps]},
        diagnostics={
            **profile_scores(problem, fitted[:, 0]),
            "steps": last + 1,
            "fitted": of_best[:, 0] <= target,
        },
        left_out=problem.left_out,
        free=problem.free,
        bedrock=problem.bedrock,
        settings={
            "iterations": iterations,
            "members": members,
            "tolerance": tolerance,
            "seed": seed,
        },
    )


def _search(size: int, members: int, seed: int, site: int) -> CMA:
    """The search of one site, beginning at mid range."""
    from cmaes import CMA

    own = int(np.random.SeedSequence([seed, site]).generate_state(1)[0])
    return CMA(mean=np.zeros(size), sigma=_SPREAD, seed=own, population_size=members)


def _tolerated(problem: CalibrationProblem, tolerance: float) -> Array:
    """Misfit (site,) of a profile that is off by the tolerance at every observation."""
    seen = problem.observations
    owner = np.repeat(np.arange(problem.n_sites), seen.count)
    off = 0.5 * problem.precision * np.square(tolerance * seen.soc)
    return np.asarray(np.bincount(owner, off, problem.n_sites), dtype=np.float64)


def _stops(misfit: Array, target: Array) -> NDArray[np.bool_]:
    """Sites (site, generation so far) that fit, or have stopped gaining."""
    fits: NDArray[np.bool_] = misfit[:, -1] <= target
    if misfit.shape[1] <= _PATIENCE:
        return fits
    stalls: NDArray[np.bool_] = misfit[:, -1] > (1.0 - _GAIN) * misfit[:, -1 - _PATIENCE]
    return fits | stalls
