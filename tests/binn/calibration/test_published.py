"""The authors' annealed scheme: as written plainly, within its bounds, and able to fit profiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from binn.calibration import CalibrationProblem
from binn.calibration.chain_summary import gelman_rubin
from binn.calibration.chains import run_chains
from binn.calibration.kernels_random import generators, normal, uniform
from binn.calibration.mcmc import mcmc
from binn.calibration.mcmc_options import Published, mcmc_options
from binn.calibration.plain_chain import NumpyRandom, plain_chain
from binn.clm5 import soc_at_depth, solve
from binn.errors import InputError
from binn.observations import Observations
from binn.parameters import to_physical

SHORT = Published(first=1500, second=3000, adapt_from=500, chains=3, keep=400)


class SameNumbers:
    """The random numbers of a compiled chain."""

    def __init__(self, seed: int, site: int, chain: int) -> None:
        self.state = generators(seed, np.array([site]), chain + 1)[chain]

    def uniform(self) -> float:
        return float(uniform(self.state))

    def normals(self) -> tuple[float, float]:
        return normal(self.state)


@pytest.mark.parametrize(
    "options",
    [
        Published(first=150, second=250, adapt_from=60, keep=1000, points=400),
        # too few acceptances at first, too many later: everything is done again
        Published(
            first=60, second=80, adapt_from=30, keep=1000, points=140,
            fewest_accepted=45, highest=0.2, redos=2, narrowings=2,
        ),
    ],
    ids=["once", "again"],
)  # fmt: skip
def test_compiled_chains_are_the_plain_ones(
    synthetic_dataset: xr.Dataset, options: Published
) -> None:
    free = ("efolding", "tau4s3", "w_scaling", "beta")
    problem = CalibrationProblem.from_dataset(synthetic_dataset, [11, 40], free=free)
    chains = run_chains(problem, options, seed=9)
    assert chains is not None
    for position, site in enumerate((11, 40)):
        one = problem.take([position])
        for chain in range(options.chains):

            def misfit(u: np.ndarray, one: CalibrationProblem = one) -> float:
                complete = np.full(21, 0.5)
                complete[problem.free_mask] = u
                return float(one.misfit(complete[None, None])[0, 0])

            plain = plain_chain(misfit, 4, options, SameNumbers(9, site, chain))
            kept = int(chains.kept[position, chain])
            assert kept == len(plain.accepted)
            np.testing.assert_allclose(
                chains.draws[position, chain, :kept][:, problem.free_mask],
                plain.accepted,
                rtol=1e-5,
                atol=1e-6,
            )
            np.testing.assert_allclose(chains.trace[position, chain], plain.misfit, rtol=1e-4)
            assert chains.redone[position, chain] == plain.redone
            assert chains.finished[position, chain] == plain.finished


def test_random_numbers_are_random() -> None:
    state = generators(0, np.array([5]), 1)[0]
    numbers = np.array([uniform(state) for _ in range(20_000)])
    pairs = np.array([normal(state) for _ in range(20_000)])
    assert np.histogram(numbers, 10, (0, 1))[0].std() < 80
    assert abs(numbers.mean() - 0.5) < 0.01
    assert np.abs(pairs.mean(axis=0)).max() < 0.03
    assert np.abs(np.cov(pairs.T) - np.eye(2)).max() < 0.04
    assert not np.array_equal(*generators(0, np.array([5, 6]), 1))
    assert not np.array_equal(generators(0, np.array([5]), 1), generators(1, np.array([5]), 1))


def test_cooling() -> None:
    """A step up by dJ is taken with probability exp(-dJ ln(n + 2)): (n + 2) ** -dJ."""

    class Uphill:
        """A misfit that no step can lower again, larger by one at every evaluation."""

        def __init__(self) -> None:
            self.taken = np.zeros(40)

        def run(self, seed: int) -> None:
            calls = iter(range(10_000))
            base = 0.0

            def misfit(_: np.ndarray) -> float:
                return base if next(calls) == 0 else base + 0.3

            options = Published(first=40, second=2, adapt_from=2, fewest_accepted=0, redos=0)
            found = plain_chain(misfit, 2, options, NumpyRandom(seed))
            first = np.flatnonzero(found.misfit[:40] > 0)
            if len(first):
                self.taken[first[0]] += 1

    uphill = Uphill()
    for seed in range(1500):
        uphill.run(seed)
    n = np.arange(1, 41)
    chance = (n + 2.0) ** -0.3
    expected = chance * np.concatenate([[1.0], np.cumprod(1 - chance)[:-1]])
    assert np.abs(uphill.taken[:6] / 1500 - expected[:6]).max() < 0.04


@pytest.fixture(scope="module")
def noise_free(synthetic_dataset: xr.Dataset) -> CalibrationProblem:
    """Twelve sites whose observations are simulated, without noise, from drawn parameters."""
    given = CalibrationProblem.from_dataset(synthetic_dataset, range(12))
    u = np.random.default_rng(2).uniform(0.2, 0.8, (12, 21))
    soc = solve(to_physical(torch.from_numpy(u)), given.forcing).soc
    seen = given.observations
    owner = np.repeat(np.arange(12), seen.count)
    exact = soc_at_depth(soc, seen.depth, given.forcing.per_site("nbedrock"), owner).numpy()
    return CalibrationProblem.from_observations(
        Observations(seen.depth, exact, seen.start, seen.count), given.forcing
    )


def test_reproduces_noise_free_profiles(noise_free: CalibrationProblem) -> None:
    found = mcmc(noise_free, Published(first=3000, second=8000, adapt_from=1500), seed=4)
    acceptance = found.diagnostics["acceptance"]
    assert ((acceptance >= 0.1) & (acceptance <= 0.5)).mean() > 0.95
    assert (found.diagnostics["finished"] == ((acceptance >= 0.1) & (acceptance <= 0.5))).all()
    simulated = noise_free.soc(found.normalised[:, None])[:, 0]
    off = np.abs(simulated / noise_free.observations.soc - 1)
    assert np.median(off) < 0.1
    assert np.nanmedian(found.diagnostics["r2"]) > 0.97
    assert (found.misfit < 0.2 * noise_free.misfit(np.full((12, 1, 21), 0.5))[:, 0]).mean() > 0.5


def test_summary_follows_the_authors(noise_free: CalibrationProblem) -> None:
    """First half of the accepted states is burn-in; mean of the rest of the best chain."""
    problem = noise_free.take(slice(0, 3))
    chains = run_chains(problem, SHORT, seed=1)
    assert chains is not None
    found = mcmc(problem, SHORT, seed=1)
    seen = problem.observations
    for site in range(3):
        rows = slice(seen.start[site], seen.start[site] + seen.count[site])
        after = [
            chains.draws[site, c, n // 2 : n].astype(float) for c, n in enumerate(chains.kept[site])
        ]
        one = problem.take([site])
        rmse = [
            np.sqrt(np.mean((one.soc(some[None]).mean(axis=1) - seen.soc[rows]) ** 2))
            for some in after
        ]
        best = int(np.argmin(rmse))
        assert found.diagnostics["best_chain"][site] == best
        np.testing.assert_allclose(found.normalised[site], after[best].mean(axis=0))
        np.testing.assert_allclose(found.diagnostics["chain_rmse"][site], rmse)
        shortest = min(len(some) for some in after)
        cut = np.stack([some[:shortest] for some in after])
        np.testing.assert_allclose(
            found.diagnostics["gelman_rubin"][site],
            [gelman_rubin(cut[:, :, k]) for k in range(21)],
        )
    assert found.diagnostics["rhat"].shape == found.diagnostics["ess"].shape == (3, 21)
    assert (found.quantiles()[:, 0] <= found.quantiles()[:, -1]).all()
    assert found.range_set == "binn"


def test_gelman_rubin_by_hand() -> None:
    draws = np.array([[0.0, 2.0, 4.0], [3.0, 5.0, 7.0]])  # W = 4, B / n = 4.5
    assert gelman_rubin(draws) == pytest.approx(np.sqrt((2 / 3 * 4 + 4.5) / 4))


def test_memory_of_accepted_states_is_thinned_evenly(noise_free: CalibrationProblem) -> None:
    """With room for few states, every 2^k-th accepted one is kept."""
    problem = noise_free.take([0])
    full = run_chains(problem, SHORT.model_copy(update={"keep": 4000}), seed=1)
    thin = run_chains(problem, SHORT.model_copy(update={"keep": 100}), seed=1)
    assert full is not None
    assert thin is not None
    for chain in range(3):
        some, n = thin.draws[0, chain], int(thin.kept[0, chain])
        stride = round(int(full.kept[0, chain]) / n)
        np.testing.assert_array_equal(some[:n], full.draws[0, chain, : n * stride : stride][:n])
        assert stride & (stride - 1) == 0
        assert 50 <= n <= 100


def test_chains_do_not_depend_on_company_or_threads(synthetic_dataset: xr.Dataset) -> None:
    options = Published(first=300, second=300, adapt_from=100, keep=50, redos=0)
    every = CalibrationProblem.from_dataset(synthetic_dataset, range(24))
    one = CalibrationProblem.from_dataset(synthetic_dataset, [20])
    together = run_chains(every, options, seed=5)
    threaded = run_chains(every, options, seed=5, threads=2)
    alone = run_chains(one, options, seed=5)
    assert together is not None
    assert threaded is not None
    assert alone is not None
    np.testing.assert_array_equal(together.draws, threaded.draws)
    np.testing.assert_array_equal(together.draws[20], alone.draws[0])


def test_options_that_are_not_possible() -> None:
    with pytest.raises(InputError, match="simulated annealing"):
        mcmc_options("simulated annealing")
    with pytest.raises(InputError, match="chains"):
        mcmc_options("published", chains=0)
    with pytest.raises(InputError, match="warmup"):
        mcmc_options("published", warmup=10)
