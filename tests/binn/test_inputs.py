"""Inputs of the network: scaling, limits, category rows, position, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from binn.errors import InputError
from binn.inputs import CategoricalInput, InputEncoding, NumericInput, position_features

ENCODING = InputEncoding(
    covariates=("warmth", "kind", "texture_0cm", "texture_30cm"),
    numeric=(
        NumericInput(name="warmth", source="covariate", offset=10.0, scale=4.0, lower=-2, upper=3),
        NumericInput(name="lat", source="coordinate", offset=40.0, scale=10.0),
    ),
    categorical=(
        CategoricalInput(name="texture_30cm", table="texture"),
        CategoricalInput(name="kind", table="kind"),
        CategoricalInput(name="texture_0cm", table="texture"),
    ),
    tables={"texture": (7, 2, 5), "kind": (1, 4)},
    position=True,
)
COVARIATES = np.array([[10.0, 4, 7, 2], [14.0, 1, 5, 7], [1e6, 9, 6, 2]])
LONLAT = np.array([[-70.0, 40.0], [0.0, 45.0], [180.0, -90.0]])


def test_numbers_are_shifted_scaled_and_held_in_range() -> None:
    numeric = ENCODING.encode(COVARIATES, LONLAT).numeric.numpy()
    np.testing.assert_allclose(numeric, [[0.0, 0.0], [1.0, 0.5], [3.0, -13.0]])


def test_categories_are_rows_of_their_tables_and_one_past_them_when_unknown() -> None:
    codes = ENCODING.encode(COVARIATES, LONLAT).codes.numpy()
    np.testing.assert_array_equal(codes, [[1, 1, 0], [0, 0, 2], [1, 2, 3]])
    assert ENCODING.unknown(COVARIATES) == {"kind": {9: 1}, "texture_0cm": {6: 1}}


@given(arrays(np.float64, (3, 2), elements=st.floats(-180, 180)))
def test_position_features(lonlat: np.ndarray) -> None:
    waves = position_features(lonlat)
    assert waves.shape == (3, 64)
    # order: coordinate, wavelength from 1e-6 to 360 degrees, (sine, cosine); no 2 pi
    np.testing.assert_allclose(waves[:, 30], np.sin(lonlat[:, 0] / 360.0), atol=1e-6)
    np.testing.assert_allclose(waves[:, 63], np.cos(lonlat[:, 1] / 360.0), atol=1e-6)
    pairs = waves.reshape(3, 32, 2)
    np.testing.assert_allclose((pairs**2).sum(-1), 1.0, atol=1e-6)


def test_json_round_trip() -> None:
    assert InputEncoding.model_validate_json(ENCODING.model_dump_json()) == ENCODING


def test_missing_values_are_named() -> None:
    holed = COVARIATES.copy()
    holed[1, 0] = np.nan
    with pytest.raises(InputError, match="warmth is missing at 1 of 3 rows, first at row 1"):
        ENCODING.encode(holed, LONLAT)
    with pytest.raises(InputError, match="lon is missing"):
        ENCODING.encode(COVARIATES, np.where(LONLAT == 180.0, np.inf, LONLAT))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"reads 4 covariates .* shape \(3, 3\)"):
        ENCODING.encode(COVARIATES[:, :3], LONLAT)
    with pytest.raises(InputError, match=r"shape \(3, 2\), not \(2, 2\)"):
        ENCODING.encode(COVARIATES, LONLAT[:2])


def test_a_category_is_a_whole_number() -> None:
    with pytest.raises(InputError, match="kind is a category"):
        ENCODING.encode(COVARIATES + np.array([0, 0.5, 0, 0]), LONLAT)


def test_forcing_summaries_must_be_given_where_they_are_read() -> None:
    encoding = InputEncoding(
        covariates=(), numeric=(NumericInput(name="soil_water", source="forcing"),)
    )
    assert encoding.needs_forcing
    with pytest.raises(InputError, match="give the forcing too"):
        encoding.encode(np.empty((3, 0)), LONLAT)
    inputs = encoding.encode(np.empty((3, 0)), LONLAT, {"soil_water": np.arange(3.0)})
    assert inputs.numeric[:, 0].tolist() == [0.0, 1.0, 2.0]
