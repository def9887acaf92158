"""Run the chains of some sites, all together, and hold what they recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binn.calibration import kernels_adaptive, kernels_published
from binn.calibration.kernels import BLOCK
from binn.calibration.kernels_adaptive import AdaptiveChains
from binn.calibration.kernels_published import FINISHED, PublishedChains
from binn.calibration.kernels_random import generators
from binn.calibration.mcmc_options import Adaptive, Options, Published
from binn.calibration.problem import CalibrationProblem
from binn.parameters import KEYS

__all__ = ["Chains", "run_chains", "walk"]

Array = NDArray[np.float64]
Stop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Chains:
    """What the chains of some sites recorded.

    Attributes
    ----------
    draws : ndarray (site, chain, draw, 21) of float32
        Normalised parameters. `published`: accepted states of the second phase, evenly thinned;
        `adaptive`: every so many steps after warm-up.
    kept : ndarray (site, chain) of int64
        Draws of each chain; NaN stands behind them.
    trace : ndarray (site, chain, point) of float32
        Misfit at evenly spaced steps: of both phases, or after warm-up.
    acceptance : ndarray (site, chain)
        Share of accepted steps in the second phase, or after warm-up.
    redone : ndarray (site, chain) of int64
        Times a chain was begun again because of its acceptance.
    finished : ndarray (site, chain) of bool
        Whether its acceptance was within bounds in the end.
    """

    draws: NDArray[np.float32]
    kept: NDArray[np.int64]
    trace: NDArray[np.float32]
    acceptance: Array
    redone: NDArray[np.int64]
    finished: NDArray[np.bool_]

    @classmethod
    def join(cls, parts: list[Chains]) -> Chains:
        """Several sets of sites as one."""
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )


def run_chains(
    problem: CalibrationProblem,
    options: Options,
    seed: int = 0,
    threads: int = 1,
    stop: Stop = lambda: False,
) -> Chains | None:
    """Run all chains of all sites of a problem.

    A chain depends on its site's position in the dataset, its own number, the seed, the options and
    the problem of its site; not on which other sites there are, nor on the number of threads.

    Parameters
    ----------
    problem : CalibrationProblem
    options : Published or Adaptive
    seed : int
        >= 0.
    threads : int
        Threads that share the blocks of chains.
    stop : callable
        Whether somebody asked to stop; looked at after each block.

    Returns
    -------
    Chains or None
        None if it was stopped.
    """
    run = _published if isinstance(options, Published) else _adaptive
    return run(problem, options, seed, threads, stop)  # type: ignore[arg-type]


def walk(
    misfit: Callable[[Array], Array], d: int, options: Adaptive, seed: int = 0
) -> tuple[Array, Array]:
    """The same adaptive walk over any misfit on the unit box, driven from Python.

    Parameters
    ----------
    misfit : callable
        Of normalised parameters (chain, d); gives (chain,), minus the logarithm of the density.
    d : int
        Parameters.
    options : Adaptive
    seed : int

    Returns
    -------
    draws : ndarray (chain, draw, d)
    acceptance : ndarray (chain,)
    """
    n = options.chains
    chains = _adaptive_chains(np.zeros(n, np.int64), generators(seed, np.zeros(1, int), n), options)
    chains = chains._replace(
        u=np.zeros((n, d)), draws=np.full((n, options.draws, d), np.nan, np.float32)
    )
    free, rules, here = np.arange(d), options.rules(), np.empty(d)
    chains = _with_free(chains, d)
    to_z, to = np.empty((n, d)), np.empty((n, d))
    for step in range(options.steps + 1):
        for c in range(n):
            if step == 0:
                kernels_adaptive.start(c, chains, free, to[c])
                to_z[c] = chains.z[c]
            else:
                kernels_adaptive.propose(c, chains, free, to_z[c], to[c])
        found = misfit(to)
        for c in range(n):
            kernels_adaptive.decide(c, chains, free, rules, to_z[c], to[c], found[c], here)
    return chains.draws.astype(np.float64), chains.accepted / options.samples


def _share(n: int, threads: int, block: Callable[[int, int], None], stop: Stop) -> bool:
    """Run blocks of chains, on threads; False if it was stopped."""
    ranges = [(begin, min(begin + BLOCK, n)) for begin in range(0, n, BLOCK)]
    if threads < 2:
        for begin, end in ranges:
            if stop():
                return False
            block(begin, end)
        return True

    def unless_stopped(part: tuple[int, int]) -> bool:
        if stop():
            return False
        block(*part)
        return True

    with ThreadPoolExecutor(threads) as pool:
        return all(list(pool.map(unless_stopped, ranges)))


def _published(
    problem: CalibrationProblem, options: Published, seed: int, threads: int, stop: Stop
) -> Chains | None:
    free = np.flatnonzero(problem.free_mask)
    d, n = len(free), problem.n_sites * options.chains
    site = np.repeat(np.arange(problem.n_sites), options.chains)
    start = problem.fixed[site].copy()
    start[:, free] = options.start

    def whole() -> NDArray[np.int64]:
        return np.zeros(n, dtype=np.int64)

    chains = PublishedChains(
        site=site,
        random=generators(seed, problem.sites, options.chains),
        u=start.copy(),
        misfit=np.zeros(n),
        start_misfit=np.zeros(n),
        start=start,
        phase=whole(),
        step=whole(),
        accepted=whole(),
        repeats=whole(),
        count=whole(),
        narrowed=whole(),
        redone=whole(),
        stride=whole(),
        divisor=np.zeros(n),
        scale=np.full(n, options.scale),
        mean=np.zeros((n, d)),
        scatter=np.zeros((n, d, d)),
        first_scatter=np.zeros((n, d, d)),
        draws=np.full((n, options.keep, len(KEYS)), np.nan, dtype=np.float32),
        trace=np.full((n, options.points), np.nan, dtype=np.float32),
    )
    rules, sites = options.rules(), problem.kernel_sites
    if not _share(
        n,
        threads,
        lambda a, b: kernels_published.advance(a, b, chains, free, rules, sites),
        stop,
    ):
        return None
    kept = -(-chains.accepted // chains.stride)
    for c in range(n):
        chains.draws[c, kept[c] :] = np.nan
    return Chains(
        _by_site(chains.draws, options.chains),
        _by_site(kept, options.chains),
        _by_site(chains.trace, options.chains),
        _by_site(chains.accepted / options.second, options.chains),
        _by_site(chains.redone, options.chains),
        _by_site(chains.phase == FINISHED, options.chains),
    )


def _adaptive(
    problem: CalibrationProblem, options: Adaptive, seed: int, threads: int, stop: Stop
) -> Chains | None:
    free = np.flatnonzero(problem.free_mask)
    n = problem.n_sites * options.chains
    site = np.repeat(np.arange(problem.n_sites), options.chains)
    random = generators(seed, problem.sites, options.chains)
    chains = _with_free(_adaptive_chains(site, random, options), len(free))
    chains.u[:] = problem.fixed[site]
    rules, sites = options.rules(), problem.kernel_sites
    if not _share(
        n,
        threads,
        lambda a, b: kernels_adaptive.advance(a, b, chains, free, rules, sites),
        stop,
    ):
        return None
    every = (problem.n_sites, options.chains)
    return Chains(
        _by_site(chains.draws, options.chains),
        np.full(every, options.draws),
        _by_site(chains.trace, options.chains),
        _by_site(chains.accepted / options.samples, options.chains),
        np.zeros(every, dtype=np.int64),
        np.ones(every, dtype=bool),
    )


def _adaptive_chains(
    site: NDArray[np.int64], random: NDArray[np.uint64], options: Adaptive
) -> AdaptiveChains:
    """Chains before their first step, no parameter free yet."""
    n = len(site)

    def whole(value: int = 0) -> NDArray[np.int64]:
        return np.full(n, value, dtype=np.int64)

    return AdaptiveChains(
        site=site,
        random=random,
        u=np.zeros((n, len(KEYS))),
        z=np.zeros((n, 0)),
        misfit=np.zeros(n),
        value=np.zeros(n),
        log_size=np.zeros(n),
        step=whole(-1),
        adapted=whole(),
        accepted=whole(),
        repeats=whole(),
        count=whole(),
        factor=np.zeros((n, 0, 0)),
        mean=np.zeros((n, 0)),
        scatter=np.zeros((n, 0, 0)),
        draws=np.full((n, options.draws, len(KEYS)), np.nan, dtype=np.float32),
        trace=np.full((n, options.draws), np.nan, dtype=np.float32),
    )


def _with_free(chains: AdaptiveChains, d: int) -> AdaptiveChains:
    """The same with memory for `d` free parameters."""
    n = len(chains.site)
    return chains._replace(
        z=np.zeros((n, d)),
        factor=np.zeros((n, d, d)),
        mean=np.zeros((n, d)),
        scatter=np.zeros((n, d, d)),
    )


def _by_site(values: NDArray[Any], chains: int) -> NDArray[Any]:
    """(chain of all, ...) to (site, chain, ...)."""
    return values.reshape(-1, chains, *values.shape[1:])
