"""One interface to every way of calibrating sites: `calibrate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from binn.calibration.mcmc_options import Options, mcmc_options
from binn.calibration.misfit import Misfit
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.scores import profile_scores
from binn.clm5 import Forcing
from binn.errors import InputError
from binn.observations import Observations
from binn.parameters import KEYS

__all__ = ["METHODS", "Method", "calibrate", "calibrate_problem", "chain_options", "with_best"]

Method = Literal["adaptive", "published", "kalman", "genetic"]
METHODS: tuple[Method, ...] = ("adaptive", "published", "kalman", "genetic")
"""Adaptive Metropolis, the authors' annealed MCMC, ensemble Kalman inversion, evolution."""

_FIRST_OF_PUBLISHED = 2 / 7  # 20,000 of 70,000 steps
_ADAPTING_FROM = 2 / 35  # 4,000 of 70,000 steps, into the second phase
_WARMUP_OF_ADAPTIVE = 1 / 5
_FEWEST_OF_ADAPTIVE = 500  # for a warm-up of 100
_TOGETHER = 512  # candidates of a site whose misfit is asked for at once


def calibrate(
    observations: Observations | xr.Dataset | tuple[ArrayLike, ArrayLike],
    forcing: Forcing,
    method: Method = "adaptive",
    *,
    iterations: int | None = None,
    seed: int = 0,
    bedrock: str = "conserving",
    misfit: Misfit | None = None,
    free: Sequence[str] = KEYS,
    fixed: ArrayLike | None = None,
    threads: int = 1,
    report: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Calibration:
    """Find the parameters of each site from its own observations.

    Parameters
    ----------
    observations : Observations, Dataset, or (depth, soc)
        SOC in gC m-3 at depths in m: ragged (:class:`binn.observations.Observations`), those of a
        canonical dataset, or two arrays (site, k) padded with NaN, (k,) for one site.
    forcing : Forcing
        Of as many sites.
    method : {"adaptive", "published", "kalman", "genetic"}
        "adaptive": adaptive Metropolis, a posterior (:mod:`binn.calibration.mcmc`). "published":
        the authors' annealed MCMC, what PRODA is made with. "kalman": ensemble Kalman inversion
        (:mod:`binn.calibration.kalman`). "genetic": evolutionary search
        (:mod:`binn.calibration.genetic`).
    iterations : int, optional
        Steps of a chain, steps of the inversion, or generations; 50,000, 70,000, 30 and 500 by
        default.
    seed : int
        >= 0. The same seed gives the same result, however many threads there are.
    bedrock : {"conserving", "published"}
        Bedrock scheme.
    misfit : Misfit, optional
        How simulation and observation are compared; the published one by default.
    free : sequence of str
        Keys of the parameters to calibrate.
    fixed : array_like (21,) or (site, 21), optional
        Normalised values of the others; mid range by default.
    threads : int
        Threads that share the sites.
    report : callable
        Told one line now and then.
    **options
        Further options of the method: `chains`, `keep` ... of MCMC (see
        :mod:`binn.calibration.mcmc_options`), `members`, `noise` or `tolerance`.

    Returns
    -------
    Calibration
        ``parameters`` (site, 21) in physical units, and ``normalised``: the best that was met, by
        the misfit. ``members`` (site, member, 21): the posterior's draws, or the final ensemble.
        ``trace["misfit"]``: the way there. ``diagnostics``: "r2" and "rmse" (gC m-3) of that best
        profile and, of MCMC, "posterior_mean" (normalised), "rhat", "ess", "acceptance" ...
        ``left_out``: sites that cannot be calibrated, and why.

    Raises
    ------
    InputError
        If no site can be calibrated, or an option is not possible.
    """
    seen = _observations(observations)
    given: dict[str, Any] = {"bedrock": bedrock, "free": tuple(free)}
    if misfit is not None:
        given["misfit_form"] = misfit
    if fixed is not None:
        given["fixed"] = np.asarray(fixed, dtype=np.float64)
    problem = CalibrationProblem.from_observations(seen, forcing, **given)
    return calibrate_problem(
        problem,
        method,
        iterations=iterations,
        seed=seed,
        threads=threads,
        report=report,
        **options,
    )


def calibrate_problem(
    problem: CalibrationProblem,
    method: Method = "adaptive",
    *,
    iterations: int | None = None,
    seed: int = 0,
    threads: int = 1,
    report: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Calibration:
    """As :func:`calibrate`, for a problem that is already made (of a dataset's sites, say).

    Parameters
    ----------
    problem : CalibrationProblem
        See :meth:`CalibrationProblem.from_dataset`.
    method, iterations, seed, threads, report, **options
        As :func:`calibrate`.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If an option is not possible.
    """
    if method not in METHODS:
        raise InputError(
            f"calibration method {method!r} is not known; use one of {', '.join(METHODS)}"
        )
    for name, value, least in (("seed", seed, 0), ("iterations", iterations, 1)):
        if value is not None and not (isinstance(value, Integral) and value >= least):
            raise InputError(
                f"{name}={value!r} is not possible; give a whole number, {least} or more"
            )
    if method in ("adaptive", "published"):
        from binn.calibration.mcmc import mcmc

        chosen = chain_options(method, iterations, **options)
        found = mcmc(problem, chosen, seed=seed, threads=threads, report=report)
        return with_best(found, problem, threads)
    from binn.calibration.genetic import evolve
    from binn.calibration.kalman import ensemble_kalman

    search: Callable[..., Calibration] = ensemble_kalman if method == "kalman" else evolve
    if iterations is not None:
        options["iterations"] = iterations
    try:
        return search(problem, seed=seed, threads=threads, report=report, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        wrong = str(error).rsplit("'", 2)[-2]
        raise InputError(f"the method {method} has no option {wrong!r}") from None


def chain_options(
    method: str, iterations: int | None = None, chains: int | None = None, **changes: Any
) -> Options:
    """Options of MCMC with chains of so many steps, their phases in the usual proportion.

    Parameters
    ----------
    method : {"adaptive", "published"}
        Scheme.
    iterations, chains : int, optional
        Steps of a chain, and chains a site; the usual by default.
    **changes
        Other options.

    Raises
    ------
    InputError
        If an option is not possible.
    """
    given: dict[str, Any] = {} if chains is None else {"chains": chains}
    if iterations is not None and method == "adaptive":
        warmup = round(iterations * _WARMUP_OF_ADAPTIVE)
        if iterations < _FEWEST_OF_ADAPTIVE and "warmup" not in changes:
            raise InputError(
                f"iterations={iterations} are too few for the method adaptive: a fifth of them is "
                f"its warm-up; give {_FEWEST_OF_ADAPTIVE} or more"
            )
        given |= {"warmup": warmup, "samples": iterations - warmup}
    elif iterations is not None:
        first = max(2, round(iterations * _FIRST_OF_PUBLISHED))
        given |= {
            "first": first,
            "second": max(2, iterations - first),
            "adapt_from": max(2, round(iterations * _ADAPTING_FROM)),
        }
    return mcmc_options(method, **{**given, **changes})


def with_best(found: Calibration, problem: CalibrationProblem, threads: int = 1) -> Calibration:
    """A posterior with its best draw as the estimate; the mean becomes "posterior_mean".

    The mean of draws that all fit need not fit: directions that the profile does not decide are
    bent. The scores of the mean simulated profile are kept as "r2_mean" and "rmse_mean".

    Parameters
    ----------
    found : Calibration
        Of MCMC.
    problem : CalibrationProblem
        What was calibrated.
    threads : int
    """
    best, least = found.normalised.copy(), found.misfit.copy()
    least[~np.isfinite(least)] = np.inf
    every = np.arange(problem.n_sites)
    for start in range(0, found.members.shape[1], _TOGETHER):
        some = found.members[:, start : start + _TOGETHER]
        there = np.isfinite(some).all(axis=2)
        misfit = problem.misfit(np.where(np.isfinite(some), some, 0.5), threads)
        misfit = np.where(there & np.isfinite(misfit), misfit, np.inf)
        chosen = misfit.argmin(axis=1)
        better = misfit[every, chosen] < least
        least[better] = misfit[every, chosen][better]
        best[better] = some[every, chosen][better]
    there = np.isfinite(best).all(axis=1)
    simulated = problem.soc(np.where(np.isfinite(best), best, 0.5)[:, None], threads)[:, 0]
    owner = np.repeat(there, problem.observations.count)
    scores = profile_scores(problem, np.where(owner, simulated, np.nan))
    kept = {f"{name}_mean": found.diagnostics[name] for name in ("r2", "rmse")}
    return replace(
        found,
        normalised=best,
        misfit=np.where(there, least, np.nan),
        diagnostics={**found.diagnostics, **scores, **kept, "posterior_mean": found.normalised},
    )


def _observations(given: Any) -> Observations:
    """Ragged observations of whatever was given."""
    if isinstance(given, Observations):
        return given
    if isinstance(given, xr.Dataset):
        return Observations.from_dataset(given)
    if not (isinstance(given, tuple | list) and len(given) == 2):
        raise InputError(
            "observations are given as Observations, as a dataset, or as two arrays, depth and SOC"
        )
    try:
        depth, soc = (np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in given)
    except (TypeError, ValueError):
        raise InputError(
            "depths and SOC are numbers, as many for each site: fill those of shorter profiles up "
            "with NaN"
        ) from None
    if depth.shape != soc.shape or depth.ndim != 2:
        raise InputError(
            f"depths have shape {depth.shape}, SOC {soc.shape}: both must be (site, observation)"
        )
    there = np.isfinite(depth) & np.isfinite(soc)
    count: NDArray[np.int64] = there.sum(axis=1).astype(np.int64)
    return Observations(depth[there], soc[there], np.cumsum(count) - count, count)
