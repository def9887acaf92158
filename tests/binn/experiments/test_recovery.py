"""Recovery of known parameters: what is scored, what is held out, what the network may see."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import binn
from binn.errors import InputError
from binn.experiments.recovery import (
    SENSITIVE,
    block_split,
    correlations,
    recover,
    true_normalised,
)
from binn.parameters import KEYS, index
from binn.training.config import TrainingConfig
from binn.training.split import Split


@pytest.fixture(scope="module")
def demo() -> xr.Dataset:
    return binn.open_dataset("demo")


def test_squares_are_held_out_whole(demo: xr.Dataset) -> None:
    split = block_split(demo)
    whole = np.concatenate([split.train, split.validation, split.test])
    assert sorted(whole) == list(range(demo.sizes["site"]))
    square = np.stack([demo["lon"].to_numpy() // 4, demo["lat"].to_numpy() // 4], 1)
    parts = [set(map(tuple, square[part])) for part in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert 0.05 < len(split.test) / len(whole) < 0.2


def test_correlation_is_by_parameter_and_none_where_nothing_varies() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(size=(50, len(KEYS)))
    retrieved = true.copy()
    retrieved[:, index("q10")] = 0.5
    retrieved[:, index("beta")] *= -1
    found = correlations(retrieved, true)
    assert found["q10"] is None
    assert found["beta"] == pytest.approx(-1)
    assert found["efolding"] == pytest.approx(1)


def test_measured_sites_have_no_truth(demo: xr.Dataset) -> None:
    with pytest.raises(InputError, match="no true parameters"):
        true_normalised(demo.drop_vars("true_parameters_site"))


@pytest.mark.slow
def test_free_parameters_are_found_better_than_by_chance(demo: xr.Dataset) -> None:
    every = np.arange(0, demo.sizes["site"], 6)
    split = Split(every[::2], every[1::8], every[3::8])
    config = TrainingConfig.model_validate(
        {
            "epochs": 6,
            "batch_size": 128,
            "dtype": "float32",
            "network": {"width": 32, "rare_category": 20, "output_gain": 0.1, "dropout": 0.0},
            "loss": {"beta": 0.05, "edge_weight": 0.01},
        }
    )
    found = recover(demo, config, split, SENSITIVE)
    assert set(found.r) == set(SENSITIVE)
    assert found.sites == len(split.test)
    assert found.nse > 0.6
    assert np.mean([r or 0.0 for r in found.r.values()]) > 0.15
