"""The process model against numbers from the authors' code, solved at 400 bits and more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from binn.clm5 import PrecisionWarning, matrices, soc_at_depth, solve, stock
from binn.parameters import LOWER, UPPER

SCHEMES = ("published", "conserving")
BACKENDS = ("numba", "torch")
SMALLEST = 1e-250  # below, float64 underflows on the way


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("xi_T", "ref_xi_T"),
        ("xi_W", "ref_xi_W"),
        ("K_diag", "ref_K_diag"),
        ("V_block", "refb_V_block"),
        ("BI", "refb_BI"),
    ],
)
def test_matrices_are_the_published_ones(reference_sites, name, array):
    result = matrices(reference_sites.parameters, reference_sites.forcing, "published")
    assert_allclose(result[name].numpy(), reference_sites[array], rtol=1e-12, atol=0)


@pytest.mark.parametrize("bedrock", SCHEMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_pools_are_exact(reference_sites, bedrock, backend):
    state = solve(reference_sites.parameters, reference_sites.forcing, bedrock, backend)
    pools = state.pools.numpy()
    exact = reference_sites[f"exact_{bedrock}"]
    counted = exact > SMALLEST
    assert_allclose(pools[counted], exact[counted], rtol=1e-12, atol=0)
    assert (pools >= 0).all()
    assert (pools[exact == 0] == 0).all()


def test_pools_are_those_of_the_authors_matrices(reference_sites):
    pools = solve(reference_sites.parameters, reference_sites.forcing, "published").pools
    authors = reference_sites["refb_pools"]
    counted = authors > SMALLEST
    assert_allclose(pools.numpy().reshape(authors.shape)[counted], authors[counted], rtol=1e-10)


@pytest.mark.parametrize("bedrock", SCHEMES)
@pytest.mark.parametrize("backend", ["dense", "dense-loop"])
def test_dense_oracle_agrees_where_lu_can(synthetic_sites, bedrock, backend):
    well = np.flatnonzero(synthetic_sites["meta_well_binn"])
    well = well[: 8 if backend == "dense-loop" else None]
    parameters, forcing = synthetic_sites.parameters[well], synthetic_sites.forcing.take(well)
    dense = solve(parameters, forcing, bedrock, backend=backend).pools
    ours = solve(parameters, forcing, bedrock).pools
    assert_allclose(dense.numpy(), ours.numpy(), rtol=1e-6, atol=1e-6 * float(ours.max()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_is_that_of_the_authors_autograd(reference_sites, backend):
    parameters = reference_sites.parameters.clone().requires_grad_(True)
    state = solve(parameters, reference_sites.forcing, "published", backend)
    (gradient,) = torch.autograd.grad(stock(state.soc, 0.0, 8.6).sum(), parameters)
    ours = gradient.numpy() * (UPPER - LOWER)
    authors = reference_sites["binn_grad_stock_wrt_U"]
    well = ~np.isnan(authors).any(1) & reference_sites["meta_well_binn"]
    assert well.sum() >= 5
    scale = np.abs(authors[well]).max(1, keepdims=True)
    assert np.abs((ours[well] - authors[well]) / scale).max() < 1e-9


def test_soc_at_observation_depths(reference_sites):
    soc = torch.from_numpy(reference_sites["refb_soc_layer"])
    expected = reference_sites["refb_soc_at_obs"]
    ours = soc_at_depth(soc, reference_sites["in_obs_depth"]).numpy()
    assert np.isfinite(expected).sum() > 100
    assert_allclose(ours, expected, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("top", "bottom", "array"), [(0.0, 0.3, "0_30cm_exact"), (0.0, 1.0, "0_1m_exact")]
)
def test_stocks(reference_sites, top, bottom, array):
    soc = torch.from_numpy(reference_sites["ref_soc_layer"])
    assert_allclose(stock(soc, top, bottom), reference_sites[f"ref_stock_{array}"], rtol=1e-12)


def test_stock_of_the_whole_column(reference_sites):
    state = solve(reference_sites.parameters, reference_sites.forcing, "published")
    assert_allclose(stock(state.soc, 0.0, 8.6), reference_sites["refb_stock_total"], rtol=1e-9)


@pytest.mark.parametrize("bedrock", SCHEMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_is_right_where_it_says_so(reference_sites, bedrock, backend):
    double = solve(reference_sites.parameters, reference_sites.forcing, bedrock)
    single_forcing = reference_sites.forcing.to(dtype=torch.float32)
    with pytest.warns(PrecisionWarning, match="float32 cannot carry"):
        single = solve(reference_sites.parameters, single_forcing, bedrock, backend)
    assert single.pools.dtype == torch.float32
    inside = (double.soc >= 1e-30) & (double.soc <= 1e37)
    assert inside.float().mean() > 0.5  # the rest lies below bedrock or the range
    assert_allclose(single.soc[inside], double.soc[inside], rtol=1e-4)
    beyond = (double.pools > 1e37) | ((double.pools < 1e-31) & (double.pools > 0))
    assert bool(single.unrepresentable[beyond].all())
    assert not bool(double.unrepresentable.any())
