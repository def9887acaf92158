"""Covariates as people read them: names, units, classes, minus signs."""

from __future__ import annotations

import numpy as np
import pytest

from binn.datasets.covariates import AUTHORS_COVARIATES, covariate
from dashboard.state.covariate_words import words_of
from dashboard.state.inspect import covariates
from dashboard.state.page_state import PageState


@pytest.mark.parametrize("name", AUTHORS_COVARIATES)
def test_every_covariate_of_the_paper_has_a_name(name: str) -> None:
    words = words_of(name, covariate(name).unit)
    assert words.name != name or name == "Elevation"
    assert "_" not in words.name
    assert not {"degC", "percent", "pH*10", "-1"} & set(words.unit.split())


def test_units_are_those_of_people() -> None:
    ph = words_of("pH_Water_30cm", "pH*10")
    assert (ph.name, ph.unit, ph.scale) == ("Soil pH in water, 30 cm", "pH", 0.1)
    assert words_of("my_own", "furlong").name == "my_own"
    assert words_of("my_own", "furlong").unit == "furlong"


def test_classes_are_named_where_the_data_name_them() -> None:
    opened = PageState.open("demo", "demo").opened
    cold = np.flatnonzero(opened.dataset["covariates"].to_numpy()[:, 0] < np.inf)[:400]
    rows = {row[-1]: row for row in covariates(opened, cold)}
    name, value, _, unit, _ = rows["ESA_Land_Cover"]
    assert name.startswith("Land cover")
    assert not value[0].isdigit()
    assert unit == ""
    assert all("-" not in cell for row in rows.values() for cell in row[1:3] if cell[:1] == "-")
    columns = opened.dataset["covariate"].to_numpy().astype(str).tolist()
    ph = opened.dataset["covariates"].to_numpy()[cold, columns.index("pH_Water_30cm")]
    assert float(rows["pH_Water_30cm"][1]) == pytest.approx(np.nanmedian(ph) / 10, rel=1e-3)
