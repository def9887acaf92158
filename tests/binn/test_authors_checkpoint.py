"""The authors' checkpoints: their parameters to 1e-9, and anything else refused in a sentence."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor
from torch.nn import functional

from binn.authors_checkpoint import (
    AUTHORS_COVARIATES,
    authors_model,
    import_authors_checkpoint,
)
from binn.authors_limits import read_limits
from binn.checkpoint import load_checkpoint, read_config
from binn.cli import main
from binn.datasets.storage import open_dataset, write_dataset
from binn.errors import InputError
from binn.inputs import position_features
from binn.torch_files import Unread, read_torch_file

State = dict[str, Tensor]
TABLES = {54: 23, 35: 13, 36: 13, 37: 13, 24: 7, 25: 9, 4: 31}
NUMERIC = [column for column in range(58) if column not in TABLES]


def made_up(raw_codes: bool = True, position: bool = True, norm: bool = True) -> State:
    """SYNTHETIC: weights of a small network under the authors' names."""
    rng = torch.Generator().manual_seed(5)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    state = {"temp_sigmoid": torch.tensor(-3.0, dtype=torch.float64)}
    texture = drawn(13, 2)
    for column, size in TABLES.items():
        state[f"var_idx_to_emb.{column}.weight"] = texture if size == 13 else drawn(size, 2)
    if position:
        state["spatial_encoder.ffn.layers.0.linear.weight"] = drawn(6, 64)
        state["spatial_encoder.ffn.layers.0.linear.bias"] = drawn(6)
    n_in = (58 if raw_codes else 51) + 14 + (6 if position else 0)
    for k, size in enumerate((n_in, 5)):
        state[f"mlp.layers.{k}.weight"], state[f"mlp.layers.{k}.bias"] = drawn(5, size), drawn(5)
        if norm:
            for part in ("weight", "bias", "running_mean"):
                state[f"mlp.bns.{k}.{part}"] = drawn(5)
            state[f"mlp.bns.{k}.running_var"] = drawn(5) ** 2 + 0.1
            state[f"mlp.bns.{k}.num_batches_tracked"] = torch.tensor(3)
    state["mlp.layer_output.weight"], state["mlp.layer_output.bias"] = drawn(21, 5), drawn(21)
    return state


def theirs(state: State, numbers: Tensor, vectors: Tensor, lonlat: np.ndarray) -> Tensor:
    """u as the specification's section 10 writes it, for inputs in their order."""
    parts = [numbers, vectors]
    if "spatial_encoder.ffn.layers.0.linear.weight" in state:
        weight = state["spatial_encoder.ffn.layers.0.linear.weight"]
        bias = state["spatial_encoder.ffn.layers.0.linear.bias"]
        place = torch.from_numpy(position_features(lonlat))
        parts.insert(0, functional.relu(functional.linear(place, weight, bias)))
    x = torch.cat(parts, dim=1)
    for k in range(2):
        x = functional.linear(x, state[f"mlp.layers.{k}.weight"], state[f"mlp.layers.{k}.bias"])
        if "mlp.bns.0.weight" in state:
            norm = f"mlp.bns.{k}."
            x = (x - state[norm + "running_mean"]) / (state[norm + "running_var"] + 1e-5).sqrt()
            x = x * state[norm + "weight"] + state[norm + "bias"]
        x = functional.leaky_relu(x, 0.3)
    z = functional.linear(x, state["mlp.layer_output.weight"], state["mlp.layer_output.bias"])
    return torch.sigmoid(z / (10 + 99 * torch.sigmoid(state["temp_sigmoid"])))


