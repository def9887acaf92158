"""The network: bounds, options, unknown categories, and the authors' weights to 1e-9."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from binn.inputs import CategoricalInput, InputEncoding, Inputs, NumericInput
from binn.network import CategoryTable, Network
from binn.training.config import NetworkConfig

ENCODING = InputEncoding(
    covariates=("a", "b", "kind"),
    numeric=tuple(NumericInput(name=name, source="covariate") for name in "ab"),
    categorical=(CategoricalInput(name="kind", table="kind"),),
    tables={"kind": (3, 5, 8)},
    position=True,
)

configs = st.builds(
    NetworkConfig,
    embedding_size=st.integers(1, 6),
    embedding_unit_norm=st.booleans(),
    width=st.integers(1, 9),
    depth=st.integers(1, 4),
    batch_norm=st.sampled_from(["before", "after", "none"]),
    slope=st.floats(-1, 1),
    dropout=st.floats(0, 0.9),
    output=st.sampled_from(["plain", "tempered"]),
)


def inputs(rows: int, seed: int = 0) -> Inputs:
    rng = np.random.default_rng(seed)
    covariates = np.column_stack([rng.normal(size=(rows, 2)), rng.choice([3, 5, 8, 9], rows)])
    return ENCODING.encode(covariates, rng.uniform(-80, 80, (rows, 2)))


@settings(deadline=None, max_examples=30)
@given(configs, st.integers(0, 1000))
def test_parameters_lie_inside_their_ranges_and_a_batch_is_a_loop(
    config: NetworkConfig, seed: int
) -> None:
    torch.manual_seed(seed)
    network = Network(ENCODING, config).double().eval()
    given_inputs = inputs(6, seed)
    u = network(given_inputs)
    assert u.shape == (6, 21)
    assert bool(((u > 0) & (u < 1)).all())
    one_by_one = torch.cat([network(given_inputs.take(slice(k, k + 1))) for k in range(6)])
    torch.testing.assert_close(u, one_by_one, rtol=1e-12, atol=0)
    order = torch.tensor([5, 0, 3, 1, 4, 2])
    torch.testing.assert_close(network(given_inputs.take(order)), u[order], rtol=1e-12, atol=0)


@pytest.mark.parametrize("output", ["plain", "tempered"])
def test_starts_from_a_given_vector(output: str) -> None:
    network = Network(ENCODING, NetworkConfig(output=output, output_gain=0.0)).double().eval()
    start = torch.linspace(0.05, 0.95, 21, dtype=torch.float64)
    network.start_from(start)
    torch.testing.assert_close(network(inputs(4)), start.expand(4, -1), rtol=1e-12, atol=0)


def test_tempered_output_begins_at_gamma_59_5() -> None:
    network = Network(ENCODING, NetworkConfig(output="tempered"))
    assert network.temper is not None
    assert network.temper.gamma().item() == 59.5


def test_unknown_category_is_the_average_of_the_known() -> None:
    table = CategoryTable(3, 4, unit_norm=False).double()
    table.frequency.copy_(torch.tensor([0.5, 0.3, 0.2]))
    known, unknown = table(torch.tensor([0, 1, 2])), table(torch.tensor([3]))[0]
    torch.testing.assert_close(unknown, 0.5 * known[0] + 0.3 * known[1] + 0.2 * known[2])


def test_categories_weigh_as_often_as_they_occur() -> None:
    network = Network(ENCODING, NetworkConfig()).double()
    covariates = np.array([[0, 0, 3], [0, 0, 3], [0, 0, 8], [0, 0, 99], [0, 0, 3]], dtype=float)
    network.count_categories(ENCODING.encode(covariates, np.zeros((5, 2))))
    (table,) = network.tables
    assert table.frequency.tolist() == [0.75, 0.0, 0.25]


def test_unit_norm() -> None:
    vectors = CategoryTable(5, 3, unit_norm=True)(torch.arange(5))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))


def test_dropout_only_while_training() -> None:
    network = Network(ENCODING, NetworkConfig(dropout=0.5)).double()
    given_inputs = inputs(8)
    assert not torch.equal(network.train()(given_inputs), network(given_inputs))
    assert torch.equal(network.eval()(given_inputs), network(given_inputs))


def test_holds_the_authors_weights(shared: Path) -> None:
    """Their network, saved by their code, gives their parameters to 1e-9 in ours."""
    folder = shared / "reference" / "authors_checkpoint"
    theirs = torch.load(folder / "mlp_wrapper.pt", weights_only=True)["model_state_dict"]
    with np.load(folder / "expected.npz", allow_pickle=False) as file:
        expected = dict(file)
    names = tuple(str(name) for name in expected["names"])
    # embedding tables in the order of their keys, which are column numbers
    columns = [int(key.split(".")[1]) for key in theirs if key.startswith("var_idx_to_emb")]
    table = {column: names[column].removesuffix("_0cm").removesuffix("_30cm") for column in columns}
    table |= {column: "Texture_USDA" for column in columns if "Texture" in names[column]}
    sizes = {table[c]: len(theirs[f"var_idx_to_emb.{c}.weight"]) for c in columns}
    encoding = InputEncoding(
        covariates=names,
        numeric=tuple(NumericInput(name=name, source="covariate") for name in names),
        categorical=tuple(CategoricalInput(name=names[c], table=table[c]) for c in columns),
        tables={name: tuple(range(size)) for name, size in sizes.items()},
        position=True,
    )
    config = NetworkConfig(
        embedding_size=5,
        embedding_unit_norm=True,
        position_encoding=True,
        width=128,
        depth=3,
        output="tempered",
    )
    network = Network(encoding, config).double().eval()
    ours = network.state_dict()
    renamed = {"temper.g": theirs["temp_sigmoid"]}
    for k, name in enumerate(sizes):
        column = next(c for c in columns if table[c] == name)
        renamed[f"tables.{k}.weight"] = theirs[f"var_idx_to_emb.{column}.weight"]
        renamed[f"tables.{k}.frequency"] = ours[f"tables.{k}.frequency"]
    for part in ("weight", "bias"):
        renamed[f"position.0.{part}"] = theirs[f"spatial_encoder.ffn.layers.0.linear.{part}"]
        renamed[f"output.{part}"] = theirs[f"mlp.layer_output.{part}"]
        for k in range(3):
            renamed[f"hidden.{k}.linear.{part}"] = theirs[f"mlp.layers.{k}.{part}"]
    for key, value in theirs.items():
        if key.startswith("mlp.bns."):
            _, _, k, part = key.split(".")
            renamed[f"hidden.{k}.norm.{part}"] = value
    network.load_state_dict(renamed)
    lonlat = np.column_stack([expected["lon"], expected["lat"]])
    u = network(encoding.encode(expected["covariates"], lonlat))
    np.testing.assert_allclose(u.detach().numpy(), expected["u"], rtol=0, atol=1e-9)
