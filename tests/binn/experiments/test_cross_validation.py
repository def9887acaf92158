"""Baselines, pairing and the bootstrap of cross-validated methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from binn.errors import InputError
from binn.experiments.baselines import BASELINES
from binn.experiments.cross_validation import (
    HeldOut,
    cross_validate,
    cross_validate_binn,
    gap,
)


@pytest.fixture
def held() -> HeldOut:
    draw = np.random.default_rng(3)
    n = 400
    observed = draw.lognormal(9.0, 1.0, n)
    fold, place = np.repeat(np.arange(10), 40), np.repeat(np.arange(100), 4)
    return HeldOut(observed, observed * draw.lognormal(0.0, 0.5, n), fold, place)


def test_a_method_is_level_with_itself(held):
    same = gap(held, held)
    assert (same.nse, same.low, same.high, same.ahead) == (0.0, 0.0, 0.0, 0)


def test_the_better_method_is_ahead_in_every_fold(held):
    better = replace(held, simulated=0.5 * (held.simulated + held.observed))
    found = gap(better, held)
    assert found.ahead == 10
    assert 0.0 < found.low < found.nse < found.high


def test_pooled_score_is_inside_its_own_resamples(held):
    nothing = replace(held, simulated=np.full_like(held.observed, held.observed.mean()))
    found = gap(held, nothing)
    assert_allclose(found.nse, held.scores()["nse"], atol=1e-12)
    assert found.low < found.nse < found.high


def test_only_paired_methods_are_compared(held):
    with pytest.raises(InputError, match="same observations"):
        gap(held, replace(held, fold=held.fold[::-1]))


def test_extremes_are_left_out(held):
    extreme = replace(held, observed=np.where(np.arange(400) == 7, 3e5, held.observed))
    assert extreme.without_extremes().scores()["n"] == int((extreme.observed <= 2e5).sum())


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_predict_every_held_out_observation(synthetic_dataset, tiny, name):
    config = tiny.changed(split={"folds": 3})
    found = cross_validate(synthetic_dataset, config, BASELINES[name])
    assert np.isfinite(found.simulated).all()
    assert (found.simulated > 0).all()
    assert set(found.fold) == {0, 1, 2}
    for place in np.unique(found.place):
        assert len(set(found.fold[found.place == place])) == 1


def test_binn_is_validated_on_the_folds_of_the_baselines(synthetic_dataset, tiny):
    config = tiny.changed(split={"folds": 3}, epochs=2)
    ours = cross_validate_binn(synthetic_dataset, config)
    depth = cross_validate(synthetic_dataset, config, BASELINES["depth mean"])
    assert np.isfinite(gap(ours, depth).nse)
