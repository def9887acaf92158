"""Scales, limits and tables come from the training sites alone."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from binn.clm5 import Forcing
from binn.errors import InputError
from binn.inputs import InputEncoding
from binn.site_inputs import FORCING_SUMMARIES, encode_dataset, forcing_summaries
from binn.training.config import NetworkConfig
from binn.training.encoding import fit_encoding

TRAIN = np.arange(10, 50)


def fitted(ds: xr.Dataset, **options: object) -> InputEncoding:
    forcing = Forcing.from_dataset(ds)
    return fit_encoding(ds, NetworkConfig(**options), TRAIN, forcing)


def test_standard_scaling(synthetic_dataset: xr.Dataset) -> None:
    encoding = fitted(synthetic_dataset, clip=False)
    numeric = encode_dataset(encoding, synthetic_dataset).numeric.numpy()[TRAIN]
    np.testing.assert_allclose(numeric.mean(0), 0.0, atol=1e-12)
    varying = numeric.std(0) > 0
    np.testing.assert_allclose(numeric.std(0)[varying], 1.0)
    assert [one.name for one in encoding.numeric] == [
        "BIO1",
        "Elevation",
        "lon",
        "lat",
        *FORCING_SUMMARIES,
    ]


def test_minmax_of_the_training_sites_holds_others_inside(synthetic_dataset: xr.Dataset) -> None:
    encoding = fitted(synthetic_dataset, scaling="minmax", coordinates=False)
    numeric = encode_dataset(encoding, synthetic_dataset).numeric.numpy()
    assert numeric.min() == 0.0
    assert numeric.max() == 1.0
    np.testing.assert_allclose(numeric[TRAIN].max(0)[:2], 1.0)


def test_minmax_of_the_dataset_and_raw_codes(synthetic_dataset: xr.Dataset) -> None:
    encoding = fitted(
        synthetic_dataset,
        scaling="minmax",
        limits="dataset",
        raw_codes=True,
        coordinates=False,
        forcing_summaries=False,
    )
    numeric = encode_dataset(encoding, synthetic_dataset).numeric.numpy()
    raw = synthetic_dataset["covariates"].to_numpy()
    # in the order of the columns: authors' limits for numbers, categories as they are
    np.testing.assert_allclose(numeric[:, 0], (raw[:, 0] + 10.0) / 50.0)
    np.testing.assert_allclose(numeric[:, 2], raw[:, 2] / 4000.0)
    np.testing.assert_array_equal(numeric[:, [1, 3, 4]], raw[:, [1, 3, 4]])


def test_depths_share_a_table(synthetic_dataset: xr.Dataset) -> None:
    encoding = fitted(synthetic_dataset)
    assert [(one.name, one.table) for one in encoding.categorical] == [
        ("WRB_Subgroup", "WRB_Subgroup"),
        ("Texture_USDA_0cm", "Texture_USDA"),
        ("Texture_USDA_30cm", "Texture_USDA"),
    ]
    texture = synthetic_dataset["covariates"].to_numpy()[TRAIN][:, 3:]
    assert encoding.tables["Texture_USDA"] == tuple(np.unique(texture).astype(int))


def test_rare_categories_are_left_to_the_unknown(synthetic_dataset: xr.Dataset) -> None:
    codes = synthetic_dataset["covariates"].to_numpy()[TRAIN, 1]
    values, counts = np.unique(codes, return_counts=True)
    limit = int(np.sort(counts)[1])
    encoding = fitted(synthetic_dataset, rare_category=limit)
    assert encoding.tables["WRB_Subgroup"] == tuple(values[counts >= limit].astype(int))
    assert len(encoding.tables["WRB_Subgroup"]) < len(values)


def test_a_constant_input_is_held_at_nothing(synthetic_dataset: xr.Dataset) -> None:
    ds = synthetic_dataset.copy(deep=True)
    ds["covariates"].values[TRAIN, 0] = 0.1
    encoding = fitted(ds)
    assert encode_dataset(encoding, ds).numeric[:, 0].abs().max() == 0.0


def test_covariates_by_name(synthetic_dataset: xr.Dataset) -> None:
    encoding = fitted(synthetic_dataset, covariates=("Elevation", "BIO1"))
    assert encoding.covariates == ("Elevation", "BIO1")
    assert encoding.categorical == ()
    with pytest.raises(InputError, match=r"lacks 1 of the 2 covariates .* Clay_Content_0cm"):
        fitted(synthetic_dataset, covariates=("BIO1", "Clay_Content_0cm"))


def test_nothing_left(synthetic_dataset: xr.Dataset) -> None:
    with pytest.raises(InputError, match="no input left"):
        fitted(synthetic_dataset, covariates=(), coordinates=False, forcing_summaries=False)


def test_forcing_summaries(synthetic_dataset: xr.Dataset) -> None:
    ds = synthetic_dataset
    summaries = forcing_summaries(Forcing.from_dataset(ds))
    cell = ds["site_cell"].to_numpy()
    woody = ds["cwd"].to_numpy().sum(1)[cell]
    total = woody + sum(ds[f"litter{k}"].to_numpy().sum(1)[cell] for k in (1, 2, 3))
    np.testing.assert_allclose(summaries["carbon_input"], total)
    np.testing.assert_allclose(summaries["woody_share"], woody / total)
    np.testing.assert_array_equal(summaries["bedrock_layer"], ds["nbedrock"].to_numpy()[cell])
    thickness = np.array([0.02, 0.04, 0.06, 0.08, 0.12])
    monthly = np.average(ds["temperature"].to_numpy()[cell, :5], axis=1, weights=thickness)
    np.testing.assert_allclose(summaries["soil_temperature"], monthly.mean(1))
    np.testing.assert_allclose(summaries["soil_temperature_range"], np.ptp(monthly, axis=1))
