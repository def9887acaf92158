"""One interface: every method reproduces noise-free profiles; bad sites are reported."""

from __future__ import annotations

import numpy as np
import pytest

from binn.calibration import METHODS, CalibrationProblem, Misfit, calibrate
from binn.clm5 import soc_at_depth, solve
from binn.errors import InputError
from binn.observations import Observations

SHORT = {"adaptive": 10_000, "published": 10_000, "kalman": 15, "genetic": 400}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reproduces_noise_free_profiles(
    method: str, noise_free: CalibrationProblem
) -> None:
    found = calibrate(
        noise_free.observations,
        noise_free.forcing,
        method,
        iterations=SHORT[method],
        seed=1,
    )
    # by the public solver, as a user would
    soc = solve(found.parameters, noise_free.forcing).soc
    seen = noise_free.observations
    site = np.repeat(np.arange(noise_free.n_sites), seen.count)
    nbedrock = noise_free.forcing.per_site("nbedrock")
    simulated = soc_at_depth(soc, seen.depth, nbedrock, site).numpy()
    off = np.log(simulated / seen.soc).reshape(noise_free.n_sites, -1)
    by_site = np.sqrt((off**2).mean(axis=1))
    assert by_site.max() < 0.15
    assert np.median(by_site) < 0.06
    assert found.diagnostics["r2"].min() > 0.9
    assert found.members.shape[0] == noise_free.n_sites
    assert np.nanstd(found.members, axis=1).max() > 0
    trace = found.trace["misfit"]
    assert trace.shape[0] == noise_free.n_sites
    np.testing.assert_allclose(
        found.misfit, noise_free.misfit(found.normalised[:, None])[:, 0], rtol=1e-9
    )


def test_best_draw_is_kept_beside_the_posterior_mean(noise_free: CalibrationProblem) -> None:
    found = calibrate(
        noise_free.observations, noise_free.forcing, "adaptive", iterations=2000, chains=2
    )
    mean = np.nanmean(found.members, axis=1)
    np.testing.assert_allclose(found.diagnostics["posterior_mean"], mean, rtol=1e-5)
    assert (found.misfit <= np.nanmin(noise_free.misfit(found.members), axis=1) + 1e-12).all()
    assert {"rhat", "ess", "acceptance", "r2_mean"} <= found.diagnostics.keys()
    assert found.settings["warmup"] == 400


def test_sites_that_cannot_be_calibrated_are_reported(noise_free: CalibrationProblem) -> None:
    seen, forcing = noise_free.observations, noise_free.forcing.take([0, 1, 2, 3])
    depth = seen.depth.reshape(8, -1)[:4].copy()
    soc = seen.soc.reshape(8, -1)[:4].copy()
    soc[1] = 0.0
    depth[2, 1:] = np.nan
    found = calibrate((depth, soc), forcing, "kalman", iterations=2)
    assert found.sites.tolist() == [0, 3]
    assert [(one.site, one.reason) for one in found.left_out] == [
        (1, "all observations are zero"),
        (2, "one observation only; 2 are needed"),
    ]
    barren = forcing.changed(npp=0.0)
    with pytest.raises(InputError, match="no forcing"):
        calibrate((depth, soc), barren, "kalman")


def test_options_reach_the_method(noise_free: CalibrationProblem) -> None:
    seen, forcing = noise_free.observations, noise_free.forcing
    one = Observations(seen.depth[:6], seen.soc[:6], seen.start[:1], seen.count[:1])
    found = calibrate(
        (seen.depth[:6], seen.soc[:6]),
        forcing.take([0]),
        "kalman",
        iterations=2,
        members=12,
        free=["beta"],
        fixed=np.full(21, 0.3),
        misfit=Misfit("gaussian", relative_sd=0.2),
        bedrock="published",
    )
    assert found.members.shape == (1, 12, 21)
    assert found.free == ("beta",)
    np.testing.assert_allclose(found.normalised[0, :20], 0.3, rtol=1e-12)
    assert found.bedrock == "published"
    for method, option in (("kalman", "chains"), ("genetic", "noise"), ("adaptive", "members")):
        with pytest.raises(InputError, match=option):
            calibrate(one, forcing.take([0]), method, **{option: 3})
    with pytest.raises(InputError, match="method 'mcmc' is not known; use one of adaptive"):
        calibrate(one, forcing.take([0]), "mcmc")
    for wrong in ({"iterations": 0}, {"iterations": 1.5}, {"iterations": "9"}, {"seed": 0.5}):
        for method in METHODS:
            with pytest.raises(InputError, match=r"is not possible; give a whole number"):
                calibrate(one, forcing.take([0]), method, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"iterations=499 are too few .* give 500 or more"):
        calibrate(one, forcing.take([0]), iterations=499)
    for depth, soc in (([[0.1, 0.3], [0.2]], [[9.0, 5.0], [8.0]]), (["top"], [9.0])):
        with pytest.raises(InputError, match="fill those of shorter profiles up with NaN"):
            calibrate((depth, soc), forcing.take([0, 1]))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no forcing: give a binn.clm5.Forcing of 1 sites"):
        calibrate(one, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="both must be"):
        calibrate((seen.depth[:6], seen.soc[:5]), forcing.take([0]))
    with pytest.raises(InputError, match="of 1 sites, but forcing is of 8"):
        calibrate(one, forcing)
