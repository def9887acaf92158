"""The loss against its formulas, written out once more."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from binn.training.config import LossConfig
from binn.training.loss import edge_penalty, loss, misfit
from binn.training.presets import preset

SIMULATED = torch.tensor([100.0, 205.0, 10.5, 0.0], dtype=torch.float64)
OBSERVED = torch.tensor([90.0, 200.0, 10.0, 0.25], dtype=torch.float64)


def test_smooth_l1_is_the_authors() -> None:
    error = (SIMULATED - OBSERVED).abs().numpy()
    expected = np.where(error < 1.0, 0.5 * error**2, error - 0.5).mean()
    value = misfit(SIMULATED, OBSERVED, preset("paper").loss, 123.0, 2)
    assert value.item() == pytest.approx(expected, rel=1e-14)


def test_squared_in_standard_deviations() -> None:
    config = LossConfig(misfit="squared", unit="sd")
    expected = (((SIMULATED - OBSERVED) / 50.0) ** 2).mean().item()
    assert misfit(SIMULATED, OBSERVED, config, 50.0, 2).item() == pytest.approx(expected, rel=1e-14)


def test_profiles_sum_over_their_points() -> None:
    points = LossConfig(reduction="points")
    profiles = LossConfig(reduction="profiles")
    ratio = misfit(SIMULATED, OBSERVED, profiles, 9.0, 2) / misfit(
        SIMULATED, OBSERVED, points, 9.0, 2
    )
    assert ratio.item() == pytest.approx(4 / 2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=21))
def test_edge_penalty_is_cosh_minus_one(values: list[float]) -> None:
    u = torch.tensor([values], dtype=torch.float64)
    expected = np.mean([math.cosh(10.0 * (value - 0.5)) - 1.0 for value in values])
    assert edge_penalty(u, 10.0).item() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_weights() -> None:
    u = torch.full((2, 21), 0.9, dtype=torch.float64)
    config = LossConfig(misfit_weight=3.0, edge_weight=7.0)
    expected = 3.0 * misfit(SIMULATED, OBSERVED, config, 9.0, 2) + 7.0 * edge_penalty(u, 10.0)
    assert loss(SIMULATED, OBSERVED, u, config, 9.0).item() == pytest.approx(expected.item())
    nothing = config.model_copy(update={"edge_weight": 0.0})
    alone = loss(SIMULATED, OBSERVED, u, nothing, 9.0)
    assert alone.item() == pytest.approx(3.0 * misfit(SIMULATED, OBSERVED, config, 9.0, 2).item())


def test_mid_range_parameters_cost_nothing() -> None:
    u = torch.full((3, 21), 0.5, dtype=torch.float64)
    assert loss(OBSERVED, OBSERVED, u, LossConfig(), 9.0).item() == 0.0