def drawn_covariates(rows: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    covariates = rng.uniform(0, 1, (rows, 58))
    for column, size in TABLES.items():
        covariates[:, column] = rng.integers(0, size, rows)
    return covariates, rng.uniform(-80, 80, (rows, 2))


def vectors_of(state: State, covariates: np.ndarray) -> Tensor:
    return torch.cat(
        [
            functional.normalize(state[f"var_idx_to_emb.{c}.weight"])[covariates[:, c].astype(int)]
            for c in TABLES
        ],
        dim=1,
    )


@pytest.fixture(scope="module")
def reference_checkpoint(shared: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Their file, and what their network returns."""
    folder = shared / "reference" / "authors_checkpoint"
    with np.load(folder / "expected.npz", allow_pickle=False) as file:
        return folder / "mlp_wrapper.pt", dict(file)


def lonlat_of(expected: dict[str, np.ndarray]) -> np.ndarray:
    return np.column_stack([expected["lon"], expected["lat"]])


def test_returns_the_authors_parameters(
    reference_checkpoint: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    file, expected = reference_checkpoint
    with pytest.warns(UserWarning, match="already scaled"):
        import_authors_checkpoint(file, tmp_path / "out")
    model = load_checkpoint(tmp_path / "out")
    assert model.bedrock == "published"
    assert model.config.inputs.covariates == tuple(expected["names"].tolist())
    u = model.parameters_for(expected["covariates"], lonlat_of(expected)).detach().numpy()
    np.testing.assert_allclose(u, expected["u"], rtol=0, atol=1e-9)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "must come already scaled" in card
    assert "epoch 7" in card


def test_with_limits_reads_raw_covariates(
    reference_checkpoint: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    file, expected = reference_checkpoint
    rng = np.random.default_rng(0)
    low = rng.uniform(-50, 50, 58)
    high = low + rng.uniform(1, 1000, 58)
    np.savetxt(tmp_path / "limits.csv", np.column_stack([low, high]), delimiter=",")
    import_authors_checkpoint(file, tmp_path / "out", tmp_path / "limits.csv")
    model = load_checkpoint(tmp_path / "out")
    raw = expected["covariates"].copy()
    raw[:, NUMERIC] = (low + raw * (high - low))[:, NUMERIC]
    u = model.parameters_for(raw, lonlat_of(expected)).detach()
    np.testing.assert_allclose(u.numpy(), expected["u"], rtol=0, atol=1e-9)
    beyond, end = raw.copy(), raw.copy()
    beyond[:, 0], end[:, 0] = high[0] + 1e6, high[0]
    a, b = (model.parameters_for(some, lonlat_of(expected)).detach() for some in (beyond, end))
    torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert "already scaled" not in read_config(tmp_path / "out").origin


def test_what_makes_its_results_doubtful_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ds = open_dataset("demo").isel(site=slice(0, 40))
    data = tmp_path / "some.nc"
    write_dataset(ds.isel(obs=slice(0, int(ds["obs_count"].sum()))), data)
    torch.save(made_up(), tmp_path / "theirs.pt")
    np.savetxt(tmp_path / "limits.csv", np.tile([0.0, 5000.0], (58, 1)), delimiter=",")
    with pytest.warns(UserWarning, match="already scaled"):
        import_authors_checkpoint(tmp_path / "theirs.pt", tmp_path / "unscaled")
    import_authors_checkpoint(tmp_path / "theirs.pt", tmp_path / "scaled", tmp_path / "limits.csv")
    for name, meaningless in (("unscaled", True), ("scaled", False)):
        for command in (["evaluate"], ["predict"]):
            out = [str(tmp_path / f"{name}.nc")] if command == ["predict"] else []
            assert main([*command, str(tmp_path / name), str(data), *out]) == 0
            said = capsys.readouterr().err
            assert ("results are meaningless" in said) == meaningless
            # the demonstration has ESA's own codes, the authors number its classes 0 to 22
            assert re.search(r"training did not know .*ESA_Land_Cover: .*130 \(\d+ rows\)", said)


@pytest.mark.parametrize("raw_codes", [True, False])
@pytest.mark.parametrize("position", [True, False])
@pytest.mark.parametrize("norm", [True, False])
def test_reads_the_layout_off_the_weights(raw_codes: bool, position: bool, norm: bool) -> None:
    state = made_up(raw_codes, position, norm)
    covariates, lonlat = drawn_covariates()
    numbers = torch.from_numpy(covariates if raw_codes else covariates[:, NUMERIC])
    expected = theirs(state, numbers, vectors_of(state, covariates), lonlat)
    model = authors_model(state)
    assert (model.config.network.width, model.config.network.depth) == (5, 2)
    u = model.parameters_for(covariates, lonlat).detach()
    torch.testing.assert_close(u, expected, rtol=0, atol=1e-12)


def test_unknown_category_is_the_average_and_its_code_stays_in_range() -> None:
    state = made_up()
    covariates, lonlat = drawn_covariates()
    vectors = vectors_of(state, covariates)
    vectors[:, :2] = functional.normalize(state["var_idx_to_emb.54.weight"]).mean(0)
    held = covariates.copy()
    covariates[:, 54], held[:, 54] = 210, 22
    expected = theirs(state, torch.from_numpy(held), vectors, lonlat)
    model = authors_model(state)
    u = model.parameters_for(covariates, lonlat).detach()
    torch.testing.assert_close(u, expected, rtol=0, atol=1e-12)
    assert model.config.inputs.unknown(covariates) == {"ESA_Land_Cover": {210: 9}}


@pytest.mark.parametrize("legacy", [False, True])
def test_numpy_beside_the_weights_is_passed_over(tmp_path: Path, legacy: bool) -> None:
    state = {f"module.{key}": value for key, value in made_up().items()}
    beside = {
        "epoch": 3,
        "model_state_dict": state,
        "best_val_loss": np.float64(0.5),
        "train_losses": np.arange(4.0),
        "names": np.array(["a", "b"]),
        "objects": np.array([{}, None], dtype=object),
    }
    torch.save(beside, tmp_path / "c.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.warns(UserWarning, match="already scaled"):
        import_authors_checkpoint(tmp_path / "c.pt", tmp_path / "out")
    covariates, lonlat = drawn_covariates()
    u = load_checkpoint(tmp_path / "out").parameters_for(covariates, lonlat)
    assert torch.equal(u, authors_model(made_up()).parameters_for(covariates, lonlat))
    content = read_torch_file(tmp_path / "c.pt")
    assert isinstance(content, dict)
    assert all(isinstance(content[key], Unread) for key in ("train_losses", "names", "objects"))


def without(*names: str) -> Callable[[State], object]:
    return lambda state: {key: v for key, v in state.items() if not key.startswith(names)}


def changed(name: str, value: Tensor) -> Callable[[State], object]:
    return lambda state: {**state, name: value}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("var_idx_to_emb."), "workshop notebook"),
        (lambda _: {"l1.weight": torch.ones(3, 3), "bn1.weight": torch.ones(3)}, "notebook"),
        (without("mlp.layer_output"), "lacks mlp.layer_output.bias, mlp.layer_output.weight"),
        (without("var_idx_to_emb.36"), "lacks var_idx_to_emb.36.weight"),
        (without("mlp.bns.1.running_var"), "lacks mlp.bns.1.running_var"),
        (without("mlp.layers.0."), "lacks mlp.layers.0.bias"),
        (lambda _: {"conv.weight": torch.ones(2)}, "lacks mlp.layer_output.bias"),
        (changed("final_bias", torch.ones(21)), "also has final_bias"),
        (changed("var_idx_to_emb.7.weight", torch.ones(3, 2)), "also has var_idx_to_emb.7.weight"),
        (changed("var_idx_to_emb.36.weight", torch.ones(13, 2)), "Texture_USDA columns share"),
        (changed("var_idx_to_emb.54.weight", torch.ones(23, 3)), "expected (13, 3)"),
        (changed("var_idx_to_emb.4.weight", torch.ones(31, 3)), "shape (31, 3), expected (31, 2)"),
        (changed("mlp.layer_output.weight", torch.ones(4, 5)), "shape (4, 5), expected (21, 5)"),
        (changed("mlp.layers.0.weight", torch.ones(5, 70)), "takes 70 inputs"),
        (changed("mlp.layers.0.weight", torch.ones(70)), "takes 0 inputs"),
        (changed("mlp.layers.1.bias", torch.full((5,), torch.nan)), "mlp.layers.1.bias is not fin"),
        (changed("mlp.layers.0.weight", torch.ones(9000, 78)), "architecture: width"),
        (changed("mlp.layers.1.bias", torch.ones(5).to_sparse()), "not a tensor of plain numbers"),
        (changed("mlp.bns.0.running_var", -torch.ones(5)), "running_var holds a negative variance"),
        (lambda _: {"model_state_dict": 3}, "holds no weights"),
        (lambda _: [torch.ones(2)], "holds no weights"),
        (lambda state: {**state, "odd": "text"}, "odd among the weights is not a tensor"),
    ],
)
def test_another_architecture_is_named(
    tmp_path: Path, change: Callable[[State], object], words: str
) -> None:
    torch.save(change(made_up()), tmp_path / "c.pt")
    with pytest.raises(InputError) as caught:
        import_authors_checkpoint(tmp_path / "c.pt", tmp_path / "out")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_unsafe_pickles_are_refused(tmp_path: Path, by: str) -> None:
    content = {"model_state_dict": made_up(), "extra": Malicious(tmp_path / "made")}
    if by == "torch":
        torch.save(content, tmp_path / "c.pt")
    else:
        content.pop("model_state_dict")
        (tmp_path / "c.pt").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match=r"c\.pt is (refused: .*mkdir|damaged)"):
        import_authors_checkpoint(tmp_path / "c.pt", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.pt"]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    torch.save({"model_state_dict": made_up()}, tmp_path / "whole.pt")
    data = (tmp_path / "whole.pt").read_bytes()
    number = made_up()["mlp.layers.0.weight"][0, 0].numpy().tobytes()
    middle = data.index(number)  # one bit of a weight
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a.txt", "text")
    for name, content, words in (
        ("cut.pt", data[: len(data) // 2], "is cut short"),
        ("start.pt", data[:7], "is cut short"),
        ("tail.pt", data[len(data) // 2 :], "is not a torch file"),
        ("text.pt", b"some text", "is not a torch file"),
        ("empty.pt", b"", "is not a torch file"),
        ("other.pt", (tmp_path / "other.pt").read_bytes(), "is not a torch file"),
        ("half.pt", data[:200] + b"\0" * 900 + data[1100:], "damaged"),
        ("flipped.pt", data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], "checksum"),
        ("legacy.pt", b"\x80\x02\x8a\x0al\xfc", "damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_torch_file(tmp_path / name)
    with pytest.raises(InputError, match="there is no file"):
        read_torch_file(tmp_path / "none.pt")
    with pytest.raises(InputError, match="cannot be read"):
        read_torch_file(tmp_path)


def test_replaces_a_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    torch.save(made_up(), tmp_path / "c.pt")
    for _ in range(2):
        with pytest.warns(UserWarning, match="already scaled"):
            import_authors_checkpoint(tmp_path / "c.pt", tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("out", "file"):
        with pytest.raises(InputError, match="choose another"):
            import_authors_checkpoint(tmp_path / "c.pt", tmp_path / name)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"


def test_limits_of_a_dataset(
    synthetic_dataset: xr.Dataset, synthetic_file: Path, tmp_path: Path
) -> None:
    names = ("Elevation", "WRB_Subgroup", "BIO1")
    assert read_limits(synthetic_file, names) == {"Elevation": (0, 4000), "BIO1": (-10, 40)}
    with pytest.raises(InputError, match="no limits of BIO2"):
        read_limits(synthetic_file, ("BIO1", "BIO2"))
    bare = synthetic_dataset.drop_vars(["covariate_min", "covariate_max"])
    write_dataset(bare, tmp_path / "bare.nc")
    with pytest.raises(InputError, match="no covariate_min"):
        read_limits(tmp_path / "bare.nc", names)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"0 1\n" * 57, "57 lines of limits, the network reads 58"),
        (b"0 1\n" * 20 + b"2 x\n" + b"0 1\n" * 37, "line 21: expected two numbers"),
        (b"1 0\n" + b"0 1\n" * 57, "minimum of Elevation, 1.0, is above its maximum"),
        (b"nan nan\n" + b"0 1\n" * 57, "limits of Elevation are missing"),
        (b"\xff\xfe\x00\x81", "neither text nor a dataset"),
    ],
)
def test_wrong_limits_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "limits.txt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_limits(tmp_path / "limits.txt", AUTHORS_COVARIATES)
    with pytest.raises(InputError, match="cannot be read"):
        read_limits(tmp_path / "none.txt", AUTHORS_COVARIATES)


def test_limits_may_be_empty_for_categories_and_constant(tmp_path: Path) -> None:
    lines = ["# min, max"] + ["0, 2"] * 58
    lines[1 + 4], lines[1 + 0] = "nan, nan", "7, 7"
    (tmp_path / "limits.csv").write_text("\n".join(lines))
    limits = read_limits(tmp_path / "limits.csv", AUTHORS_COVARIATES)
    assert "Koppen_Climate_2018" not in limits
    covariates, lonlat = drawn_covariates()
    scaled = covariates.copy()
    scaled[:, NUMERIC] /= 2.0
    scaled[:, 0] = 0.0
    state = made_up()
    expected = theirs(state, torch.from_numpy(scaled), vectors_of(state, covariates), lonlat)
    u = authors_model(state, limits).parameters_for(covariates, lonlat).detach()
    torch.testing.assert_close(u, expected, rtol=0, atol=1e-12)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "binn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_command_line(tmp_path: Path) -> None:
    torch.save(made_up(), tmp_path / "c.pt")
    done = run("import", "authors-checkpoint", tmp_path / "c.pt", tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out'}\n")
    assert done.stderr.startswith("binn: warning: No limits were given")
    assert len(done.stderr.splitlines()) == 1
    shown = run("info", tmp_path / "out").stdout
    assert "bedrock: published" in shown
    assert "origin: the BINN authors' checkpoint c.pt" in shown
    done = run("import", "authors-checkpoint", tmp_path / "none.pt", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr == f"binn: error: there is no file {tmp_path / 'none.pt'}\n"
