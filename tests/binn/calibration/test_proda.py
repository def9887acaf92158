"""PRODA's second step: which sites it learns from, what it learns, what it predicts and keeps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from binn.calibration.proda import (
    PRODA_PRESETS,
    ProdaConfig,
    SiteFilter,
    fit_proda,
    load_proda,
    predict_proda,
    proda_preset,
)
from binn.calibration.proda_training import choose_sites
from binn.errors import InputError
from binn.parameters import KEYS, LOWER, UPPER, index, to_physical
from binn.training.config import NetworkConfig

QUICK = ProdaConfig(
    preset="quick",
    network=NetworkConfig(width=16, depth=1, dropout=0.0),
    epochs=60,
    learning_rate=0.01,
    batch_size=16,
    runs=2,
    filter=SiteFilter(depth=0.0),
)
TAU, BETA = index("tau4s3"), index("beta")


@dataclasses.dataclass(frozen=True)
class Results:
    """Invented site results: two parameters follow a covariate, the others are at 0.5."""

    u: np.ndarray
    r2: np.ndarray
    rhat: np.ndarray


@pytest.fixture(scope="module")
def results(synthetic_dataset: xr.Dataset) -> Results:
    n = synthetic_dataset.sizes["site"]
    warm = synthetic_dataset["covariates"].to_numpy()[:, 0] / 30.0
    u = np.full((n, 21), 0.5)
    u[:, TAU] = 0.2 + 0.6 * warm
    u[:, BETA] = 0.8 - 0.6 * warm
    return Results(u, np.full(n, 0.9), np.full(n, 1.01))


def test_sites_are_chosen_by_each_limit(synthetic_dataset: xr.Dataset, results: Results) -> None:
    r2, rhat, u = results.r2.copy(), results.rhat.copy(), results.u.copy()
    r2[0], rhat[1], u[2], r2[3] = 0.75, 1.05, np.nan, np.nan
    chosen = choose_sites(synthetic_dataset, u, r2, rhat, SiteFilter(depth=0.0))
    assert not set(chosen.sites) & {0, 1, 2, 3}
    assert len(chosen.sites) == synthetic_dataset.sizes["site"] - 4
    assert chosen.left_out == {
        "no result": 1,
        "R2 not above 0.75": 2,
        "R-hat not below 1.05": 1,
        "not deeper than 0 m": 0,
    }
    deep = choose_sites(synthetic_dataset, results.u, results.r2, results.rhat, SiteFilter())
    ends = np.cumsum(synthetic_dataset["obs_count"].to_numpy())[:-1]
    deepest = [part.max() for part in np.split(synthetic_dataset["obs_depth"].to_numpy(), ends)]
    np.testing.assert_array_equal(deep.sites, np.flatnonzero(np.array(deepest) > 0.5))


def test_published_filter_asks_for_carbon_that_falls_with_depth(
    synthetic_dataset: xr.Dataset, results: Results
) -> None:
    ds = synthetic_dataset.copy(deep=True)
    count, depth = ds["obs_count"].to_numpy(), ds["obs_depth"].to_numpy()
    soc = np.exp(-depth)  # falls with depth everywhere ...
    soc[: count[0]] = np.exp(depth[: count[0]])  # ... but at the first site
    ds["obs_soc"] = ("obs", soc, ds["obs_soc"].attrs)
    wanted = SiteFilter(depth=0.0, decreasing=True)
    chosen = choose_sites(ds, results.u, results.r2, results.rhat, wanted)
    assert chosen.left_out["SOC does not fall with depth"] == 1
    assert 0 not in chosen.sites


def test_too_few_sites_are_an_error_that_says_why(
    synthetic_dataset: xr.Dataset, results: Results
) -> None:
    strict = QUICK.changed(filter=SiteFilter(depth=0.0, strict=True))
    with pytest.raises(InputError, match=r"only 0 of 60 .*\(R2 not above 0.75: 60"):
        fit_proda(synthetic_dataset, results.u, results.r2 - 0.5, results.rhat, strict)
    few = np.full_like(results.u, np.nan)
    few[:9] = results.u[:9]
    with pytest.raises(InputError, match=r"only 9 of 9 .* which needs 10"):
        fit_proda(synthetic_dataset, few, results.r2, results.rhat, QUICK)
    with pytest.raises(InputError, match="do not belong to this dataset"):
        fit_proda(synthetic_dataset, results.u[1:], results.r2, results.rhat, QUICK)
    with pytest.raises(InputError, match="there is no network 'paper'"):
        proda_preset("paper")


def test_if_too_few_pass_all_are_learnt_from_and_it_is_said(
    synthetic_dataset: xr.Dataset, results: Results
) -> None:
    said: list[str] = []
    fitted = fit_proda(
        synthetic_dataset,
        results.u,
        results.r2 - 0.5,
        results.rhat,
        QUICK.changed(epochs=1),
        report=said.append,
    )
    assert fitted is not None
    assert any(line.startswith("warning: too few sites") for line in said)
    assert len(fitted.chosen.sites) == 60
    assert fitted.record.relaxed


@pytest.mark.parametrize("name", ["default", "published"])
def test_network_learns_what_covariates_tell(
    name: str, synthetic_dataset: xr.Dataset, results: Results
) -> None:
    config = QUICK
    if name == "published":
        # Adadelta begins slowly: at the published rate of 0.001 it needs thousands of epochs
        config = proda_preset(name).changed(
            hidden=(32, 32), runs=2, epochs=400, learning_rate=1.0, filter=QUICK.filter
        )
    fitted = fit_proda(synthetic_dataset, results.u, results.r2, results.rhat, config)
    assert fitted is not None
    out = predict_proda(fitted.network, synthetic_dataset)
    found = out["proda_normalised_site"].to_numpy()
    for k in (TAU, BETA):
        assert np.corrcoef(found[:, k], results.u[:, k])[0, 1] > 0.9
    losses = [row["validation_loss"] for row in fitted.history[0]]
    assert min(losses) < 0.5 * losses[0]


def test_prediction_is_in_the_ranges_and_says_so(
    synthetic_dataset: xr.Dataset, results: Results
) -> None:
    fitted = fit_proda(
        synthetic_dataset, results.u, results.r2, results.rhat, QUICK.changed(epochs=2)
    )
    assert fitted is not None
    out = predict_proda(fitted.network, synthetic_dataset)
    runs = out["proda_runs_site"].to_numpy()
    assert runs.shape == (2, 60, 21)
    np.testing.assert_allclose(out["proda_normalised_site"], runs.mean(0), atol=1e-6)
    np.testing.assert_allclose(out["proda_spread_site"], runs.std(0, ddof=1), atol=1e-6)
    u = out["proda_normalised_site"].to_numpy()
    np.testing.assert_allclose(out["proda_parameters_site"], to_physical(u), rtol=1e-12)
    assert out["proda_parameters_site"].attrs["range_set"] == "binn"
    # cells 3 and 5 have no covariates
    cells = out["proda_parameters"].to_numpy()
    assert np.isnan(cells[[3, 5]]).all()
    known = np.delete(cells, [3, 5], axis=0)
    assert ((known > LOWER) & (known <= UPPER)).all()
    assert out.attrs["skipped_cells"] == 2
    assert list(out["parameter"].to_numpy()) == list(KEYS)


def test_linear_outputs_are_held_inside(synthetic_dataset: xr.Dataset, results: Results) -> None:
    u = results.u.copy()
    u[:, TAU] = np.where(u[:, TAU] > 0.5, 1.0, 1e-3)
    config = proda_preset("published").changed(
        hidden=(8,), runs=1, epochs=40, learning_rate=1.0, filter=QUICK.filter
    )
    fitted = fit_proda(synthetic_dataset, u, results.r2, results.rhat, config)
    assert fitted is not None
    found = fitted.network.normalised(synthetic_dataset)
    assert found.min() >= 1e-4
    assert found.max() <= 1.0


def test_same_seed_same_weights_and_runs_differ(
    synthetic_dataset: xr.Dataset, results: Results
) -> None:
    config = QUICK.changed(epochs=2)
    one, again, other = (
        fit_proda(synthetic_dataset, results.u, results.r2, results.rhat, each)
        for each in (config, config, config.changed(seed=5))
    )
    assert one is not None
    assert again is not None
    assert other is not None
    first = one.network.normalised(synthetic_dataset)
    np.testing.assert_array_equal(first, again.network.normalised(synthetic_dataset))
    assert np.abs(first - other.network.normalised(synthetic_dataset)).max() > 1e-4
    assert np.abs(first[0] - first[1]).max() > 1e-4


def test_a_stopped_training_goes_on_after_its_last_run(
    synthetic_dataset: xr.Dataset, results: Results, tmp_path: Path
) -> None:
    config = QUICK.changed(epochs=3)
    arguments = (synthetic_dataset, results.u, results.r2, results.rhat)
    epochs = iter([False] * 4)
    stopped = fit_proda(*arguments, config, unfinished=tmp_path, stop=lambda: next(epochs, True))
    assert stopped is None
    assert [path.name for path in tmp_path.iterdir()] == ["run_00"]
    said: list[str] = []
    resumed = fit_proda(*arguments, config, unfinished=tmp_path, report=said.append)
    whole = fit_proda(*arguments, config)
    assert resumed is not None
    assert whole is not None
    assert not any(line.startswith("run 1: epoch") for line in said)
    np.testing.assert_array_equal(
        resumed.network.normalised(synthetic_dataset), whole.network.normalised(synthetic_dataset)
    )
    # runs of another task are not taken for these
    other = fit_proda(*arguments, config.changed(seed=9), unfinished=tmp_path)
    assert other is not None
    assert (
        np.abs(
            other.network.normalised(synthetic_dataset)
            - whole.network.normalised(synthetic_dataset)
        ).max()
        > 1e-4
    )


def test_saved_network_comes_back_and_a_changed_one_is_refused(
    synthetic_dataset: xr.Dataset, results: Results, tmp_path: Path
) -> None:
    fitted = fit_proda(
        synthetic_dataset, results.u, results.r2, results.rhat, QUICK.changed(epochs=2)
    )
    assert fitted is not None
    folder = tmp_path / "network"
    fitted.save(folder)
    network, record = load_proda(folder)
    np.testing.assert_array_equal(
        network.normalised(synthetic_dataset), fitted.network.normalised(synthetic_dataset)
    )
    assert record.sites == len(fitted.chosen.sites)
    assert record.options == fitted.record.options
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="are not the ones"):
        load_proda(folder)
    with pytest.raises(InputError, match="there is no network of PRODA"):
        load_proda(tmp_path)


def test_published_is_what_the_authors_script_says(synthetic_dataset: xr.Dataset) -> None:
    published = PRODA_PRESETS["published"]
    assert published.hidden == (256, 512, 512, 256)
    assert (published.epochs, published.patience, published.batch_size) == (6000, 1200, 32)
    assert (published.optimiser, published.loss, published.runs) == ("adadelta", "product", 10)
    from binn.calibration.proda_network import new_network, proda_encoding
    from binn.clm5 import Forcing

    forcing = Forcing.from_dataset(synthetic_dataset)
    encoding = proda_encoding(synthetic_dataset, published, np.arange(60), forcing)
    # all covariates, categories too, then the place; limits as the dataset states them
    assert [one.name for one in encoding.numeric][-2:] == ["lon", "lat"]
    assert len(encoding.numeric) == 7
    assert (encoding.numeric[0].offset, encoding.numeric[0].scale) == (-10.0, 50.0)
    network = new_network(published, encoding)
    sizes = [tuple(p.shape) for p in network.parameters() if p.ndim == 2]
    assert sizes == [(256, 7), (512, 256), (512, 512), (256, 512), (21, 256)]


def test_published_loss_is_a_product() -> None:
    from binn.calibration.proda_training import _loss

    u, target = torch.tensor([[0.5, 0.2]]), torch.tensor([[0.4, 0.4]])
    mse = (0.1**2 + 0.2**2) / 2
    relative = (0.1 / 0.4 + 0.2 / 0.4) / 2
    found = _loss(PRODA_PRESETS["published"], u, target).item()
    assert found == pytest.approx(500 * mse * 25 * relative, rel=1e-5)
