"""Predictions: shapes, units, the identities that tie them together, ensembles and cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import binn
from binn.clm5 import NODES, THICKNESS, Forcing
from binn.diagnostics import COMPONENTS, TRACEABILITY
from binn.errors import InputError
from binn.evaluation import evaluate, simulate_observations
from binn.model import BINN
from binn.parameters import LOWER, UPPER, to_physical
from binn.site_inputs import encode_dataset, forcing_summaries
from binn.training.config import TrainingConfig
from binn.training.fit import fit


@pytest.fixture(scope="module")
def model(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> BINN:
    return fit(tiny, synthetic_dataset).model


@pytest.fixture(scope="module")
def published(tiny: TrainingConfig, synthetic_dataset: xr.Dataset) -> BINN:
    return fit(tiny.changed(bedrock="published", members=1), synthetic_dataset).model


@pytest.fixture(scope="module")
def predicted(model: BINN, synthetic_dataset: xr.Dataset) -> xr.Dataset:
    return binn.predict(model, synthetic_dataset)


def test_what_there_is(predicted: xr.Dataset, synthetic_dataset: xr.Dataset) -> None:
    n, obs = synthetic_dataset.sizes["site"], synthetic_dataset.sizes["obs"]
    shapes = {"parameters": (n, 21), "pools": (n, 7, 20), "soc": (n, 20), "soc_obs": (obs,)}
    shapes |= dict.fromkeys((*COMPONENTS, *TRACEABILITY, "mass_balance"), (n,))
    for name, shape in shapes.items():
        assert predicted[name].shape == shape, name
        assert predicted[name].attrs["units"], name
        assert predicted[name].attrs["long_name"], name
        assert predicted[name].attrs["provenance"] == "derived", name
        assert np.isfinite(predicted[name]).all(), name
    assert predicted.attrs["bedrock"] == "conserving"
    assert predicted.attrs["definition"] == "stock"


def test_identities(predicted: xr.Dataset) -> None:
    assert (predicted["pools"] >= 0).all()
    soil = predicted["pools"].sel(pool=["soil1", "soil2", "soil3"]).sum("pool")
    np.testing.assert_allclose(predicted["soc"], soil, rtol=1e-13)
    stock = (predicted["pools"].sum("pool").values * THICKNESS).sum(-1)
    np.testing.assert_allclose(predicted["storage"], stock, rtol=1e-12)
    np.testing.assert_allclose(
        predicted["storage"], predicted["influx"] * predicted["residence_time"], rtol=1e-12
    )
    assert np.abs(predicted["mass_balance"]).max() < 1e-13
    assert ((predicted["parameters"] >= LOWER) & (predicted["parameters"] <= UPPER)).all()


def test_parameters_are_those_of_the_network(
    model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    u = model.normalised(synthetic_dataset)
    np.testing.assert_array_equal(predicted["parameters"], to_physical(u))
    np.testing.assert_array_equal(model.physical(synthetic_dataset), to_physical(u))
    covariates = synthetic_dataset["covariates"].values
    lonlat = np.stack([synthetic_dataset["lon"], synthetic_dataset["lat"]], 1)
    forcing = Forcing.from_dataset(synthetic_dataset)
    by_hand = model.parameters_for(covariates, lonlat, forcing)
    # not to the last bit: batches of another size may round differently
    np.testing.assert_allclose(by_hand.detach(), u, rtol=1e-12)
    with pytest.raises(InputError, match="give the forcing too"):
        model.parameters_for(covariates, lonlat)


def test_rows_may_be_chosen(model: BINN, synthetic_dataset: xr.Dataset) -> None:
    rows = [7, 3, 50]
    np.testing.assert_array_equal(
        model.normalised(synthetic_dataset, rows=rows), model.normalised(synthetic_dataset)[rows]
    )


def test_members_are_averaged(model: BINN, synthetic_dataset: xr.Dataset) -> None:
    inputs = model.config.inputs.encode(
        synthetic_dataset["covariates"].values,
        np.stack([synthetic_dataset["lon"], synthetic_dataset["lat"]], 1),
        forcing_summaries(Forcing.from_dataset(synthetic_dataset)),
    )
    each = torch.stack([network(inputs) for network in model.networks])
    assert len(each) == 2
    torch.testing.assert_close(model.normalise(inputs), each.mean(0), rtol=1e-14, atol=0)


def test_forward_is_the_network_then_the_process_model(
    model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    forcing = Forcing.from_dataset(synthetic_dataset)
    inputs = encode_dataset(model.config.inputs, synthetic_dataset, forcing=forcing)
    state = model(inputs, forcing)
    np.testing.assert_allclose(state.soc.detach(), predicted["soc"], rtol=1e-12)
    state.soc.sum().backward()
    gradients = [p.grad for p in model.parameters()]
    assert any(g is not None and bool(g.abs().sum() > 0) for g in gradients)
    model.zero_grad()


def test_permuting_sites_permutes_predictions(
    model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    order = np.random.default_rng(0).permutation(synthetic_dataset.sizes["site"])
    shuffled = synthetic_dataset.drop_dims("obs").isel(site=order)
    owner = np.repeat(np.arange(60), synthetic_dataset["obs_count"].values)
    rows = np.concatenate([np.flatnonzero(owner == site) for site in order])
    for name in ("obs_depth", "obs_soc"):
        shuffled[name] = synthetic_dataset[name].isel(obs=rows)
    again = binn.predict(model, shuffled)
    assert set(again) == set(predicted)
    for name, values in again.items():  # bit by bit: input allocation makes much of the last one
        where = rows if values.dims[0] == "obs" else order
        np.testing.assert_array_equal(values, predicted[name][where], err_msg=str(name))


def test_cells_without_covariates_are_skipped(model: BINN, synthetic_dataset: xr.Dataset) -> None:
    out = binn.predict(model, synthetic_dataset, on="cell")
    known = [cell for cell in range(28) if cell not in (3, 5)]
    assert out["cell"].values.tolist() == known
    assert out.attrs["skipped_cells"] == 2
    assert out["soc"].shape == (26, 20)
    assert "soc_obs" not in out
    np.testing.assert_array_equal(out["cell_lon"], synthetic_dataset["cell_lon"][known])
    # a cell with the covariates, place and forcing of a site has its parameters
    cell = synthetic_dataset["site_cell"].values
    moved = synthetic_dataset.copy(deep=True)
    moved["cell_covariates"].values[cell[11]] = moved["covariates"].values[11]
    moved["cell_lon"].values[cell[11]] = moved["lon"].values[11]
    moved["cell_lat"].values[cell[11]] = moved["lat"].values[11]
    np.testing.assert_allclose(
        binn.predict(model, moved, on="cell")["soc"].sel(cell=cell[11]),
        binn.predict(model, moved)["soc"][11],
        rtol=1e-12,
    )


def test_unknown_categories_are_told(model: BINN, synthetic_dataset: xr.Dataset) -> None:
    ds = synthetic_dataset.copy(deep=True)
    ds["covariates"].values[:2, 1] = 77
    out = binn.predict(model, ds)
    assert "WRB_Subgroup: 77 (2 rows)" in out.attrs["unknown_categories"]
    assert np.isfinite(out["soc"]).all()


def test_ensemble_gives_median_and_spread(
    tiny: TrainingConfig, model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    others = [fit(tiny.changed(seed=9 + k, epochs=1), synthetic_dataset).model for k in range(2)]
    each = [binn.predict(one, synthetic_dataset) for one in (model, *others)]
    out = binn.predict([model, *others], synthetic_dataset)
    for name in ("parameters", "soc", "soc_obs", "carbon_input", "residence_time"):
        stacked = np.stack([one[name] for one in each])
        np.testing.assert_allclose(out[name], np.median(stacked, 0), rtol=1e-12)
        np.testing.assert_allclose(
            out[f"{name}_spread"], stacked.std(0, ddof=1), rtol=1e-9, atol=1e-12
        )
    assert out.attrs["models"] == 3
    alone = binn.predict([model], synthetic_dataset)
    xr.testing.assert_identical(alone, predicted)


def test_published_definition(published: BINN, synthetic_dataset: xr.Dataset) -> None:
    out = binn.predict(published, synthetic_dataset, definition="published")
    assert (out.attrs["bedrock"], out.attrs["definition"]) == ("published", "published")
    u = published.normalised(synthetic_dataset)
    np.testing.assert_allclose(out["input_allocation"], u[:, 20], rtol=1e-9)
    assert np.abs(out["mass_balance"]).max() > 1e-6


def test_wrong_use(model: BINN, published: BINN, synthetic_dataset: xr.Dataset) -> None:
    with pytest.raises(InputError, match="one scheme"):
        binn.predict([model, published], synthetic_dataset)
    with pytest.raises(InputError, match="no model"):
        binn.predict([], synthetic_dataset)
    with pytest.raises(InputError, match="not on 'month'"):
        binn.predict(model, synthetic_dataset, on="month")  # type: ignore[arg-type]
    nowhere = synthetic_dataset.copy(deep=True)
    nowhere["cell_covariates"].values[:] = np.nan
    with pytest.raises(InputError, match="no cell has all covariates"):
        binn.predict(model, nowhere, on="cell")


def test_scores_with_and_without(
    model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    ds = synthetic_dataset.copy(deep=True)
    ds["obs_soc"].values[[4, 5]] = 250_000.0
    scores = evaluate(model, ds)
    observed, simulated = ds["obs_soc"].values, predicted["soc_obs"].values
    error = simulated - observed
    assert scores["n"] == len(error)
    assert scores["bias"] == pytest.approx(error.mean())
    assert scores["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    nse = 1 - (error**2).sum() / ((observed - observed.mean()) ** 2).sum()
    assert scores["nse"] == pytest.approx(nse)
    assert scores["r"] == pytest.approx(np.corrcoef(observed, simulated)[0, 1])
    depth = ds["obs_depth"].values
    owner = np.repeat(np.arange(60), ds["obs_count"].values)
    nbedrock = ds["nbedrock"].values[ds["site_cell"].values[owner]]
    above = depth <= NODES[nbedrock - 1]
    assert not above.all()
    assert scores["above_deepest_node"]["n"] == above.sum()
    assert scores["without_extremes"]["n"] == (observed <= 200_000).sum()
    assert scores["neither"]["n"] == (above & (observed <= 200_000)).sum()


def test_observations_of_some_sites(
    model: BINN, predicted: xr.Dataset, synthetic_dataset: xr.Dataset
) -> None:
    sites = np.array([30, 2, 17])
    rows, simulated = simulate_observations(model, synthetic_dataset, sites)
    owner = np.repeat(np.arange(60), synthetic_dataset["obs_count"].values)
    assert owner[rows].tolist() == sorted(owner[rows], key=[30, 2, 17].index)
    np.testing.assert_allclose(simulated, predicted["soc_obs"].values[rows], rtol=1e-12)
