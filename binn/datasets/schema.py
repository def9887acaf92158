"""The canonical dataset as a table of data: dimensions, variables, units and physical bounds.

Every importer writes this and everything downstream reads it; nothing else says what a variable
means. :mod:`binn.datasets.validation` holds a dataset against this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CONVENTIONS",
    "FILE_ATTRIBUTES",
    "FIXED_SIZES",
    "PROVENANCES",
    "VARIABLES",
    "Variable",
    "variable",
]

CONVENTIONS = "CF-1.11"
#: attributes every canonical file carries
FILE_ATTRIBUTES = ("Conventions", "title", "licence", "source", "history", "sha256")
#: where a number comes from: measured or published, computed from such, drawn, or simulated
PROVENANCES = ("real", "derived", "schematic", "synthetic")
#: dimensions whose size the process model fixes
FIXED_SIZES = {"month": 12, "layer": 20, "parameter": 21}

Kind = Literal["float", "int", "string", "identifier"]


@dataclass(frozen=True)
class Variable:
    """One variable of the canonical dataset.

    Attributes
    ----------
    name, dims, units, long_name
        As they stand in the file.
    lower, upper
        Physical bounds, inclusive; None where there is none.
    kind
        "float", "int", "string", or "identifier" (integers or strings, unique).
    required
        Whether a file without it is refused.
    missing
        Whether NaN is allowed (cells whose covariates nobody knows).
    standard_name
        CF standard name, or "".
    """

    name: str
    dims: tuple[str, ...]
    units: str
    long_name: str
    lower: float | None = None
    upper: float | None = None
    kind: Kind = "float"
    required: bool = True
    missing: bool = False
    standard_name: str = ""


_SITE = ("site",)
_OBS = ("obs",)
_CELL = ("cell",)
_COVARIATE = ("covariate",)
_MONTHLY = ("cell", "month")
_PROFILE = ("cell", "layer", "month")
_LEFT_OUT = ("left_out",)

# Upper bounds are those of matter and of the model's column, not of any dataset: carbon is no
# denser than graphite (2.26e6 g m-3), CLM5's soil column ends at 42 m, and scalars are fractions.
_GRAPHITE = 2.26e6
_COLUMN = 50.0

VARIABLES: tuple[Variable, ...] = (
    # sites: measured soil profiles
    Variable("lon", _SITE, "degrees_east", "longitude", -180, 180, standard_name="longitude"),
    Variable("lat", _SITE, "degrees_north", "latitude", -90, 90, standard_name="latitude"),
    Variable("profile_id", _SITE, "1", "soil profile", kind="identifier"),
    Variable("site_cell", _SITE, "1", "index (from 0) of the site's cell", 0, kind="int"),
    Variable("state", _SITE, "1", "US state", kind="string"),
    Variable("biome", _SITE, "1", "ecoregion, level I", kind="string"),
    Variable("obs_count", _SITE, "1", "number of observations of the site", 0, kind="int"),
    Variable("covariates", ("site", "covariate"), "1", "covariates of the site, raw values"),
    # observations: contiguous ragged, site after site
    Variable("obs_depth", _OBS, "m", "depth of the observation", 0, _COLUMN, standard_name="depth"),
    Variable("obs_soc", _OBS, "gC m-3", "observed soil organic carbon", 0, _GRAPHITE),
    # cells: the forcing that sites share
    Variable("cell_lon", _CELL, "degrees_east", "longitude of the cell", -180, 180),
    Variable("cell_lat", _CELL, "degrees_north", "latitude of the cell", -90, 90),
    Variable("cell_biome", _CELL, "1", "ecoregion of the cell, level I", kind="string"),
    Variable(
        "cell_covariates",
        ("cell", "covariate"),
        "1",
        "covariates of the cell, raw values; missing where unknown",
        missing=True,
    ),
    Variable("cwd", _MONTHLY, "gC m-2 month-1", "carbon input to coarse woody debris", 0, 5000),
    Variable("litter1", _MONTHLY, "gC m-2 month-1", "carbon input to metabolic litter", 0, 5000),
    Variable("litter2", _MONTHLY, "gC m-2 month-1", "carbon input to cellulose litter", 0, 5000),
    Variable("litter3", _MONTHLY, "gC m-2 month-1", "carbon input to lignin litter", 0, 5000),
    Variable("altmax", _MONTHLY, "m", "maximum active layer thickness", 0, _COLUMN),
    Variable(
        "altmax_lastyear",
        _MONTHLY,
        "m",
        "maximum active layer thickness of the year before",
        0,
        _COLUMN,
    ),
    Variable("nbedrock", _CELL, "1", "deepest soil layer, counted from 1", 1, 20, kind="int"),
    Variable("oxygen", _PROFILE, "1", "oxygen scalar of decomposition", 0, 1),
    Variable("nitrogen", _PROFILE, "1", "nitrogen scalar of litter decomposition", 0, 1),
    Variable("water", _PROFILE, "1", "water scalar of decomposition", 0, 1),
    Variable("temperature", _PROFILE, "K", "soil temperature", 180, 350),
    Variable("sand", ("cell", "layer"), "percent", "sand content of the soil", 0, 100),
    # covariates: what each column is
    Variable("covariate", _COVARIATE, "1", "name of the covariate", kind="identifier"),
    Variable("covariate_unit", _COVARIATE, "1", "unit of the covariate", kind="string"),
    Variable("covariate_kind", _COVARIATE, "1", "numeric or category", kind="string"),
    Variable(
        "covariate_provenance",
        _COVARIATE,
        "1",
        "real, derived, schematic or synthetic, where the table of covariates is mixed",
        kind="string",
        required=False,
    ),
    Variable(
        "covariate_min", _COVARIATE, "1", "smallest value on the authors' grid", required=False
    ),
    Variable(
        "covariate_max", _COVARIATE, "1", "largest value on the authors' grid", required=False
    ),
    # where rows came from, and which stayed behind
    Variable("source_row", _SITE, "1", "row of the source, from 1", 1, kind="int", required=False),
    Variable("left_out_table", _LEFT_OUT, "1", "table left out of", kind="string", required=False),
    Variable(
        "left_out_row", _LEFT_OUT, "1", "row of the source, from 1", 1, kind="int", required=False
    ),
    Variable("left_out_id", _LEFT_OUT, "1", "profile or grid point", kind="string", required=False),
    Variable("left_out_reason", _LEFT_OUT, "1", "why", kind="string", required=False),
    Variable("left_out_detail", _LEFT_OUT, "1", "which values", kind="string", required=False),
    # parameters known beforehand, for recovery experiments and comparisons
    Variable(
        "true_parameters",
        ("cell", "parameter"),
        "1",
        "parameters behind simulated observations; unit by parameter",
        required=False,
    ),
    Variable(
        "proda_parameters",
        ("cell", "parameter"),
        "1",
        "parameters estimated by PRODA; unit by parameter",
        required=False,
        missing=True,
    ),
    Variable(
        "true_parameters_site",
        ("site", "parameter"),
        "1",
        "parameters behind simulated observations; unit by parameter",
        required=False,
    ),
    Variable(
        "proda_parameters_site",
        ("site", "parameter"),
        "1",
        "parameters estimated by PRODA; unit by parameter",
        required=False,
        missing=True,
    ),
)

_BY_NAME = {entry.name: entry for entry in VARIABLES}


def variable(name: str) -> Variable:
    """The entry of one variable.

    Raises
    ------
    KeyError
        When the canonical dataset has no such variable.
    """
    return _BY_NAME[name]
