"""From chains to estimates: burn-in, best chain, convergence (ArviZ), fit of the profile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from binn.calibration.chains import Chains
from binn.calibration.mcmc_options import Options, Published
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.scores import profile_scores
from binn.parameters import KEYS

__all__ = ["gelman_rubin", "summarise"]

Array = NDArray[np.float64]


def summarise(
    problem: CalibrationProblem, chains: Chains, options: Options, seed: int, threads: int = 1
) -> Calibration:
    """Estimates and diagnostics of all sites.

    `published` (spec section 11): the first half of the accepted states of each chain is burn-in;
    the estimate is the mean of the rest of the best chain, the one whose mean simulated profile has
    the lowest RMSE. `adaptive`: the mean over all draws of all chains.

    Diagnostics: ``rhat`` and ``ess`` (site, 21), the rank-normalised split R-hat and the bulk
    effective sample size (Vehtari et al. 2021, by ArviZ; NaN for parameters that were given);
    ``gelman_rubin`` (site, 21), the authors' statistic; ``acceptance``, ``redone``, ``finished``
    and ``chain_rmse`` (site, chain; gC m-3); ``best_chain``, ``r2`` and ``rmse`` (site,), the fit
    of the mean simulated profile; ``r2_published`` (site, chain), the authors' R2, whose
    denominator is the spread of the simulated values. ESS of `published` counts thinned accepted
    states, as everything else there does.

    Parameters
    ----------
    problem : CalibrationProblem
    chains : Chains
        Of its sites.
    options : Published or Adaptive
        That made them.
    seed : int
        For the record.
    threads : int
    """
    published = isinstance(options, Published)
    n, m = chains.kept.shape
    burnt = chains.kept // 2 if published else np.zeros_like(chains.kept)
    used = int((chains.kept - burnt).max())
    after = np.full((n, m, max(used, 1), len(KEYS)), np.nan)
    for site in range(n):
        for c in range(m):
            some = chains.draws[site, c, burnt[site, c] : chains.kept[site, c]]
            after[site, c, : len(some)] = some
    profile = _mean_profiles(problem, after, threads)
    scores = [profile_scores(problem, profile[:, c]) for c in range(m)]
    chain_rmse = np.stack([score["rmse"] for score in scores], axis=1)
    comparable = np.where(np.isfinite(chain_rmse), chain_rmse, np.inf)
    best = comparable.argmin(axis=1)
    every = np.arange(n)
    if published:
        members = after[every, best]
        shown = profile[np.arange(len(profile)), _owner(problem, best)]
    else:
        members = after.reshape(n, -1, len(KEYS))
        shown = profile.mean(axis=1)
    estimate = _mean(members, axis=1)
    fit = profile_scores(problem, shown)
    start = np.where(np.isfinite(estimate), estimate, 0.5)
    misfit = problem.misfit(start[:, None], threads)[:, 0]
    rhat, ess = _convergence(after, chains.kept - burnt, problem.free_mask)
    return Calibration(
        method=f"mcmc-{options.method}",
        normalised=estimate,
        members=members,
        misfit=np.where(np.isfinite(estimate).all(axis=1), misfit, np.nan),
        sites=problem.sites,
        profile_id=problem.profile_id,
        trace={"misfit": chains.trace},
        diagnostics={
            "rhat": rhat,
            "ess": ess,
            "gelman_rubin": _gelman_rubin(after, chains.kept - burnt, problem.free_mask),
            "acceptance": chains.acceptance,
            "redone": chains.redone,
            "finished": chains.finished,
            "best_chain": best,
            "chain_rmse": chain_rmse,
            "r2": fit["r2"],
            "rmse": fit["rmse"],
            "r2_published": np.stack([_published_r2(problem, profile[:, c]) for c in range(m)], 1),
        },
        left_out=problem.left_out,
        free=problem.free,
        bedrock=problem.bedrock,
        settings=record(problem, options, seed),
    )


def record(problem: CalibrationProblem, options: Options, seed: int) -> dict[str, Any]:
    """Options, misfit and seed, for the record."""
    form = problem.misfit_form
    return {
        **options.model_dump(),
        "seed": seed,
        "misfit_form": form.form,
        "misfit_sd": f"{form.sd:g} gC m-3" if form.sd else f"{form.relative_sd:g} times observed",
        "interpolation": problem.interpolation,
    }


def gelman_rubin(draws: Array) -> float:
    """The authors' statistic of one parameter: ``sqrt(((n - 1) / n W + B / n) / W)``.

    Parameters
    ----------
    draws : ndarray (chain, draw)
    """
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean()
    between_by_n = draws.mean(axis=1).var(ddof=1)
    return float(np.sqrt(((n - 1) / n * within + between_by_n) / within)) if within else np.nan


def _owner(problem: CalibrationProblem, values: NDArray[Any]) -> NDArray[Any]:
    """A value a site as a value an observation."""
    return np.repeat(values, problem.observations.count)


def _mean_profiles(problem: CalibrationProblem, after: Array, threads: int) -> Array:
    """Mean over draws of the simulated observations (obs, chain), NaN for a chain without any."""
    n, m, used, _ = after.shape
    filled = np.where(np.isfinite(after), after, 0.5)
    simulated = problem.soc(filled.reshape(n, m * used, -1), threads).reshape(-1, m, used)
    there = np.isfinite(after[..., 0])[_owner(problem, np.arange(n))]
    return _mean(np.where(there, simulated, np.nan), axis=2)


def _mean(values: Array, axis: int) -> Array:
    """Mean of what is not NaN; NaN where there is nothing."""
    there = np.isfinite(values)
    number = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _published_r2(problem: CalibrationProblem, simulated: Array) -> Array:
    """``1 - SSE / sum (simulated - its mean)^2`` of each site, as the authors' program has it."""
    owner = _owner(problem, np.arange(problem.n_sites))
    count, n = problem.observations.count, problem.n_sites
    error = np.bincount(owner, np.square(simulated - problem.observations.soc), n)
    centre = (np.bincount(owner, simulated, n) / count)[owner]
    spread = np.bincount(owner, np.square(simulated - centre), n)
    ratio = np.full(n, np.nan)
    np.divide(error, spread, out=ratio, where=spread > 0.0)
    return 1.0 - ratio


def _convergence(
    after: Array, used: NDArray[np.int64], free: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """R-hat and bulk effective sample size (site, 21), each site's chains cut to the shortest."""
    from arviz_stats.base.array import array_stats

    rhat, ess = (np.full((len(after), len(KEYS)), np.nan) for _ in range(2))
    for site, shortest in enumerate(used.min(axis=1)):
        if shortest < 4:
            continue
        draws = after[site, :, :shortest][..., free]
        with np.errstate(divide="ignore", invalid="ignore"):
            rhat[site, free] = array_stats.rhat(draws, chain_axis=0, draw_axis=1)
            ess[site, free] = array_stats.ess(draws, chain_axis=0, draw_axis=1)
    return rhat, ess


def _gelman_rubin(after: Array, used: NDArray[np.int64], free: NDArray[np.bool_]) -> Array:
    found = np.full((len(after), len(KEYS)), np.nan)
    if after.shape[1] < 2:
        return found
    for site, shortest in enumerate(used.min(axis=1)):
        if shortest >= 2:
            for k in np.flatnonzero(free):
                found[site, k] = gelman_rubin(after[site, :, :shortest, k])
    return found
