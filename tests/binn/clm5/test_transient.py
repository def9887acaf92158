"""The way to another equilibrium: conserves, stays positive, ends there, equals dense steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from binn.clm5 import (
    N_LAYERS,
    N_POOLS,
    THICKNESS,
    Forcing,
    OutsidePriorWarning,
    PrecisionWarning,
    SteadyState,
    matrices,
    solve,
    stock,
    transient,
)
from binn.clm5.dense import decomposition_matrix
from binn.errors import InputError
from binn.parameters import index, to_physical

SCHEMES = ("conserving", "published")
BACKENDS = ("numba", "torch")


@pytest.fixture(scope="module")
def parameters() -> torch.Tensor:
    u = torch.rand(68, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    return to_physical(u)


@pytest.fixture(scope="module")
def warmer(synthetic_sites) -> Forcing:
    return synthetic_sites.forcing.changed(warming=2.0, npp=1.1, moisture=0.9)


@pytest.fixture(scope="module", params=SCHEMES)
def start(request, synthetic_sites, parameters) -> SteadyState:
    return solve(parameters, synthetic_sites.forcing, request.param)


def dense_steps(state: SteadyState, forcing: Forcing, years: int) -> np.ndarray:
    """Backward Euler with the assembled 140 x 140 matrix: (year, site, 7, 20)."""
    found = matrices(state.parameters, forcing, state.bedrock)
    exchange = decomposition_matrix(state.parameters).numpy()
    sites, size = len(exchange), N_POOLS * N_LAYERS
    matrix = np.zeros((sites, N_POOLS, N_LAYERS, N_POOLS, N_LAYERS))
    rate = found.K_diag.numpy().reshape(sites, N_POOLS, N_LAYERS)
    for layer in range(N_LAYERS):
        matrix[:, :, layer, :, layer] = exchange * rate[:, None, :, layer]
    for pool in range(1, N_POOLS):
        matrix[:, pool, :, pool] += found.V_block.numpy()
    matrix = matrix.reshape(sites, size, size) + np.eye(size) / 365.0
    factors = torch.linalg.lu_factor(torch.from_numpy(matrix))
    pools = [state.pools.reshape(sites, size)]
    for _ in range(years):
        right = found.BI + pools[-1] / 365.0
        pools.append(torch.linalg.lu_solve(*factors, right[..., None])[..., 0])
    return torch.stack(pools).reshape(years + 1, sites, N_POOLS, N_LAYERS).numpy()


@pytest.mark.parametrize("backend", BACKENDS)
def test_equals_dense_implicit_steps(start, warmer, backend):
    found = transient(start, warmer, 12, backend=backend)
    expected = dense_steps(start, warmer, 12)
    scale = np.abs(expected).max(axis=3, keepdims=True)
    assert float((np.abs(found.pools.numpy() - expected) / scale).max()) < 1e-10
    assert_allclose(found.soc.numpy(), expected[:, :, 4:].sum(2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_stays_is_what_came_in_less_what_was_respired(start, warmer, backend):
    way = transient(start, warmer, 30, backend=backend)
    assert_allclose(way.stock[:, 3], way.pools[:, 3].sum(1) @ torch.from_numpy(THICKNESS.copy()))
    change, net = way.stock.diff(dim=0), way.input - way.respiration[1:]
    error = ((change - net) / way.stock[:-1]).abs().max()
    if start.bedrock == "conserving":
        assert float(error) < 1e-14
        assert float(change.abs().max()) > 50.0  # there was something to balance
    else:
        assert float(error) > 1e-6  # the published bedrock interface is not closed


def test_pools_stay_positive_under_a_shock(start, synthetic_sites):
    starved = synthetic_sites.forcing.changed(warming=30.0, npp=0.0)
    way = transient(start, starved, 300)
    assert bool((way.pools >= 0).all())
    assert bool((way.stock.diff(dim=0) <= 0).all())
    assert bool((way.input == 0).all())


def test_ends_at_the_new_equilibrium(start, warmer, parameters):
    fast = parameters.clone()
    fast[:, [index("tau4s2"), index("tau4s3")]] = fast.new_tensor([1.0, 20.0])
    fast[:, index("efolding")] = 10.0  # as in CLM5: deep soil turns over too
    fast[:, index("q10")] = 1.2
    with pytest.warns(OutsidePriorWarning, match="efolding"):
        end = solve(fast, warmer, start.bedrock)
    with pytest.warns(OutsidePriorWarning, match="efolding"):
        way = transient(start, warmer, 10_000, parameters=fast, at=[10_000])
    soon = 20.0 / end.rate_scalars[0].amin(1) < 400.0  # years the slowest layer takes
    assert int(soon.sum()) > 20
    assert float((end.soc / start.soc)[soon, 0].log().abs().max()) > 0.1  # and it is elsewhere
    assert_allclose(way.pools[0][soon], end.pools[soon], rtol=1e-9, atol=1e-30)


def test_its_own_equilibrium_is_a_place_to_stay(start, synthetic_sites):
    way = transient(start, synthetic_sites.forcing, 100)
    drift = ((way.pools[-1] - start.pools).abs() / (start.pools + 1e-290)).max()
    assert float(drift) < 1e-11
    assert_allclose(way.stock, way.stock[:1].expand_as(way.stock), rtol=1e-12)
    if start.bedrock == "conserving":
        assert_allclose(way.respiration, way.input.expand_as(way.respiration), rtol=1e-12)


def test_backends_agree(start, warmer):
    one, other = (transient(start, warmer, 40, top=0.1, bottom=1.3, backend=b) for b in BACKENDS)
    for name in ("stock", "soc_stock", "respiration", "input", "soc", "pools"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=1e-290)
    assert_allclose(one.soc_stock, stock(one.soc, 0.1, 1.3), rtol=1e-12)


def test_permuted_sites_give_the_same(start, warmer):
    order = torch.randperm(68, generator=torch.Generator().manual_seed(6))
    permuted = solve(start.parameters[order], start.forcing.take(order), start.bedrock)
    way, other = transient(start, warmer, 9), transient(permuted, warmer.take(order), 9)
    assert_allclose(other.pools, way.pools[:, order], rtol=1e-12)
    assert_allclose(other.respiration, way.respiration[:, order], rtol=1e-12)


def test_no_years_return_the_start(start, warmer):
    way = transient(start, warmer, 0)
    assert way.years.tolist() == [0]
    assert torch.equal(way.pools[0], start.pools)
    assert torch.equal(way.soc[0], start.pools[:, 4:].sum(1))
    assert way.stock.shape == way.respiration.shape == (1, 68)


def test_new_parameters_act_from_the_first_year(start, synthetic_sites, parameters):
    changed = parameters.clone()
    changed[:, index("tau4s2")] = 1.0
    way = transient(start, synthetic_sites.forcing, 5, parameters=changed)
    assert torch.equal(way.parameters, changed)
    assert bool((way.respiration[0] > transient(start, start.forcing, 0).respiration[0]).all())
    assert bool((way.stock[1] < way.stock[0]).all())


def test_what_is_kept(start, warmer):
    whole = transient(start, warmer, 8)
    some = transient(start, warmer, 8, store="soc", at=[0, 3, 8])
    assert some.years.tolist() == list(range(9))
    assert some.stored_years.tolist() == [0, 3, 8]
    assert some.pools is None
    assert torch.equal(some.soc, whole.soc[[0, 3, 8]])
    totals = transient(start, warmer, 8, store="totals")
    assert totals.soc is None
    assert totals.pools is None
    assert torch.equal(totals.stock, whole.stock)


def test_a_long_way_of_many_sites_keeps_totals_only(start, warmer):
    many = torch.arange(68).repeat(60)
    state = SteadyState(
        start.pools[many], start.parameters[many], start.forcing.take(many), start.bedrock
    )
    assert transient(state, warmer.take(many), 100).pools is None
    assert transient(state, warmer.take(many), 100).soc is not None
    assert transient(state, warmer.take(many), 500).soc is None


def test_single_precision_starts_a_way_in_double(start, synthetic_sites, warmer, parameters):
    single = torch.float32
    forcing = synthetic_sites.forcing.to(dtype=single)
    with pytest.warns(PrecisionWarning):
        state = solve(parameters.to(single), forcing, start.bedrock)
    way = transient(state, warmer.to(dtype=single), 3)
    assert way.pools.dtype == way.stock.dtype == torch.float64
    exact = transient(start, warmer, 3)
    assert_allclose(way.stock, exact.stock, rtol=1e-4)


@pytest.mark.parametrize("years", [-1, 2.5, True, "ten", None, 10_001, float("nan")])
def test_years_are_a_whole_number(start, warmer, years):
    with pytest.raises(InputError, match=r"years=.*whole number from 0 to 10000"):
        transient(start, warmer, years)


def test_options_are_checked(start, warmer):
    for options, message in (
        ({"store": "all"}, "store='all' is not known"),
        ({"backend": "dense"}, "backend='dense' is not known"),
        ({"at": [2, 1]}, "rising years"),
        ({"at": [6]}, "from 0 to 5"),
        ({"top": 1.0, "bottom": 0.5}, "depth range"),
        ({"parameters": start.parameters[:, :20]}, r"\(68, 20\)"),
    ):
        with pytest.raises(InputError, match=message):
            transient(start, warmer, 5, **options)
    with pytest.raises(InputError, match="68 sites were solved but the new forcing has 3"):
        transient(start, warmer.take([0, 1, 2]), 5)
    broken = SteadyState(start.pools * torch.inf, start.parameters, start.forcing, start.bedrock)
    with pytest.raises(InputError, match="not finite"):
        transient(broken, warmer, 5)
