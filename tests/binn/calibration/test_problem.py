"""Simulated observations, their misfit, and sites that cannot be calibrated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.interpolate import PchipInterpolator

from binn.calibration import CalibrationProblem
from binn.calibration.misfit import Misfit, layer_weights
from binn.clm5 import NODES, Forcing, soc_at_depth, solve
from binn.errors import InputError
from binn.observations import Observations
from binn.parameters import KEYS, index, to_physical


def drawn(n: int, members: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.05, 0.95, (n, members, 21))


def owner_of(problem: CalibrationProblem) -> np.ndarray:
    return np.repeat(np.arange(problem.n_sites), problem.observations.count)


@pytest.mark.parametrize("bedrock", ["conserving", "published"])
def test_simulates_what_solve_simulates(synthetic_dataset: xr.Dataset, bedrock: str) -> None:
    problem = CalibrationProblem.from_dataset(synthetic_dataset, bedrock=bedrock)
    u = drawn(problem.n_sites, 2)
    simulated = problem.soc(u)
    seen, owner = problem.observations, owner_of(problem)
    for member in range(2):
        state = solve(to_physical(torch.from_numpy(u[:, member])), problem.forcing, bedrock)
        deepest = problem.forcing.per_site("nbedrock") if bedrock == "conserving" else None
        expected = soc_at_depth(state.soc, seen.depth, deepest, owner).numpy()
        np.testing.assert_allclose(simulated[:, member], expected, rtol=1e-11)


def test_pchip_is_that_of_scipy(synthetic_dataset: xr.Dataset) -> None:
    """Extrapolated above the first node and below the last, as the authors do."""
    problem = CalibrationProblem.from_dataset(
        synthetic_dataset, bedrock="published", interpolation="pchip"
    )
    u = drawn(problem.n_sites, 1)
    soc = solve(to_physical(torch.from_numpy(u[:, 0])), problem.forcing, "published").soc.numpy()
    seen = problem.observations
    expected = [
        PchipInterpolator(NODES, soc[site])(seen.depth[a : a + n])
        for site, (a, n) in enumerate(zip(seen.start, seen.count, strict=True))
    ]
    np.testing.assert_allclose(problem.soc(u)[:, 0], np.concatenate(expected), rtol=1e-9)


def test_layers_that_stand_out_weigh_more() -> None:
    """Ranks 1, 3, 2, 4 by carbon and 2, 3, 4, 1 by depth."""
    depth = np.array([0.0, 0.3, 0.5, 1.0])
    soc = np.array([90.0, 30.0, 20.0, 35.0])
    ranks = np.array([1.5, 3.0, 3.0, 2.5])
    np.testing.assert_allclose(layer_weights(depth, soc), np.maximum(1, 10 * np.exp(1 - ranks)))


def test_misfit_is_the_weighted_sum_of_squares(synthetic_dataset: xr.Dataset) -> None:
    u = drawn(60, 3)
    published = CalibrationProblem.from_dataset(synthetic_dataset)
    plain = CalibrationProblem.from_dataset(
        synthetic_dataset, misfit_form=Misfit("gaussian", sd=500.0)
    )
    seen = published.observations
    simulated = published.soc(u)
    for site in (0, 17, 59):
        rows = slice(seen.start[site], seen.start[site] + seen.count[site])
        off = simulated[rows] - seen.soc[rows, None]
        weight = layer_weights(seen.depth[rows], seen.soc[rows])[:, None]
        expected = (weight * off**2 / (2 * (0.6 * seen.soc[rows, None]) ** 2)).sum(axis=0)
        np.testing.assert_allclose(published.misfit(u)[site], expected)
        np.testing.assert_allclose(plain.misfit(u)[site], (off**2).sum(axis=0) / (2 * 500.0**2))


def test_neither_threads_nor_company_change_a_site(synthetic_dataset: xr.Dataset) -> None:
    every = CalibrationProblem.from_dataset(synthetic_dataset)
    u = drawn(60, 5)
    alone = CalibrationProblem.from_dataset(synthetic_dataset, [41, 7])
    np.testing.assert_array_equal(every.misfit(u), every.misfit(u, threads=2))
    np.testing.assert_array_equal(alone.misfit(u[[41, 7]]), every.misfit(u)[[41, 7]])
    np.testing.assert_array_equal(every.take([41, 7]).misfit(u[[41, 7]]), every.misfit(u)[[41, 7]])


def test_parameters_that_are_not_free_are_given(synthetic_dataset: xr.Dataset) -> None:
    fixed = np.full(21, 0.25)
    problem = CalibrationProblem.from_dataset(
        synthetic_dataset, [3], free=("beta", "tau4s3"), fixed=fixed
    )
    u = drawn(1, 1)
    complete = fixed.copy()
    for key in ("beta", "tau4s3"):
        complete[index(key)] = u[0, 0, index(key)]
    every = CalibrationProblem.from_dataset(synthetic_dataset, [3])
    np.testing.assert_array_equal(problem.soc(u), every.soc(complete[None, None]))
    assert problem.free == tuple(key for key in KEYS if key in ("beta", "tau4s3"))


@pytest.fixture
def faulty(synthetic_dataset: xr.Dataset) -> xr.Dataset:
    """Of the first six sites, one observation, zeros, no cell, forcing NaN, no input, two zeros."""
    ds = synthetic_dataset.copy(deep=True)
    count = ds["obs_count"].to_numpy()
    start = np.cumsum(count) - count
    soc = ds["obs_soc"].to_numpy().copy()
    soc[start[0] + 1 : start[0] + count[0]] = np.nan
    soc[start[1] : start[1] + count[1]] = 0.0
    cell = np.arange(60) % 20
    cell[2] = 999
    cell[3], cell[4] = 26, 27
    temperature = ds["temperature"].to_numpy().copy()
    temperature[26, 3, 4] = np.nan
    ds["temperature"] = (ds["temperature"].dims, temperature)
    for name in ("cwd", "litter1", "litter2", "litter3"):
        values = ds[name].to_numpy().copy()
        values[27] = 0.0
        ds[name] = (ds[name].dims, values)
    ds["obs_soc"] = (("obs",), soc)
    ds["site_cell"] = (("site",), cell)
    return ds


def test_sites_that_cannot_be_calibrated_are_reported(faulty: xr.Dataset) -> None:
    problem = CalibrationProblem.from_dataset(faulty, range(8))
    reasons = {one.site: one.reason for one in problem.left_out}
    assert sorted(reasons) == [0, 1, 2, 3, 4]
    assert "one observation only" in reasons[0]
    assert "zero" in reasons[1]
    assert all("no forcing" in reasons[site] for site in (2, 3, 4))
    assert "temperature of cell 26" in reasons[3]
    assert problem.left_out[0].profile_id == 100
    assert problem.sites.tolist() == [5, 6, 7]
    assert np.isfinite(problem.misfit(drawn(3, 2))).all()


def test_forcing_out_of_range_is_reported(synthetic_dataset: xr.Dataset) -> None:
    ds = synthetic_dataset.copy(deep=True)
    ds["water"] = ds["water"].copy(deep=True)
    bad = int(ds["site_cell"][4])
    ds["water"][bad] = 7.0
    problem = CalibrationProblem.from_dataset(ds)
    concerned = np.flatnonzero(ds["site_cell"].to_numpy() == bad)
    assert [one.site for one in problem.left_out] == concerned.tolist()
    assert "water" in problem.left_out[0].reason


def test_nothing_left_is_an_error(faulty: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"no site to calibrate.*site 0: one observation.*4 more"):
        CalibrationProblem.from_dataset(faulty, range(5))
    with pytest.raises(InputError, match="no site 99"):
        CalibrationProblem.from_dataset(faulty, [99])


def test_from_observations(synthetic_dataset: xr.Dataset) -> None:
    every = Observations.from_dataset(synthetic_dataset)
    problem = CalibrationProblem.from_observations(every, Forcing.from_dataset(synthetic_dataset))
    u = drawn(60, 1)
    same = CalibrationProblem.from_dataset(synthetic_dataset)
    np.testing.assert_array_equal(problem.misfit(u), same.misfit(u))
