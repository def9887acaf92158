"""Checkpoints: what was saved is what is loaded, and anything else is refused in a sentence."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import binn
from binn.checkpoint import (
    CheckpointConfig,
    describe,
    load_checkpoint,
    load_ensemble,
    read_config,
    save_checkpoint,
)
from binn.errors import InputError
from binn.fingerprint import dataset_fingerprint
from binn.inputs import CategoricalInput, InputEncoding, NumericInput
from binn.model import BINN, ModelConfig
from binn.training.config import NetworkConfig, TrainingConfig
from binn.training.fit import fit

names = st.text("abc.ß é_", min_size=1, max_size=6)
encodings = st.builds(
    lambda covariates, codes, offset, position: InputEncoding(
        covariates=covariates,
        numeric=tuple(NumericInput(name=n, source="covariate", offset=offset) for n in covariates),
        categorical=tuple(CategoricalInput(name=n, table="t") for n in covariates[:1]),
        tables={"t": codes},
        position=position,
    ),
    st.lists(names, min_size=1, max_size=4, unique=True).map(tuple),
    st.lists(st.integers(0, 99), max_size=4, unique=True).map(tuple),
    st.floats(-1e9, 1e9),
    st.booleans(),
)
model_configs = st.builds(
    ModelConfig,
    network=st.builds(
        NetworkConfig,
        embedding_size=st.integers(1, 3),
        width=st.integers(1, 5),
        depth=st.integers(1, 3),
        batch_norm=st.sampled_from(["before", "after", "none"]),
        output=st.sampled_from(["plain", "tempered"]),
    ),
    inputs=encodings,
    bedrock=st.sampled_from(["conserving", "published"]),
    members=st.integers(1, 3),
    dtype=st.sampled_from(["float64", "float32"]),
)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(model_configs)
def test_round_trip(tmp_path: Path, config: ModelConfig) -> None:
    model = BINN(config).eval()
    save_checkpoint(tmp_path / "c", model, CheckpointConfig(model=config), {}, [{"epoch": 1}])
    loaded = load_checkpoint(tmp_path / "c")
    assert loaded.config == config
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not loaded.training


@pytest.fixture(scope="module")
def run(
    tiny: TrainingConfig,
    synthetic_dataset: xr.Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("checkpoint") / "run"
    fit(tiny, synthetic_dataset, out)
    return out


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """A copy of a trained checkpoint, to be damaged."""
    return Path(shutil.copytree(run / "checkpoint", tmp_path / "checkpoint"))


def test_what_a_checkpoint_holds(run: Path, synthetic_dataset: xr.Dataset) -> None:
    folder = run / "checkpoint"
    files = {file.name for file in folder.iterdir()}
    assert files == {
        "model.safetensors",
        "config.json",
        "metrics.json",
        "history.jsonl",
        "README.md",
    }
    config = json.loads((folder / "config.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()
    assert config["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert config["data"]["fingerprint"] == dataset_fingerprint(synthetic_dataset)
    assert config["model"]["bedrock"] == "conserving"
    assert sum(config["split"]["sites"].values()) == 60
    last = {file.name for file in (run / "last").iterdir()}
    assert last == files | {"optimizer.safetensors", "resume.json", "map.npz"}
    assert len((folder / "history.jsonl").read_text().splitlines()) == 6


def test_the_model_card_tells_the_scores(run: Path) -> None:
    card = (run / "checkpoint" / "README.md").read_text()
    scores = json.loads((run / "checkpoint" / "metrics.json").read_text())
    assert f"{scores['test']['nse']:.4g}" in card
    assert "conserving" in card
    assert "grouped by coordinates" in card


def test_a_run_folder_stands_for_its_best(run: Path) -> None:
    for path in (run, run / "checkpoint"):
        assert load_checkpoint(path).checkpoint == read_config(run / "checkpoint")


def test_describe(run: Path) -> None:
    told = describe(run)
    assert told["kind"] == "checkpoint"
    assert (told["preset"], told["members"], told["bedrock"]) == ("test", 2, "conserving")
    assert told["metrics"]["test"]["n"] > 0
    json.dumps(told)


def refused(folder: Path, match: str) -> None:
    for load in (load_checkpoint, lambda path: load_ensemble([path])):
        with pytest.raises(InputError, match=match) as caught:
            load(folder)
        assert "\n" not in str(caught.value)


def edited(folder: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    file = folder / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_missing(tmp_path: Path, folder: Path) -> None:
    refused(tmp_path / "nowhere", "there is no checkpoint at .*nowhere: no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "give a checkpoint folder, or a run folder")
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors is missing")


def test_missing_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    refused(folder, "lacks config.json")


@pytest.mark.parametrize(("version", "said"), [(2, "2"), (0, "0"), ("1", "'1'")])
def test_another_schema_version(folder: Path, version: object, said: str) -> None:
    edited(folder, lambda content: content.update(schema_version=version))
    refused(folder, f"schema version {said}, this program reads 1")


def test_no_schema_version(folder: Path) -> None:
    edited(folder, lambda content: content.pop("schema_version"))
    refused(folder, "no schema version")


def test_config_that_is_none(folder: Path) -> None:
    (folder / "config.json").write_text('{"schema_version": 1, "mod')
    refused(folder, "cannot be read as JSON")
    (folder / "config.json").write_text('["a list"]')
    refused(folder, "no schema version")


def test_unknown_or_missing_options(folder: Path) -> None:
    edited(folder, lambda content: content["model"]["network"].update(surprise=1))
    refused(folder, "not a valid checkpoint: model.network.surprise")
    edited(folder, lambda content: content.pop("model"))
    refused(folder, "not a valid checkpoint: model")


def test_changed_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    refused(folder, "sha256 begins .* changed or cut short")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights(folder: Path, kept: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    refused(folder, "changed or cut short")


@pytest.mark.parametrize("data", [b"", b"\x08\0\0\0\0\0\0\0{}{}{}{}", pickle.dumps([1, 2])])
def test_foreign_weights_are_never_unpickled(folder: Path, data: bytes) -> None:
    (folder / "model.safetensors").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edited(folder, lambda content: content.update(weights_sha256=digest))
    refused(folder, "does not fit config.json")


def test_weights_of_another_network(folder: Path) -> None:
    edited(folder, lambda content: content["model"]["network"].update(width=9))
    refused(folder, "does not fit config.json")


def test_covariates_the_dataset_lacks(run: Path, synthetic_dataset: xr.Dataset) -> None:
    fewer = synthetic_dataset.isel(covariate=[0, 1, 3, 4])
    with pytest.raises(InputError, match=r"lacks 1 of the 5 covariates .*: Elevation"):
        binn.predict(load_checkpoint(run), fewer)


def test_covariates_in_another_order(run: Path, synthetic_dataset: xr.Dataset) -> None:
    model = load_checkpoint(run)
    shuffled = synthetic_dataset.isel(covariate=[4, 2, 0, 1, 3])
    np.testing.assert_array_equal(model.normalised(shuffled), model.normalised(synthetic_dataset))


def test_an_ensemble_has_one_scheme(run: Path, tmp_path: Path) -> None:
    model = load_checkpoint(run)
    published = model.config.model_copy(update={"bedrock": "published"})
    save_checkpoint(tmp_path / "other", model, CheckpointConfig(model=published))
    with pytest.raises(InputError, match="one bedrock scheme"):
        load_ensemble([run, tmp_path / "other"])
    with pytest.raises(InputError, match="at least one"):
        load_ensemble([])
