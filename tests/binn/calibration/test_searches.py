"""Kalman inversion and evolutionary search: they reproduce the profile, stop, and repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from binn.calibration.genetic import evolve
from binn.calibration.kalman import ensemble_kalman
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.scores import profile_scores
from binn.errors import InputError
from binn.parameters import KEYS

Method = Callable[..., Calibration]
both = pytest.mark.parametrize("method", [ensemble_kalman, evolve])
SHORT = {ensemble_kalman: {"iterations": 3, "members": 20}, evolve: {"iterations": 6, "members": 6}}


def off(problem: CalibrationProblem, u: np.ndarray) -> np.ndarray:
    """Root mean square of the logarithm of simulated over observed SOC, by site."""
    ratio = np.log(problem.soc(u[:, None])[:, 0] / problem.observations.soc)
    return np.sqrt((ratio.reshape(problem.n_sites, -1) ** 2).mean(axis=1))


@both
def test_noise_free_profiles_are_reproduced(method: Method, noise_free: CalibrationProblem) -> None:
    found = method(noise_free)
    assert ((found.normalised > 0) & (found.normalised < 1)).all()
    assert off(noise_free, found.normalised).max() < 0.1
    assert np.median(off(noise_free, found.normalised)) < 0.03
    assert found.diagnostics["r2"].min() > 0.95
    # what it says of itself is so
    np.testing.assert_allclose(found.misfit, noise_free.misfit(found.normalised[:, None])[:, 0])
    for row, misfit in zip(found.trace["misfit"], found.misfit, strict=True):
        assert row[np.isfinite(row)][-1] == pytest.approx(misfit, rel=1e-6)
        assert misfit < row[0]


@both
def test_sites_do_not_know_of_each_other(method: Method, noise_free: CalibrationProblem) -> None:
    options = SHORT[method]
    every = method(noise_free, seed=3, **options)
    some = method(noise_free.take([5, 2]), seed=3, **options)
    np.testing.assert_array_equal(some.normalised, every.normalised[[5, 2]])
    np.testing.assert_array_equal(some.members, every.members[[5, 2]])
    again = method(noise_free, seed=3, threads=2, **options)
    np.testing.assert_array_equal(again.normalised, every.normalised)
    other = method(noise_free, seed=4, **options)
    assert np.abs(other.members - every.members).max() > 0.01


@both
def test_only_free_parameters_move(method: Method, noise_free: CalibrationProblem) -> None:
    fixed = np.linspace(0.1, 0.9, 21)
    problem = CalibrationProblem(
        noise_free.observations, noise_free.forcing, free=("beta", "tau4s3"), fixed=fixed
    )
    found = method(problem, **SHORT[method])
    moved = np.array([key in ("beta", "tau4s3") for key in KEYS])
    np.testing.assert_allclose(
        found.members[..., ~moved],
        np.broadcast_to(fixed[~moved], (*found.members.shape[:2], 19)),
        rtol=1e-12,
    )
    assert found.members[..., moved].std(axis=1).min() > 0
    assert found.free == ("tau4s3", "beta")


def test_kalman_stops_within_the_noise(noise_free: CalibrationProblem) -> None:
    loose = ensemble_kalman(noise_free, noise=0.5)
    tight = ensemble_kalman(noise_free, noise=0.1, iterations=6)
    assert (loose.diagnostics["steps"] < 6).any()
    discrepancy, steps = loose.trace["discrepancy"], loose.diagnostics["steps"]
    done = loose.diagnostics["fitted"]
    assert done.all()
    at = discrepancy[np.arange(noise_free.n_sites), steps]
    assert (at <= 1).all()
    # before, it was not yet there; afterwards, nothing was done
    before = discrepancy[np.arange(noise_free.n_sites), np.maximum(steps - 1, 0)]
    assert (before[steps > 0] > 1).all()
    assert all(np.isnan(row[k + 1 :]).all() for row, k in zip(discrepancy, steps, strict=True))
    # asked for more, the ensemble is closer
    assert np.median(off(noise_free, tight.members[:, 0])) < np.median(
        off(noise_free, loose.members[:, 0])
    )


def test_kalman_is_right_where_the_answer_is_known() -> None:
    """One step of length 1 in a linear case with Gaussian prior: the Kalman filter's mean."""
    from binn.calibration.kalman import _Ensemble

    rng = np.random.default_rng(0)
    members, operator = 20_000, np.array([[1.0, 0.5], [0.0, 2.0], [1.0, -1.0]])
    z = rng.standard_normal((1, members, 2)) * [1.0, 0.3] + [0.2, -0.1]
    observed = np.array([[0.6, -0.4, 0.5]])
    problem: Any = None  # not asked: the simulation is given
    ensemble = _Ensemble(
        problem, z, np.zeros((1, 3), int), np.ones((1, 3), bool), observed, 1.0,
        [np.random.default_rng(1)],
    )  # fmt: skip
    ensemble.update(z @ operator.T, np.array([True]))
    prior = np.diag([1.0, 0.09])
    gain = prior @ operator.T @ np.linalg.inv(operator @ prior @ operator.T + np.eye(3))
    mean = np.array([0.2, -0.1]) + gain @ (observed[0] - operator @ [0.2, -0.1])
    covariance = (np.eye(2) - gain @ operator) @ prior
    np.testing.assert_allclose(ensemble.logits[0].mean(0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(ensemble.logits[0].T), covariance, atol=0.02)


def test_search_stops_at_its_tolerance(noise_free: CalibrationProblem) -> None:
    found = evolve(noise_free, tolerance=0.3)
    assert found.diagnostics["fitted"].all()
    assert found.diagnostics["steps"].max() < 500
    trace = found.trace["misfit"]
    for row, steps in zip(trace, found.diagnostics["steps"], strict=True):
        assert (np.diff(row[:steps]) <= 0).all()
        assert np.isnan(row[steps:]).all()


@both
def test_options_that_are_not_possible(method: Method, noise_free: CalibrationProblem) -> None:
    with pytest.raises(InputError, match="at least"):
        method(noise_free, iterations=0)
    with pytest.raises(InputError, match="at least"):
        method(noise_free, members=2)
    name = "noise" if method is ensemble_kalman else "tolerance"
    with pytest.raises(InputError, match=f"{name}=-1 is not possible"):
        method(noise_free, **{name: -1})


def test_profile_scores(noise_free: CalibrationProblem) -> None:
    seen = noise_free.observations.soc.reshape(noise_free.n_sites, -1)
    perfect = profile_scores(noise_free, seen.ravel())
    np.testing.assert_array_equal(perfect["r2"], 1.0)
    mean = profile_scores(noise_free, np.repeat(seen.mean(1), seen.shape[1]))
    np.testing.assert_allclose(mean["r2"], 0.0, atol=1e-12)
    np.testing.assert_allclose(mean["rmse"], seen.std(1))
