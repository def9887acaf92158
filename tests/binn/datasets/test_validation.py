"""What a dataset must be: every fault is named with its variable, place and count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from binn.datasets.schema import VARIABLES
from binn.datasets.validation import problems, validate
from binn.errors import InputError

Make = Callable[..., xr.Dataset]


def test_a_sound_dataset_passes(canonical: Make) -> None:
    assert list(problems(canonical())) == []


@pytest.mark.parametrize("name", [entry.name for entry in VARIABLES if entry.required])
def test_each_missing_variable_is_named(canonical: Make, name: str) -> None:
    with pytest.raises(InputError, match=rf"lacks the variable {name}\b"):
        validate(canonical().drop_vars(name))


def test_all_that_is_missing_is_named_at_once(canonical: Make) -> None:
    ds = canonical().drop_vars(["cwd", "temperature"])
    del ds.attrs["licence"]
    with pytest.raises(InputError) as caught:
        validate(ds, "x.nc")
    message = str(caught.value)
    assert message.startswith("x.nc ")
    assert "variables cwd, temperature" in message
    assert "attribute licence" in message
    assert "\n" not in message


def test_missing_forcing_names_variable_cell_and_count(canonical: Make) -> None:
    ds = canonical(cells=5)
    ds["water"].values[[1, 3], 4, 5] = np.nan
    with pytest.raises(
        InputError, match=r"water is missing \(NaN\) in 2 cell rows \(first: cell 1"
    ):
        validate(ds)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", 20.0, "temperature is below 180 K in 1 cell row"),
        ("litter1", -1.0, "litter1 is below 0 gC m-2 month-1"),
        ("litter1", np.inf, "litter1 is infinite"),
        ("nbedrock", 21, "nbedrock is above 20 in 1 cell row"),
        ("nbedrock", 0, "nbedrock is below 1"),
        ("water", 1.5, "water is above 1"),
        ("sand", 101.0, "sand is above 100 percent"),
        ("obs_soc", -5.0, "obs_soc is below 0 gC m-3 in 1 obs row"),
        ("obs_depth", np.nan, "obs_depth is missing"),
        ("lat", 91.0, "lat is above 90"),
        ("covariates", np.nan, r"covariates is missing \(NaN\) in 1 site row"),
        ("site_cell", 2, "site_cell points past the 2 cells in 1 site row"),
        ("site_cell", -1, "site_cell is below 0"),
    ],
)
def test_unphysical_values_are_named(canonical: Make, name: str, value: float, words: str) -> None:
    ds = canonical(seed=3)
    ds[name].values.ravel()[-1] = value
    with pytest.raises(InputError, match=words):
        validate(ds)


def test_unknown_covariates_of_a_cell_are_allowed(canonical: Make) -> None:
    ds = canonical()
    ds["cell_covariates"].values[:] = np.nan
    validate(ds)


def test_ragged_counts_must_add_up(canonical: Make) -> None:
    ds = canonical()
    ds["obs_count"].values[0] += 1
    with pytest.raises(InputError, match=r"obs_count adds up to \d+, but there are \d+ obs"):
        validate(ds)


def test_wrong_dimensions_shape_type_and_unit(canonical: Make) -> None:
    ds = canonical(sites=2, cells=2)
    ds["nbedrock"] = ds["nbedrock"].astype(float)
    ds["sand"] = ds["sand"].transpose("layer", "cell")
    ds["temperature"].attrs["units"] = "degC"
    ds["cwd"].attrs["provenance"] = "guessed"
    found = "; ".join(problems(ds))
    assert "nbedrock holds float64 instead of int values" in found
    assert "sand has dimensions (layer, cell) instead of (cell, layer)" in found
    assert "temperature has units 'degC' instead of 'K'" in found
    assert "cwd has provenance 'guessed'" in found
    short = canonical().isel(month=slice(11))
    assert "dimension month has 11 entries instead of 12" in "; ".join(problems(short))


def test_categories_and_identifiers(canonical: Make) -> None:
    ds = canonical()
    ds["covariates"].values[1, 1] += 0.5
    ds["profile_id"].values[1] = ds["profile_id"].values[0]
    found = "; ".join(problems(ds))
    assert "covariates has a category that is no whole number in 1 site row (first: site 1" in found
    assert "profile_id is not unique (1 repeated)" in found
    ds["covariate_kind"].values[0] = "colour"
    assert "covariate_kind is 'colour'" in "; ".join(problems(ds))


def test_no_site_is_no_dataset(canonical: Make) -> None:
    ds = canonical().isel(site=slice(0), obs=slice(0))
    assert "it has no site" in list(problems(ds))
