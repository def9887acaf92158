"""Covariates in words: what the names of the authors' tables (Table S1) stand for.

Bioclimatic variables are those of WorldClim, soil properties those of SoilGrids, whose units they
keep in data files; here they are written, and where that helps scaled, as people read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import xarray as xr

__all__ = ["Words", "class_names", "words_of"]


@dataclass(frozen=True)
class Words:
    """A covariate for people.

    Attributes
    ----------
    name, unit : str
    scale : float
        By which numbers of the data are multiplied to be in this unit.
    """

    name: str
    unit: str
    scale: float = 1.0


_DEPTHS = {"_0cm": ", surface", "_30cm": ", 30 cm", "_100cm": ", 100 cm"}
_UNITS = {
    "1": ("", 1.0),
    "class": ("", 1.0),
    "degC": ("°C", 1.0),
    "0.01 degC": ("°C", 0.01),
    "percent": ("%", 1.0),
    "pH*10": ("pH", 0.1),
    "cmol kg-1": ("cmol kg⁻¹", 1.0),
    "kg m-3": ("kg m⁻³", 1.0),
    "gC m-2": ("gC m⁻²", 1.0),
    "gC m-2 yr-1": ("gC m⁻² yr⁻¹", 1.0),
}
"""Units of data files as people write them, and what numbers are multiplied with."""
_NAMES = {
    "Elevation": "Elevation",
    "Abs_Depth_to_Bedrock": "Depth to bedrock",
    "Occurrence_R_Horizon": "Probability of bedrock within 2 m",
    "nbedrock": "Deepest soil layer of CLM5",
    "Koppen_Climate_2018": "Köppen–Geiger climate",
    "BIO1": "Annual mean temperature",
    "BIO2": "Mean diurnal temperature range",
    "BIO3": "Isothermality (BIO2 / BIO7)",
    "BIO4": "Temperature seasonality (SD of months)",
    "BIO5": "Maximum temperature of the warmest month",
    "BIO6": "Minimum temperature of the coldest month",
    "BIO7": "Annual temperature range",
    "BIO8": "Mean temperature of the wettest quarter",
    "BIO9": "Mean temperature of the driest quarter",
    "BIO10": "Mean temperature of the warmest quarter",
    "BIO11": "Mean temperature of the coldest quarter",
    "BIO12": "Annual precipitation",
    "BIO13": "Precipitation of the wettest month",
    "BIO14": "Precipitation of the driest month",
    "BIO15": "Precipitation seasonality (CV of months)",
    "BIO16": "Precipitation of the wettest quarter",
    "BIO17": "Precipitation of the driest quarter",
    "BIO18": "Precipitation of the warmest quarter",
    "BIO19": "Precipitation of the coldest quarter",
    "USDA_Suborder": "Soil suborder (USDA)",
    "WRB_Subgroup": "Soil group (WRB)",
    "Coarse_Fragments_v": "Coarse fragments by volume",
    "Clay_Content": "Clay",
    "Silt_Content": "Silt",
    "Sand_Content": "Sand",
    "Texture_USDA": "Texture class (USDA)",
    "Bulk_Density": "Bulk density",
    "SWC_v_Wilting_Point": "Water content at the wilting point",
    "pH_Water": "Soil pH in water",
    "CEC": "Cation exchange capacity",
    "Garde_Acid": "Grade of subsoil acidity",
    "ESA_Land_Cover": "Land cover (ESA CCI)",
    "cesm2_npp": "Net primary production (CESM2)",
    "cesm2_npp_std": "Net primary production, SD over years (CESM2)",
    "cesm2_vegc": "Vegetation carbon (CESM2)",
}


def words_of(name: str, unit: str) -> Words:
    """A covariate in words; one that is not in the table keeps its name and unit.

    Parameters
    ----------
    name, unit : str
        As the dataset has them.
    """
    stem, depth = name, ""
    for end, words in _DEPTHS.items():
        if name.endswith(end):
            stem, depth = name.removesuffix(end), words
    shown, scale = _UNITS.get(unit, (unit, 1.0))
    known = _NAMES.get(stem)
    return Words(f"{known}{depth}" if known else name, shown, scale)


def class_names(dataset: xr.Dataset) -> dict[str, dict[int, str]]:
    """What the numbers of categories mean, by covariate, where the dataset says so."""
    try:
        codes = json.loads(dataset["covariate"].attrs["codes"])
        return {
            str(name): {int(code): str(words) for code, words in classes.items()}
            for name, classes in codes.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
