"""Site-parallel MCMC: all chains of all sites advance together through the fused kernel.

Two schemes. `published` is the authors' annealed calibration, which PRODA is made with; `adaptive`
is adaptive Metropolis with detailed balance after warm-up, which gives a posterior. What they are
told is in :mod:`binn.calibration.mcmc_options`; runs that are stored, resumed and spread over a
cluster are in :mod:`binn.calibration.mcmc_run`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from binn.calibration.chain_summary import summarise
from binn.calibration.chains import run_chains
from binn.calibration.mcmc_options import Adaptive, Options, Published, mcmc_options
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.errors import InputError

__all__ = ["Adaptive", "Published", "mcmc"]


def mcmc(
    problem: CalibrationProblem,
    method: Options | str = "adaptive",
    *,
    seed: int = 0,
    threads: int = 1,
    report: Callable[[str], None] = lambda _: None,
    **changes: Any,
) -> Calibration:
    """Calibrate all sites of a problem by MCMC, in memory.

    Parameters
    ----------
    problem : CalibrationProblem
        Sites, observations, forcing, misfit and free parameters. With the default misfit, the
        published one, weights make `adaptive` sharper than the observations' errors are; give
        ``Misfit("gaussian")`` for a posterior in the strict sense.
    method : {"adaptive", "published"} or options
        Scheme.
    seed : int
        >= 0. The same seed gives the same chains, whatever other sites there are and however many
        threads.
    threads : int
    report : callable
        Told when it begins and ends.
    **changes
        Options of :class:`Adaptive` or :class:`Published`, such as `chains` or `samples`.

    Returns
    -------
    Calibration
        `members` are the draws; for its diagnostics see
        :func:`binn.calibration.chain_summary.summarise`.

    Raises
    ------
    InputError
        If an option is not possible.
    """
    options = mcmc_options(method, **changes)
    if seed < 0:
        raise InputError(f"seed={seed} is not possible; give 0 or more")
    report(f"{problem.n_sites} sites, {options.chains} chains of {options.steps} steps each")
    chains = run_chains(problem, options, seed, threads)
    assert chains is not None  # nobody can ask to stop here
    found = summarise(problem, chains, options, seed, threads)
    report(f"mean acceptance {found.diagnostics['acceptance'].mean():.2f}")
    return found
