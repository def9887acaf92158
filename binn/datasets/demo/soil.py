"""Simulated soil properties (synthetic): rules of climate and relief plus correlated noise.

Nothing here was measured. Ranges are those of common soils; what ties soils to climate is textbook
knowledge (clay and acidity grow with weathering, stones and shallow rock with relief).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES
from binn.datasets.demo.environment import Environment
from binn.datasets.demo.noise import correlated
from binn.datasets.demo.soil_classes import suborder, texture_class, wrb_subgroup

__all__ = ["bedrock_layer", "properties", "rock_depth"]

Array = NDArray[np.float64]

_DEPTHS = (("_0cm", 0.0), ("_30cm", 0.3), ("_100cm", 1.0))
_SCALES = ((350.0, 0.65), (80.0, 0.55), (12.0, 0.53))  # km, weight; the squares add up to 1
_FIRST_LAYER = 8  # shallowest bedrock


def _noise(name: str, at: Environment) -> Array:
    """Unexplained variation of one property: regions, landscapes and fields."""
    return np.asarray(sum(weight * correlated(name, at.lon, at.lat, km) for km, weight in _SCALES))


def rock_depth(at: Environment) -> Array:
    """Depth to bedrock (point,), m."""
    steep = np.log1p(at.relief / 60.0)
    return np.asarray(np.exp(2.56 - 0.62 * steep + 0.55 * _noise("rock", at)))


def bedrock_layer(depth: Array) -> NDArray[np.int64]:
    """Deepest soil layer (point,), 8 to 20, counted from 1, of depths to bedrock (m)."""
    return np.clip(np.searchsorted(INTERFACES, depth, side="right"), _FIRST_LAYER, len(INTERFACES))


def properties(at: Environment) -> dict[str, Array]:
    """All soil covariates (point,), by the names and units of Table S1.

    Parameters
    ----------
    at : Environment
        n points.
    """
    wet = np.tanh(np.log(at.humidity / 0.65))  # -1 arid, 1 humid
    warm = np.tanh((at.temperature.mean(1) - 11) / 9)
    steep = np.log1p(at.relief / 60.0)
    weathered = 0.5 * (1 + wet) * (1 + warm)
    clay_field, sand_field = _noise("clay", at), _noise("sand", at)
    acid_field, dense_field = _noise("acidity", at), _noise("density", at)
    stone_field, charge_field = _noise("stones", at), _noise("charge", at)
    depth_to_rock = rock_depth(at)

    out: dict[str, Array] = {}
    for label, depth in _DEPTHS:
        # log-ratios to silt, so that the three always add up to 100 %
        down = depth / (0.4 + depth)  # clay is washed down where it rains
        clay_log = -0.6 + 0.25 * weathered + 0.45 * down * (0.6 + wet) + 0.48 * clay_field
        sand_log = 0.25 - 0.25 * wet + 0.12 * steep + 0.1 * down + 0.75 * sand_field
        whole = 1 + np.exp(clay_log) + np.exp(sand_log)
        clay, sand = 100 * np.exp(clay_log) / whole, 100 * np.exp(sand_log) / whole
        stones = 100 / (1 + np.exp(2.6 - 0.55 * steep - 0.8 * down - 0.6 * stone_field))
        density = 1290 + 2.0 * (sand - 40) - 60 * wet + 210 * down + 45 * dense_field
        ph = 6.7 - 1.3 * wet + 0.35 * down - 0.15 * warm + 0.35 * acid_field
        charge = 3 + (0.55 - 0.12 * weathered) * clay * np.exp(0.18 * charge_field) + 4 * (1 - down)
        out |= {
            f"Coarse_Fragments_v{label}": stones,
            f"Clay_Content{label}": clay,
            f"Silt_Content{label}": 100 - clay - sand,
            f"Texture_USDA{label}": texture_class(sand, clay).astype(float),
            f"Sand_Content{label}": sand,
            f"Bulk_Density{label}": np.clip(density, 850, 1750),
            f"SWC_v_Wilting_Point{label}": 3 + 0.42 * clay - 0.02 * sand + 0.8 * (1 - down),
            f"pH_Water{label}": np.clip(10 * ph, 38, 92),
            f"CEC{label}": np.clip(charge, 1, 70),
        }
    orders = suborder(at, out, depth_to_rock)
    out |= {
        "Abs_Depth_to_Bedrock": 100 * depth_to_rock,
        "Occurrence_R_Horizon": 100 / (1 + (depth_to_rock / 1.6) ** 2),
        "USDA_Suborder": orders.astype(float),
        "WRB_Subgroup": wrb_subgroup(orders, out).astype(float),
        "Garde_Acid": np.clip(np.rint((62 - out["pH_Water_30cm"]) / 5), 0, 4),
    }
    return out
