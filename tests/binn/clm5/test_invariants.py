"""What must hold whatever the parameters: conservation, positivity, symmetry, gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from binn.clm5 import local_sensitivity, soc_at_depth, solve, stock
from binn.diagnostics import mass_balance
from binn.parameters import KEYS, LOWER, UPPER, index, to_normalised, to_physical

SCHEMES = ("conserving", "published")
SEED = 20250202


def random_parameters(n: int) -> torch.Tensor:
    u = torch.rand(n, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(SEED))
    return to_physical(u)


@pytest.fixture(scope="module")
def drawn(synthetic_sites):
    """20,000 draws of the prior over all kinds of forcing."""
    n = 20_000
    sites = np.random.default_rng(SEED).integers(0, 68, n)
    return random_parameters(n), synthetic_sites.forcing.take(sites)


@pytest.mark.parametrize("bedrock", SCHEMES)
def test_random_draws_are_finite_and_not_negative(drawn, bedrock):
    state = solve(*drawn, bedrock)
    assert bool(state.pools.isfinite().all())
    assert bool((state.pools >= 0).all())
    soil = drawn[1].above_bedrock() if bedrock == "conserving" else torch.tensor(True)
    # zero only by underflow: the share of the input that reaches the layer is below any number
    zero = (state.pools[:, :4] == 0) & soil.reshape(-1, 1, soil.shape[-1] if soil.ndim else 1)
    assert bool((state.input_fraction[:, None].expand_as(zero)[zero] < 1e-300).all())
    if bedrock == "conserving":
        assert bool((state.pools.movedim(1, 2)[~soil] == 0).all())
        assert float(mass_balance(state).abs().max()) < 1e-13


@pytest.mark.parametrize("bedrock", SCHEMES)
def test_corners_of_the_prior(synthetic_sites, bedrock):
    """All corners of the parameters that scale the solution hardest, the rest at random ends."""
    hard = [index(k) for k in ("diffus", "cryo", "q10", "efolding", "tau4s3", "w_scaling", "beta")]
    corners = np.array(list(itertools.product((0, 1), repeat=len(hard))))
    ends = np.random.default_rng(SEED).integers(0, 2, (len(corners) * 68, 21))
    ends[:, hard] = np.repeat(corners, 68, axis=0)
    parameters = torch.from_numpy(np.where(ends, UPPER, LOWER))
    forcing = synthetic_sites.forcing.take(np.tile(np.arange(68), len(corners)))
    state = solve(parameters, forcing, bedrock)
    assert bool(state.pools.isfinite().all())
    assert bool((state.pools >= 0).all())
    if bedrock == "conserving":
        assert float(mass_balance(state).abs().max()) < 1e-13


def test_respiration_equals_input(reference_sites):
    state = solve(reference_sites.parameters, reference_sites.forcing)
    assert float(mass_balance(state).abs().max()) < 1e-13
    below = ~reference_sites.forcing.above_bedrock()
    assert bool((state.pools.movedim(1, 2)[below] == 0).all())


@pytest.mark.parametrize("bedrock", SCHEMES)
def test_permuted_and_single_sites_give_the_same(synthetic_sites, bedrock):
    parameters, forcing = synthetic_sites.parameters, synthetic_sites.forcing
    pools = solve(parameters, forcing, bedrock).pools
    order = torch.randperm(68, generator=torch.Generator().manual_seed(SEED))
    permuted = solve(parameters[order], forcing.take(order), bedrock).pools
    assert_allclose(permuted, pools[order], rtol=1e-12, atol=0)
    for site in (0, 20, 64):
        alone = solve(parameters[site : site + 1], forcing.take([site]), bedrock).pools
        assert_allclose(alone[0], pools[site], rtol=1e-12, atol=0)


@pytest.mark.parametrize("bedrock", SCHEMES)
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_gradcheck(synthetic_sites, bedrock, backend):
    chosen = [0, 30, 66]  # deep soil, permafrost, cryoturbation over shallow bedrock
    u = to_normalised(random_parameters(3)).clamp(0.2, 0.8).requires_grad_(True)

    def logarithm_of_pools(u: torch.Tensor) -> torch.Tensor:
        forcing = synthetic_sites.forcing.take(chosen)
        pools = solve(to_physical(u), forcing, bedrock, backend).pools
        return torch.log(pools[:, :, :5] + 1.0)

    assert torch.autograd.gradcheck(logarithm_of_pools, (u,), eps=1e-6, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_second_derivatives_are_refused_not_dropped(synthetic_sites, backend):
    parameters = random_parameters(3).requires_grad_()
    soc = solve(parameters, synthetic_sites.forcing.take([0, 1, 2]), backend=backend).soc
    (first,) = torch.autograd.grad(soc.sum(), parameters, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        (soc.sum() + (first**2).sum()).backward()


@pytest.mark.parametrize("bedrock", SCHEMES)
def test_backends_have_the_same_gradient(drawn, bedrock):
    parameters, forcing = drawn[0][:400], drawn[1].take(range(400))
    gradients = []
    for backend in ("numba", "torch"):
        p = parameters.clone().requires_grad_(True)
        value = torch.log(solve(p, forcing, bedrock, backend).pools + 1.0).sum()
        gradients.append(torch.autograd.grad(value, p)[0] * torch.from_numpy(UPPER - LOWER))
    scale = gradients[1].abs().amax(1, keepdim=True)
    assert float(((gradients[0] - gradients[1]) / scale).abs().max()) < 1e-11


def test_threads_do_not_change_results(drawn):
    parameters, forcing = drawn[0][:1000], drawn[1].take(range(1000))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            p = parameters.clone().requires_grad_(True)
            pools = solve(p, forcing).pools
            results.append((pools.detach(), torch.autograd.grad(pools.sum(), p)[0]))
    finally:
        torch.set_num_threads(before)
    for pools, gradient in results[1:]:
        assert_allclose(pools, results[0][0], rtol=1e-12, atol=0)
        assert_allclose(gradient, results[0][1], rtol=1e-12, atol=0)


def test_cwd_turnover_is_not_identifiable_from_soc(synthetic_sites):
    state = solve(synthetic_sites.parameters, synthetic_sites.forcing)
    sensitivity = local_sensitivity(state, 0.0, 1.0)
    size = sensitivity.abs().amax(1)
    assert bool((sensitivity[:, index("tau4cwd")].abs() <= 1e-12 * size).all())
    assert bool((sensitivity[:, index("fl1s1")] > 0).all())


def test_deep_thaw_leaves_cryoturbation_without_effect(synthetic_sites):
    deep = np.flatnonzero(synthetic_sites["in_altmax"].min(1) > 2)
    parameters = synthetic_sites.parameters[deep].clone()
    forcing = synthetic_sites.forcing.take(deep)
    before = solve(parameters, forcing).pools
    parameters[:, index("cryo")] = UPPER[index("cryo")]
    assert torch.equal(solve(parameters, forcing).pools, before)


@given(
    top=st.floats(0.0, 8.0),
    middle=st.floats(0.01, 0.99),
    height=st.floats(0.05, 0.6),
)
def test_stocks_add_up(top, middle, height):
    soc = torch.linspace(30.0, 1.0, 20, dtype=torch.float64)[None]
    bottom, between = top + height, top + middle * height
    whole = stock(soc, top, bottom)
    assert_allclose(stock(soc, top, between) + stock(soc, between, bottom), whole, rtol=1e-9)


@given(depth=st.floats(0.0, 20.0))
def test_soc_at_depth_stays_between_its_neighbours(depth):
    soc = torch.linspace(30.0, 1.0, 20, dtype=torch.float64)[None]
    value = float(soc_at_depth(soc, [[depth]])[0, 0])
    assert 1.0 <= value <= 30.0


def test_ragged_depths_equal_padded_ones(synthetic_sites):
    soc = solve(synthetic_sites.parameters, synthetic_sites.forcing).soc
    depths = torch.from_numpy(synthetic_sites["in_obs_depth"])
    nbedrock = synthetic_sites.forcing.nbedrock
    padded = soc_at_depth(soc, depths, nbedrock)
    site, _ = torch.nonzero(~depths.isnan(), as_tuple=True)
    ragged = soc_at_depth(soc, depths[~depths.isnan()], nbedrock, site=site)
    assert torch.equal(ragged, padded[~depths.isnan()])
    deepest = soc[torch.arange(68), nbedrock - 1]
    assert torch.equal(soc_at_depth(soc, torch.full((68,), 8.5), nbedrock), deepest)


def test_shared_rows_equal_copied_ones(synthetic_sites):
    forcing, cells = synthetic_sites.forcing, [3, 3, 60, 3, 60]
    parameters = random_parameters(5)
    shared = solve(parameters, forcing.take(cells)).pools
    for k, cell in enumerate(cells):
        alone = solve(parameters[k : k + 1], forcing.tile(slice(cell, cell + 1))).pools
        assert_allclose(shared[k], alone[0], rtol=1e-12, atol=0)


@given(st.lists(st.floats(0.0, 1.0), min_size=21, max_size=21))
def test_parameters_go_there_and_back(values):
    u = np.array(values)
    physical = to_physical(u)
    assert ((physical >= LOWER) & (physical <= UPPER * (1 + 1e-15))).all()
    assert_allclose(to_normalised(physical), u, atol=1e-12)
    assert_allclose(to_physical(torch.from_numpy(u)).numpy(), physical, rtol=0)


def test_the_table_has_an_order():
    assert len(KEYS) == 21
    assert index("tau4s3") == 9
    assert index("w-scaling") == index("w_scaling") == 19
    with pytest.raises(KeyError, match="no parameter 'rt'"):
        index("rt")
