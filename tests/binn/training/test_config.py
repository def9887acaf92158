"""Configurations: closed, bounded, described, and the same after a round trip through JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from binn.errors import InputError
from binn.training.config import (
    LossConfig,
    NetworkConfig,
    OptimiserConfig,
    SplitConfig,
    TrainingConfig,
)
from binn.training.presets import PRESETS, preset

MODELS = [NetworkConfig, LossConfig, OptimiserConfig, SplitConfig, TrainingConfig]

networks = st.builds(
    NetworkConfig,
    scaling=st.sampled_from(["standard", "minmax"]),
    embedding_size=st.integers(0, 256),
    slope=st.floats(-1, 1),
    dropout=st.floats(0, 1, exclude_max=True),
    covariates=st.none() | st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
configs = st.builds(
    TrainingConfig,
    network=networks,
    loss=st.builds(LossConfig, beta=st.floats(1e-9, 1e6), unit=st.sampled_from(["sd", "gC m-3"])),
    optimiser=st.builds(
        OptimiserConfig,
        learning_rate=st.floats(1e-12, 1),
        clip_norm=st.none() | st.floats(1e-9, 1e6),
    ),
    epochs=st.integers(1, 100_000),
    patience=st.none() | st.integers(1, 100_000),
    seed=st.integers(0, 2**31 - 1),
)


@given(configs)
def test_json_round_trip(config: TrainingConfig) -> None:
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("model", MODELS)
def test_every_option_is_described(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("model", MODELS)
def test_closed_and_frozen(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="extra"):
        model.model_validate({"not_an_option": 1})
    one = model()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(one, next(iter(model.model_fields)), None)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"bedrock": "none"}, "bedrock"),
        ({"network": {"dropout": 1.0}}, "dropout"),
        ({"optimiser": {"learning_rate": 0.0}}, "learning_rate"),
        ({"split": {"fold": 10}}, "fold"),
        ({"network": {"no_such_option": 1}}, "no_such_option"),
    ],
)
def test_out_of_bounds_is_an_error(change: dict[str, object], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        preset("default").changed(**change)


def test_changed_keeps_the_rest() -> None:
    config = preset("paper").changed(network={"width": 7}, epochs=2)
    assert (config.network.width, config.epochs) == (7, 2)
    assert config.network.depth == PRESETS["paper"].network.depth
    assert config.changed(network={"width": 128}, epochs=50) == PRESETS["paper"]


def test_paper_preset_is_the_authors_run_scripts() -> None:
    paper = preset("paper")
    network, loss, optimiser = paper.network, paper.loss, paper.optimiser
    assert paper.bedrock == "published"
    assert (paper.epochs, paper.patience, paper.batch_size) == (50, 10, 32)
    assert (network.raw_codes, network.embedding_size, network.batch_norm) == (True, 5, "before")
    assert (network.width, network.depth, network.slope) == (128, 3, 0.3)
    assert network.position_encoding
    assert not network.coordinates
    assert (loss.misfit, loss.unit, loss.beta) == ("smooth_l1", "gC m-3", 1.0)
    assert (loss.edge_weight, loss.edge_steepness) == (100.0, 10.0)
    assert (optimiser.learning_rate, optimiser.weight_decay) == (1e-2, 0.0)
    assert (paper.split.folds, paper.split.seed, paper.split.group) == (10, 12345, "none")


def test_printed_paper_differs_where_the_paper_does() -> None:
    printed = preset("paper-printed")
    assert printed.network == preset("paper").network.model_copy(
        update={"embedding_size": 64, "batch_norm": "after", "slope": -0.3}
    )
    assert printed.epochs == 300


def test_presets_know_their_names() -> None:
    assert list(PRESETS) == ["paper", "paper-printed", "default", "quick"]
    assert all(config.preset == name for name, config in PRESETS.items())
    assert not preset("default").network.raw_codes
    with pytest.raises(InputError, match=r"no preset 'fast'.*quick"):
        preset("fast")
