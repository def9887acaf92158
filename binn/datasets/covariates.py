"""What the authors' environmental covariates are: unit, kind and physical bounds, as data.

Names are those of the authors' tables (Table S1 of the paper). Soil properties come at 0, 30 and
100 cm and share one entry. Units are those of the products behind them (WorldClim, SoilGrids).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AUTHORS_COVARIATES", "Covariate", "covariate"]


@dataclass(frozen=True)
class Covariate:
    """One covariate: unit, kind ("numeric" or "category") and inclusive physical bounds."""

    unit: str
    kind: Literal["numeric", "category"] = "numeric"
    lower: float | None = None
    upper: float | None = None


_CLASS = Covariate("class", "category", 0, 1000)
_TEMPERATURE = Covariate("degC", "numeric", -90, 70)
_RAIN = Covariate("mm", "numeric", 0, 20000)
_PERCENT = Covariate("percent", "numeric", 0, 100)

_COVARIATES: dict[str, Covariate] = {
    "ESA_Land_Cover": _CLASS,
    "Koppen_Climate_2018": _CLASS,
    "Texture_USDA": Covariate("class", "category", 1, 12),
    "USDA_Suborder": _CLASS,
    "WRB_Subgroup": _CLASS,
    "BIO2": Covariate("degC", "numeric", 0, 70),
    "BIO3": _PERCENT,
    "BIO4": Covariate("0.01 degC", "numeric", 0, 5000),
    "BIO7": Covariate("degC", "numeric", 0, 130),
    "BIO15": Covariate("percent", "numeric", 0, 400),
    "Bulk_Density": Covariate("kg m-3", "numeric", 0, 3000),
    "CEC": Covariate("cmol kg-1", "numeric", 0, 500),
    "Clay_Content": _PERCENT,
    "Coarse_Fragments_v": _PERCENT,
    "Sand_Content": _PERCENT,
    "Silt_Content": _PERCENT,
    "SWC_v_Wilting_Point": _PERCENT,
    "pH_Water": Covariate("pH*10", "numeric", 0, 140),
    "Elevation": Covariate("m", "numeric", -500, 9000),
    "nbedrock": Covariate("1", "numeric", 1, 25),
    "Abs_Depth_to_Bedrock": Covariate("cm", "numeric", 0),
    "Occurrence_R_Horizon": _PERCENT,
    "Garde_Acid": Covariate("1"),  # a grade, not among the authors' categories
    "cesm2_npp": Covariate("gC m-2 yr-1"),
    "cesm2_npp_std": Covariate("gC m-2 yr-1", "numeric", 0),
    "cesm2_vegc": Covariate("gC m-2", "numeric", 0),
}
_COVARIATES |= {f"BIO{k}": _TEMPERATURE for k in (1, 5, 6, 8, 9, 10, 11)}
_COVARIATES |= {f"BIO{k}": _RAIN for k in (12, 13, 14, 16, 17, 18, 19)}

_DEPTHS = ("_0cm", "_30cm", "_100cm")


def _three(*names: str) -> tuple[str, ...]:
    return tuple(name + depth for name in names for depth in _DEPTHS)


AUTHORS_COVARIATES: tuple[str, ...] = (
    *("Elevation", "Abs_Depth_to_Bedrock", "Occurrence_R_Horizon", "nbedrock"),
    "Koppen_Climate_2018",
    *(f"BIO{number}" for number in range(1, 20)),
    *("USDA_Suborder", "WRB_Subgroup"),
    *_three("Coarse_Fragments_v", "Clay_Content", "Silt_Content", "Texture_USDA"),
    *_three("Sand_Content", "Bulk_Density", "SWC_v_Wilting_Point", "pH_Water", "CEC"),
    *("Garde_Acid", "ESA_Land_Cover", "cesm2_npp", "cesm2_npp_std", "cesm2_vegc"),
)
"""The 58 covariates of the authors' networks in the order of their columns: Table S1 without
longitude and latitude."""


def covariate(name: str) -> Covariate:
    """What a covariate is; a name not in the table is a number without unit or bounds.

    Parameters
    ----------
    name : str
        Name of the column, with its depth ("Clay_Content_30cm").
    """
    for depth in _DEPTHS:
        name = name.removesuffix(depth)
    return _COVARIATES.get(name, Covariate("1"))
