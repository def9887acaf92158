"""Bad tables and mappings: one clear sentence each."""

from __future__ import annotations

from typing import Any

import pytest
from table_source import COLUMNS, MAPPING, Read

from binn.errors import InputError


def _without(mapping: dict[str, Any], role: str) -> dict[str, Any]:
    return mapping | {"columns": {k: v for k, v in COLUMNS.items() if k != role}}


MAPPING_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no id": (_without(MAPPING, "profile_id"), "does not say which column is profile_id"),
    "no depth": (_without(MAPPING, "depth"), "needs depth, or upper and lower"),
    "no carbon": (_without(MAPPING, "soc"), "needs soc, or organic_carbon and bulk_density"),
    "no unit": (MAPPING | {"units": {"depth": "cm"}}, "does not give the unit of soc: gC m-3 or"),
    "strange unit": (
        MAPPING | {"units": {"depth": "inch", "soc": "gC m-3"}},
        "'inch' is no unit of depth that is known: cm or m",
    ),
    "share of mass": (
        MAPPING | {"units": {"depth": "cm", "soc": "%"}},
        "soc in % is a share of mass: add bulk_density",
    ),
    "misspelt": (MAPPING | {"colums": {}}, "has 'colums', which is not understood"),
    "misspelt column": (
        {**MAPPING, "columns": COLUMNS | {"dept": "z"}},
        "columns has 'dept', which is not understood",
    ),
    "other layout": (MAPPING | {"layout": "wide"}, "layout 'wide' does not fit"),
    "uneven lists": (
        {**MAPPING, "columns": COLUMNS | {"soc": ["a", "b"], "depth": [5]}},
        "as many columns of each kind, not depth 1, soc 2",
    ),
    "unknown covariate": (
        MAPPING | {"covariates": {"BIO99": "temp"}},
        r"has no covariate BIO99: say what it is, .* or use one of Elevation, BIO1",
    ),
    "absent column": (
        MAPPING | {"covariates": {"BIO1": "t2m"}},
        r"table\.csv has no column t2m \(named in the mapping\); it has id, x, y, depth, soc, temp",
    ),
}


@pytest.mark.parametrize("name", MAPPING_FAULTS)
def test_each_fault_of_a_mapping_is_one_sentence(read: Read, name: str) -> None:
    mapping, words = MAPPING_FAULTS[name]
    with pytest.raises(InputError, match=words):
        read(mapping=mapping)


TABLE_FAULTS: dict[str, tuple[str, str, str]] = {
    "empty": ("", ".csv", "is empty"),
    "no rows": ("id,x,y,depth,soc\n", ".csv", "has no rows"),
    "other delimiter": (
        "id;x;y;depth;soc\n1;2;3;4;5\n",
        ".csv",
        "perhaps its delimiter is another: set file.delimiter",
    ),
    "text": (
        "id,x,y,depth,soc\n1,-98,38.5,5,20\n1,-98,38.5,<5,20\n",
        ".csv",
        "column depth holds '<5' in row 2, which is no number",
    ),
    "ragged": (
        "id,x,y,depth,soc\n1,-98,38.5,5,20\n1,-98,38.5,5,20,7,8\n",
        ".csv",
        "cannot be read as a table: .*line 3",
    ),
    "ragged from the start": (
        "id,x,y,depth,soc\n1,-98,38.5,5,20,7,8\n",
        ".csv",
        "cannot be read as a table: ",
    ),
    "half a Parquet file": ("PAR1 and no more", ".parquet", "is no whole Parquet file"),
}


@pytest.mark.parametrize("name", TABLE_FAULTS)
def test_each_fault_of_a_table_is_one_sentence(read: Read, name: str) -> None:
    content, suffix, words = TABLE_FAULTS[name]
    with pytest.raises(InputError, match=words) as caught:
        read(content, suffix=suffix)
    assert "\n" not in str(caught.value)


def test_a_profile_with_two_rows_in_a_wide_table(read: Read) -> None:
    columns = COLUMNS | {"soc": ["soc", "temp"], "depth": [5, 15]}
    with pytest.raises(InputError, match="in a wide table a row is a profile, but b has several"):
        read(mapping=MAPPING | {"columns": columns})
