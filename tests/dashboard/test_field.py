"""Every field of the map equals what the library computes, in the unit it is labelled with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from binn.clm5 import soc_at_depth, solve, stock
from binn.diagnostics import COMPONENTS, TRACEABILITY, components, traceability
from binn.parameters import KEYS
from dashboard.state.field import FIELDS, FieldChoice, limits
from dashboard.state.opened import Opened

RANGES = [(0.0, 1.0), (0.1, 0.35), (0.0, 8.6)]


@pytest.mark.parametrize("key", list(FIELDS))
def test_every_field_has_one_value_a_site(opened: Opened, key: str) -> None:
    values = FieldChoice(key=key).values(opened.estimate("conserving"), opened.observations)
    assert values is not None
    assert values.shape == (opened.dataset.sizes["site"],)
    assert np.isfinite(values).all() or FIELDS[key].over_depth


def test_all_that_was_promised_can_be_mapped() -> None:
    assert set(KEYS) | set(COMPONENTS) | set(TRACEABILITY) < set(FIELDS)
    assert {"soc_stock", "soc_observed", "soc_residual"} < set(FIELDS)


@pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
@pytest.mark.parametrize("bedrock", ["conserving", "published"])
def test_numbers_are_those_of_the_library(opened: Opened, bedrock: str) -> None:
    estimate = opened.estimate(bedrock)
    state = solve(torch.from_numpy(opened.parameters), opened.forcing, bedrock=bedrock)
    for top, bottom in RANGES:
        choice = FieldChoice(key="soc_stock", depth=(top, bottom))
        expected = stock(state.soc, top, bottom).numpy() / 1000  # kgC m-2
        np.testing.assert_allclose(choice.values(estimate, opened.observations), expected)
    for table in (components(state), traceability(state)):
        for key, expected in table.items():
            values = FieldChoice(key=key).values(estimate, opened.observations)
            np.testing.assert_allclose(values, expected.numpy(), equal_nan=True)
    for i, key in enumerate(KEYS):
        values = FieldChoice(key=key).values(estimate, opened.observations)
        np.testing.assert_array_equal(values, opened.parameters[:, i])


@pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
@pytest.mark.parametrize(("top", "bottom"), RANGES)
def test_observed_means_site_by_site(opened: Opened, top: float, bottom: float) -> None:
    ds = opened.dataset
    soc = solve(torch.from_numpy(opened.parameters), opened.forcing).soc
    floor = ds["nbedrock"].to_numpy()[ds["site_cell"].to_numpy()]
    stop = np.cumsum(ds["obs_count"].to_numpy())
    observed, residual = [], []
    for site, (begin, end) in enumerate(zip(np.append(0, stop[:-1]), stop, strict=True)):
        depth = ds["obs_depth"].to_numpy()[begin:end]
        measured = ds["obs_soc"].to_numpy()[begin:end]
        simulated = soc_at_depth(soc[[site]], depth[None], floor[[site]])[0].numpy()
        inside = (depth >= top) & (depth <= bottom)
        observed.append(measured[inside].mean() / 1000 if inside.any() else np.nan)
        difference = (simulated - measured)[inside]
        residual.append(difference.mean() / 1000 if inside.any() else np.nan)
    for key, expected in (("soc_observed", observed), ("soc_residual", residual)):
        choice = FieldChoice(key=key, depth=(top, bottom))
        values = choice.values(opened.estimate("conserving"), opened.observations)
        np.testing.assert_allclose(values, expected)


def test_observations_do_not_wait_for_the_model(opened: Opened) -> None:
    assert FieldChoice(key="soc_observed").values(None, opened.observations) is not None
    assert FieldChoice(key="soc_stock").values(None, opened.observations) is None


def test_titles_say_the_depths() -> None:
    assert FieldChoice(depth=(0.0, 0.3)).title == "SOC stock, simulated, 0–0.3 m"
    assert "0–" not in FieldChoice(key="q10").title


@settings(deadline=None)
@given(
    values=hnp.arrays(
        np.float64, st.integers(0, 30), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))
    ),
    reach=st.sampled_from(["2-98 %", "min-max"]),
    diverging=st.booleans(),
)
def test_limits_are_always_an_interval(values: np.ndarray, reach: str, diverging: bool) -> None:
    low, high = limits(values, reach, diverging)
    assert np.isfinite([low, high]).all()
    assert low < high
    known = values[np.isfinite(values)]
    if diverging and len(known) and np.ptp(known) > 0:
        assert low == -high
    if reach == "min-max" and len(known):
        assert low <= known.min()
        assert known.max() <= high
