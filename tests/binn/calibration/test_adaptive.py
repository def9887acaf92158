"""Adaptive Metropolis: right on a Gaussian, by quadrature, and by simulation-based calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from binn.calibration import CalibrationProblem
from binn.calibration.chains import run_chains, walk
from binn.calibration.mcmc import mcmc
from binn.calibration.mcmc_options import Adaptive
from binn.calibration.misfit import Misfit
from binn.clm5 import soc_at_depth, solve
from binn.observations import Observations
from binn.parameters import index, to_physical

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
NORMAL = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.6449])


def test_a_gaussian() -> None:
    """Three dimensions, one of them narrow, two of them correlated by 0.9."""
    mean, sd = np.array([0.5, 0.45, 0.6]), np.array([0.05, 0.06, 0.004])
    correlation = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    precision = np.linalg.inv(correlation * np.outer(sd, sd))

    def misfit(u: np.ndarray) -> np.ndarray:
        return 0.5 * np.einsum("ci,ij,cj->c", u - mean, precision, u - mean)

    options = Adaptive(chains=4, warmup=2000, samples=20_000, keep=4000)
    draws, acceptance = walk(misfit, 3, options, seed=3)
    assert ((acceptance > 0.15) & (acceptance < 0.45)).all()
    every = draws.reshape(-1, 3)
    assert np.abs((every.mean(axis=0) - mean) / sd).max() < 0.06
    assert np.abs(every.std(axis=0) / sd - 1).max() < 0.05
    assert np.abs(np.corrcoef(every.T) - correlation).max() < 0.03
    quantiles = (np.quantile(every, PROBABILITIES, axis=0) - mean) / sd
    assert np.abs(quantiles - NORMAL[:, None]).max() < 0.1


def test_the_prior_alone_is_uniform() -> None:
    """Without information the walk covers the box evenly, up to its walls."""
    options = Adaptive(chains=4, warmup=1000, samples=20_000, keep=4000)
    draws, _ = walk(lambda u: np.zeros(len(u)), 2, options, seed=1)
    share = np.stack([np.histogram(draws[:, :, k], 10, (0, 1))[0] for k in range(2)]) / 16_000
    assert np.abs(share - 0.1).max() < 0.02


def test_two_parameters_by_quadrature(synthetic_dataset: xr.Dataset) -> None:
    """Turnover of passive carbon and depth distribution of input, given the other nineteen."""
    free = ("tau4s3", "beta")
    columns = [index(key) for key in free]
    problem = CalibrationProblem.from_dataset(
        synthetic_dataset, [4, 30], free=free, misfit_form=Misfit("gaussian", relative_sd=0.2)
    )
    found = mcmc(problem, Adaptive(chains=4, warmup=2000, samples=60_000, keep=4000), seed=2)
    grid = (np.arange(300) + 0.5) / 300
    first, second = (axis.reshape(-1) for axis in np.meshgrid(grid, grid, indexing="ij"))
    u = np.full((2, len(first), 21), 0.5)
    u[:, :, columns[0]], u[:, :, columns[1]] = first, second
    misfit = problem.misfit(u)
    density = np.exp(misfit.min(axis=1, keepdims=True) - misfit)
    density /= density.sum(axis=1, keepdims=True)
    for site in range(2):
        for axis, column in zip((first, second), columns, strict=True):
            mean = density[site] @ axis
            sd = np.sqrt(density[site] @ (axis - mean) ** 2)
            order = np.argsort(axis, kind="stable")
            at = np.interp(PROBABILITIES, np.cumsum(density[site][order]), axis[order])
            draws = found.members[site, :, column]
            assert abs(draws.mean() - mean) < 0.1 * sd
            assert draws.std() == pytest.approx(sd, rel=0.1)
            assert np.abs(found.quantiles(PROBABILITIES)[site, :, column] - at).max() < 0.15 * sd
    others = np.delete(found.members, columns, axis=2)
    np.testing.assert_allclose(others, 0.5)
    assert (found.diagnostics["rhat"][:, columns] < 1.02).all()
    assert (found.diagnostics["ess"][:, columns] > 400).all()
    assert np.isnan(np.delete(found.diagnostics["rhat"], columns, axis=1)).all()


def test_nothing_adapts_after_warm_up(synthetic_dataset: xr.Dataset) -> None:
    """The steps after warm-up are the same, however many are asked for."""
    problem = CalibrationProblem.from_dataset(synthetic_dataset, [8], free=("beta", "q10"))
    short = run_chains(problem, Adaptive(warmup=400, samples=200, keep=200, chains=2), seed=6)
    long = run_chains(problem, Adaptive(warmup=400, samples=900, keep=900, chains=2), seed=6)
    assert short is not None
    assert long is not None
    np.testing.assert_array_equal(short.draws, long.draws[:, :, :200])


def test_the_published_scheme_is_no_sampler() -> None:
    """What sets the two apart: cooling draws the published chains in, a posterior is wider."""
    from binn.calibration.mcmc_options import Published
    from binn.calibration.plain_chain import NumpyRandom, plain_chain

    def misfit(u: np.ndarray) -> float:
        return float(0.5 * ((u - 0.5) ** 2).sum() / 0.05**2)

    cold = plain_chain(
        misfit, 2, Published(first=1500, second=3000, adapt_from=500), NumpyRandom(1)
    )
    warm, _ = walk(
        lambda u: np.array([misfit(one) for one in u]), 2, Adaptive(warmup=500, samples=3000), 1
    )
    assert cold.accepted[len(cold.accepted) // 2 :].std() < 0.6 * warm.std()


@pytest.mark.slow
def test_simulation_based_calibration(synthetic_dataset: xr.Dataset) -> None:
    """Ranks of the truth among the draws are uniform, when truth and noise come from the model."""
    n, draws = 400, 99
    free = ("efolding", "tau4s3", "beta")
    columns = [index(key) for key in free]
    given = CalibrationProblem.from_dataset(synthetic_dataset).take(np.full(n, 7))
    rng = np.random.default_rng(12)
    u = np.full((n, 21), 0.5)
    u[:, columns] = rng.uniform(0.0, 1.0, (n, 3))
    soc = solve(to_physical(torch.from_numpy(u)), given.forcing).soc
    seen = given.observations
    owner = np.repeat(np.arange(n), seen.count)
    exact = soc_at_depth(soc, seen.depth, given.forcing.per_site("nbedrock"), owner).numpy()
    sd = 0.5 * float(np.median(exact))
    noisy = exact + sd * rng.standard_normal(len(exact))
    # what is not above zero is no observation here; leaving out by the data leaves ranks uniform
    kept = np.array([(noisy[owner == k] > 0.0).all() for k in range(n)])
    problem = CalibrationProblem.from_observations(
        Observations(seen.depth, np.maximum(noisy, 1e-9), seen.start, seen.count),
        given.forcing,
        free=free,
        misfit_form=Misfit("gaussian", sd=sd),
    )
    options = Adaptive(chains=1, warmup=2000, samples=9_900, keep=draws)
    chains = run_chains(problem, options, seed=21)
    assert chains is not None
    ranks = (chains.draws[:, 0][:, :, columns] < u[:, None, columns]).sum(axis=1)[kept]
    assert kept.mean() > 0.6
    for k in range(3):
        count = np.histogram(ranks[:, k], 10, (0, draws + 1))[0]
        chi2 = ((count - len(ranks) / 10) ** 2 / (len(ranks) / 10)).sum()
        assert chi2 < 27.9  # 0.1 % of chi2 with 9 degrees of freedom lies above
        # and not biased: the mean of uniform ranks is 49.5 with sd 28.9 / sqrt(n)
        assert abs(ranks[:, k].mean() - draws / 2) < 3.5 * 28.9 / np.sqrt(len(ranks))
