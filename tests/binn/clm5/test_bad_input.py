"""Bad input is refused in one sentence that says what and where."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from binn.clm5 import (
    BACKENDS,
    Forcing,
    OutsidePriorWarning,
    PrecisionWarning,
    clm5_defaults,
    matrices,
    soc_at_depth,
    solve,
    stock,
)
from binn.errors import InputError
from binn.parameters import LOWER, UPPER, index


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tau4s3", 0.0),
        ("tau4s3", -5.0),
        ("q10", float("nan")),
        ("fl1s1", 1.5),
        ("fs2s3", -0.1),
        ("beta", 1.0),
        ("efolding", 0.0),
        ("diffus", float("inf")),
    ],
)
@pytest.mark.parametrize("compute", [solve, matrices])
def test_unphysical_parameters_name_site_and_parameter(synthetic_sites, key, value, compute):
    parameters = synthetic_sites.parameters.clone()
    parameters[7, index(key)] = value
    with pytest.raises(InputError, match=rf"{key}.*site 7"):
        compute(parameters, synthetic_sites.forcing)


def test_a_pool_cannot_give_more_than_it_has(synthetic_sites):
    parameters = synthetic_sites.parameters.clone()
    parameters[3, index("fs2s1")], parameters[3, index("fs2s3")] = 0.9, 0.4
    with pytest.raises(InputError, match=r"fs2s1.*fs2s3.*site 3"):
        solve(parameters, synthetic_sites.forcing)


def test_outside_the_prior_warns_and_solves(synthetic_sites):
    sand = torch.full((68,), 40.0)
    with pytest.warns(OutsidePriorWarning, match="efolding"):
        state = solve(clm5_defaults(sand), synthetic_sites.forcing)
    assert bool(state.soc.isfinite().all())


def test_the_edges_of_the_prior_do_not_warn(synthetic_sites):
    for edge in (LOWER, UPPER):
        parameters = torch.from_numpy(np.tile(edge, (68, 1)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            solve(parameters, synthetic_sites.forcing)
            solve(parameters.float(), synthetic_sites.forcing)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("temperature", 12.0, r"temperature.*row 5.*173.15 to 373.15 K"),
        ("temperature", float("nan"), r"temperature.*nan in row 5"),
        ("water", 1.5, r"water.*row 5"),
        ("cwd", -1.0, r"cwd.*row 5"),
        ("nbedrock", 21, r"nbedrock.*21.*row 5"),
    ],
)
def test_bad_forcing_names_variable_and_row(synthetic_sites, name, value, message):
    values = getattr(synthetic_sites.forcing, name).clone()
    values[5] = value
    with pytest.raises(InputError, match=message):
        replace(synthetic_sites.forcing, **{name: values})


def test_transposed_forcing_is_refused(synthetic_sites):
    transposed = synthetic_sites.forcing.water.transpose(1, 2)
    with pytest.raises(InputError, match=r"water.*\(68, 12, 20\).*\(68, 20, 12\)"):
        replace(synthetic_sites.forcing, water=transposed)


def test_site_cell_must_exist(synthetic_sites):
    with pytest.raises(InputError, match="outside the 68 rows"):
        replace(synthetic_sites.forcing, site_cell=torch.tensor([0, 68]))


def test_bedrock_that_moves_is_refused(synthetic_sites):
    months = synthetic_sites["in_nbedrock"].copy()
    assert isinstance(replace(synthetic_sites.forcing, nbedrock=months), Forcing)
    months[0, 3] -= 1
    with pytest.raises(InputError, match="does not move"):
        replace(synthetic_sites.forcing, nbedrock=months)


def test_shapes_and_names_are_checked(synthetic_sites):
    parameters, forcing = synthetic_sites.parameters, synthetic_sites.forcing
    with pytest.raises(InputError, match=r"\(68, 20\)"):
        solve(parameters[:, :20], forcing)
    with pytest.raises(InputError, match="67 sites of parameters but 68"):
        solve(parameters[1:], forcing)
    with pytest.raises(InputError, match="bedrock='open'"):
        solve(parameters, forcing, bedrock="open")
    with pytest.raises(InputError, match="backend='cuda'"):
        solve(parameters, forcing, backend="cuda")


def test_depths_are_checked():
    soc = torch.ones(2, 20, dtype=torch.float64)
    with pytest.raises(InputError, match="negative"):
        soc_at_depth(soc, [-0.1, 0.2])
    with pytest.raises(InputError, match=r"expected \(2,\) or \(2, k\)"):
        soc_at_depth(soc, [0.1, 0.2, 0.3])
    for top, bottom in ((-0.1, 1.0), (0.5, 0.5), (0.0, 9.0)):
        with pytest.raises(InputError, match="depth range"):
            stock(soc, top, bottom)


def test_arrays_are_as_good_as_tensors(synthetic_sites):
    forcing, soc = synthetic_sites.forcing, np.linspace(30.0, 1.0, 20)[None]
    assert_allclose(stock(soc, 0.0, 1.0), stock(torch.from_numpy(soc), 0.0, 1.0))
    assert_allclose(soc_at_depth(soc, [0.3]), soc_at_depth(torch.from_numpy(soc), [0.3]))
    from_array = solve(synthetic_sites["in_para_phys"], forcing).soc
    assert torch.equal(from_array, solve(synthetic_sites.parameters, forcing).soc)


def test_climate_changes(synthetic_sites):
    forcing = synthetic_sites.forcing
    warmer = forcing.changed(warming=2.0, npp=1.1, moisture=3.0)
    assert_allclose(warmer.temperature, forcing.temperature + 2.0)
    assert_allclose(warmer.annual_input(), 1.1 * forcing.annual_input(), rtol=1e-12)
    assert float(warmer.water.max()) == 1.0
    assert torch.equal(warmer.altmax, forcing.altmax)
    base = solve(synthetic_sites.parameters, forcing).soc
    assert bool((stock(solve(synthetic_sites.parameters, forcing.changed(warming=2.0)).soc)
                 < stock(base)).all())  # fmt: skip
    for change in ({"npp": -1.0}, {"moisture": float("nan")}, {"warming": 500.0}):
        with pytest.raises(InputError):
            forcing.changed(**change)


def test_clm5_defaults_depend_on_sand():
    low, high = clm5_defaults(torch.tensor([10.0, 90.0]))
    assert low[index("efolding")] == 10.0
    t = 0.85 - 0.68 * 0.01 * (100 - 10)
    assert_allclose(float(low[index("fs1s2")]), (1 - t) * (1 - 0.004 / (1 - t)))
    assert high[index("fs1s2")] < low[index("fs1s2")]
    assert_allclose(clm5_defaults(torch.full((1, 20), 10.0))[0], low)
    with pytest.raises(InputError, match="0 and 100"):
        clm5_defaults(torch.tensor([120.0]))


def test_lists_and_arrays_are_as_exact_as_tensors(synthetic_sites):
    parameters, forcing = synthetic_sites.parameters, synthetic_sites.forcing
    expected = solve(parameters, forcing).pools
    frozen = parameters.numpy().copy()
    frozen.flags.writeable = False
    for given in (parameters.tolist(), frozen, parameters.numpy().astype(">f8")):
        assert torch.equal(solve(given, forcing).pools, expected)
    backwards = forcing.take(np.arange(68)[::-1])
    assert torch.equal(solve(parameters.numpy()[::-1], backwards).pools.flip(0), expected)
    listed = replace(
        forcing, **{name: getattr(forcing, name).tolist() for name in ("cwd", "water")}
    )
    assert torch.equal(solve(parameters, listed).pools, expected)


@pytest.mark.parametrize("given", ["abc", None, [[1.0], [2.0, 3.0]], np.ones((68, 21)) * 1j])
def test_what_is_no_number_is_refused(synthetic_sites, given):
    with pytest.raises(InputError, match="parameters"):
        solve(given, synthetic_sites.forcing)
    with pytest.raises(InputError, match="'cwd'"):
        replace(synthetic_sites.forcing, cwd=given)


def test_sites_that_are_not_there(synthetic_sites):
    forcing = synthetic_sites.forcing
    for sites in ([68], [-69], [0.5], np.ones(3, dtype=bool), 3):
        with pytest.raises(InputError, match="sites to take"):
            forcing.take(sites)
    mask = np.arange(68) % 2 == 0
    for same in (mask, mask.tolist(), torch.from_numpy(mask)):
        assert torch.equal(forcing.take(same).per_site("cwd"), forcing.cwd[::2])
    with pytest.raises(InputError, match=r"float64 or torch\.float32"):
        forcing.to(dtype=torch.int32)


def test_no_sites_are_no_trouble(synthetic_sites):
    nothing = synthetic_sites.forcing.take([])
    for backend in BACKENDS:
        assert solve(np.empty((0, 21)), nothing, backend=backend).soc.shape == (0, 20)
    assert matrices(np.empty((0, 21)), nothing).K_diag.shape == (0, 140)
    names = [one.name for one in fields(Forcing) if one.init and one.name != "site_cell"]
    none = Forcing(*(getattr(nothing, name)[:0] for name in names))
    assert solve(np.empty((0, 21)), none).pools.shape == (0, 7, 20)


def test_observations_of_sites_that_are_not_there():
    soc = np.ones((3, 20), dtype=int)
    assert soc_at_depth(soc, [0.1, 2.5], site=[0, 2]).tolist() == [1.0, 1.0]
    assert float(stock(soc)[0]) == pytest.approx(0.3)
    for site in ([0, 3], [0, -1], [0, 0.5]):
        with pytest.raises(InputError, match="sites of observations"):
            soc_at_depth(soc, [0.1, 2.5], site=site)
    for nbedrock, about in ([0, 1, 2], "nbedrock"), ([4], "1.*bedrock layers but 3 sites"):
        with pytest.raises(InputError, match=about):
            soc_at_depth(soc, [0.1, 0.2, 0.3], nbedrock)
    for compute in (stock, lambda some: soc_at_depth(some, [0.1, 0.2, 0.3])):
        with pytest.raises(InputError, match=r"\(site, 20\)"):
            compute(soc[:, :7])


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_where_nothing_decomposes_is_said(synthetic_sites, backend):
    oxygen = synthetic_sites.forcing.oxygen.clone()
    oxygen[5, 0] = 0.0
    forcing = replace(synthetic_sites.forcing, oxygen=oxygen)
    with pytest.warns(PrecisionWarning, match="1 of 68 sites, first site 5.*oxygen"):
        state = solve(synthetic_sites.parameters, forcing, backend=backend)
    assert state.unrepresentable.flatten(1).any(1).nonzero().flatten().tolist() == [5]
