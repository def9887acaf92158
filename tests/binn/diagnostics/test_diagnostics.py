"""Components, traceability and mass balance against the authors' numbers; scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from binn.clm5 import solve
from binn.diagnostics import (
    COMPONENTS,
    TRACEABILITY,
    components,
    mass_balance,
    metrics,
    traceability,
)
from binn.errors import InputError
from binn.parameters import index

STOCK = {
    "carbon_transfer_efficiency": "ref_bulk_A",
    "baseline_decomposition": "ref_bulk_K_allpools_stock",
    "environmental_modifier": "ref_bulk_xi",
    "input_allocation": "ref_bulk_I",
    "vertical_transport": "ref_bulk_V",
    "carbon_input": "ref_carbon_input",
}
TRACES = {
    "storage": "ref_trace_storage_all",
    "influx": "ref_carbon_input",
    "residence_time": "ref_trace_residence",
    "baseline_residence_time": "ref_trace_baseline_residence",
    "environmental_scalar": "ref_bulk_xi",
}


@pytest.fixture(scope="module")
def comparable(reference_sites):
    """The published state, and the sites on which the authors' two codes agree."""
    state = solve(reference_sites.parameters, reference_sites.forcing, "published")
    return state, reference_sites, ~reference_sites["meta_V_differs"]


def test_components_by_stock(comparable):
    state, reference, same = comparable
    ours = components(state, "stock")
    assert tuple(ours) == COMPONENTS
    for key, array in STOCK.items():
        rtol = 1e-5 if key == "input_allocation" else 1e-9
        assert_allclose(ours[key].numpy()[same], reference[array][same], rtol=rtol)


def test_components_as_published(comparable):
    state, reference, same = comparable
    ours = components(state, "published")
    expected = dict(STOCK, baseline_decomposition="ref_bulk_K_binn_py")
    del expected["input_allocation"]
    for key, array in expected.items():
        assert_allclose(ours[key].numpy()[same], reference[array][same], rtol=1e-9)
    beta = reference["in_para_norm"][:, index("beta")]
    assert_allclose(ours["input_allocation"].numpy(), beta, rtol=1e-12)


def test_traceability_as_published(comparable):
    state, reference, same = comparable
    ours = traceability(state)
    assert tuple(ours) == TRACEABILITY
    for key, array in TRACES.items():
        assert_allclose(ours[key].numpy()[same], reference[array][same], rtol=1e-9)


@pytest.mark.parametrize("bedrock", ["conserving", "published"])
def test_storage_is_traceable(synthetic_sites, bedrock):
    t = traceability(solve(synthetic_sites.parameters, synthetic_sites.forcing, bedrock))
    assert_allclose(t["storage"], t["influx"] * t["residence_time"], rtol=1e-13)
    quotient = t["baseline_residence_time"] / t["environmental_scalar"]
    assert_allclose(quotient, t["residence_time"], rtol=1e-13)


def test_what_the_published_face_loses(comparable):
    state, reference, same = comparable
    ours, authors = mass_balance(state).numpy()[same], reference["diag_mass_balance"][same]
    assert np.abs((ours - authors) / (1 + np.abs(authors))).max() < 1e-9
    assert np.abs(ours).max() > 1e-3


def test_conserving_components_are_finite(synthetic_sites):
    state = solve(synthetic_sites.parameters, synthetic_sites.forcing)
    for definition in ("stock", "published"):
        for key, value in components(state, definition).items():
            frozen = torch.from_numpy(synthetic_sites["in_altmax_lastyear"].mean(1) <= 0)
            wanted = ~frozen if key == "input_allocation" else slice(None)
            assert bool(value[wanted].isfinite().all()), (key, definition)
    with pytest.raises(InputError, match="definition='mean'"):
        components(state, "mean")


@pytest.mark.parametrize("bedrock", ["conserving", "published"])
def test_compiled_integrals_equal_differentiable_ones(synthetic_sites, bedrock):
    forcing = synthetic_sites.forcing
    free = synthetic_sites.parameters.clone().requires_grad_(True)
    by_torch = solve(free, forcing, bedrock).integrals
    compiled = solve(synthetic_sites.parameters, forcing, bedrock).integrals
    for name in compiled._fields:
        ours = getattr(compiled, name).numpy()
        assert_allclose(ours, getattr(by_torch, name).detach().numpy(), rtol=1e-12, err_msg=name)
    assert by_torch.soc_modified.requires_grad


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_a_perfect_simulation_scores_one(values):
    observed = np.array(values)
    scores = metrics(observed, observed)
    assert scores["rmse"] == scores["bias"] == 0.0
    assert scores["n"] == len(values)
    if np.ptp(observed) > 1e-3:
        assert scores["nse"] == 1.0


def test_scores_by_hand():
    scores = metrics([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert scores["nse"] == 0.0
    assert np.isnan(scores["r"])
    assert scores["bias"] == 0.0
    assert_allclose(scores["rmse"], np.sqrt(2 / 3))
    shifted = metrics([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    assert_allclose([shifted["r"], shifted["bias"], shifted["nse"]], [1.0, 1.0, -0.5])


def test_scores_refuse_what_cannot_be_scored():
    for observed, simulated in (([], []), ([1.0], [1.0, 2.0]), ([1.0, np.nan], [1.0, 2.0])):
        with pytest.raises(InputError):
            metrics(observed, simulated)
