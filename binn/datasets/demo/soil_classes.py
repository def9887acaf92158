"""Classes of the simulated soils: USDA texture, USDA suborder, WRB group; by rules, not by maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from binn.datasets.demo.koppen import CLASSES
from binn.datasets.demo.landcover import GRASS

if TYPE_CHECKING:
    from binn.datasets.demo.environment import Environment

__all__ = ["SUBORDERS", "TEXTURES", "WRB_SUBGROUPS", "suborder", "texture_class", "wrb_subgroup"]

Array = NDArray[np.float64]
Classes = NDArray[np.int64]

TEXTURES: dict[int, str] = {
    1: "clay",
    2: "silty clay",
    3: "sandy clay",
    4: "clay loam",
    5: "silty clay loam",
    6: "sandy clay loam",
    7: "loam",
    8: "silt loam",
    9: "sandy loam",
    10: "silt",
    11: "loamy sand",
    12: "sand",
}
#: numbers are this demonstration's own
SUBORDERS: dict[int, str] = dict(
    enumerate(
        [
            "Saprists",
            "Orthods",
            "Cryods",
            "Aquolls",
            "Udolls",
            "Ustolls",
            "Xerolls",
            "Cryolls",
            "Uderts",
            "Usterts",
            "Udults",
            "Aquults",
            "Udalfs",
            "Ustalfs",
            "Xeralfs",
            "Cryalfs",
            "Argids",
            "Calcids",
            "Cambids",
            "Udepts",
            "Ustepts",
            "Xerepts",
            "Cryepts",
            "Psamments",
            "Orthents",
        ],
        start=1,
    )
)
_USDA = {name: code for code, name in SUBORDERS.items()}
_TO_WRB = {
    "Saprists": "Sapric Histosols",
    "Orthods": "Haplic Podzols",
    "Cryods": "Haplic Podzols",
    "Aquolls": "Mollic Gleysols",
    "Udolls": "Luvic Phaeozems",
    "Ustolls": "Haplic Kastanozems",
    "Xerolls": "Haplic Kastanozems",
    "Cryolls": "Haplic Phaeozems",
    "Uderts": "Haplic Vertisols",
    "Usterts": "Calcic Vertisols",
    "Udults": "Haplic Acrisols",
    "Aquults": "Gleyic Acrisols",
    "Udalfs": "Haplic Luvisols",
    "Ustalfs": "Calcic Luvisols",
    "Xeralfs": "Chromic Luvisols",
    "Cryalfs": "Albic Luvisols",
    "Argids": "Luvic Calcisols",
    "Calcids": "Haplic Calcisols",
    "Cambids": "Aridic Cambisols",
    "Udepts": "Dystric Cambisols",
    "Ustepts": "Eutric Cambisols",
    "Xerepts": "Eutric Cambisols",
    "Cryepts": "Dystric Cambisols",
    "Psamments": "Haplic Arenosols",
    "Orthents": "Eutric Regosols",
}
_LITHIC = "Lithic Leptosols"
WRB_SUBGROUPS: dict[int, str] = dict(
    enumerate([*dict.fromkeys([*_TO_WRB.values(), _LITHIC])], start=1)
)
_WRB = {name: code for code, name in WRB_SUBGROUPS.items()}


def texture_class(sand: Array, clay: Array) -> Classes:
    """USDA texture class (point,) of sand and clay, percent; codes of `TEXTURES`."""
    silt = 100 - sand - clay
    rules: list[tuple[int, NDArray[np.bool_]]] = [
        (12, silt + 1.5 * clay < 15),
        (11, silt + 2 * clay < 30),
        (3, (clay >= 35) & (sand >= 45)),
        (2, (clay >= 40) & (silt >= 40)),
        (1, (clay >= 40) & (sand < 45)),
        (5, (clay >= 27) & (sand < 20)),
        (4, (clay >= 27) & (sand < 45)),
        (6, (clay >= 20) & (silt < 28) & (sand >= 45)),
        (10, (silt >= 80) & (clay < 12)),
        (8, silt >= 50),
        (7, (clay >= 7) & (silt >= 28) & (sand < 52)),
    ]
    return np.select([where for _, where in rules], [code for code, _ in rules], 9)


def suborder(at: Environment, soil: Mapping[str, Array], depth_to_rock: Array) -> Classes:
    """USDA suborder (point,) from climate, cover, texture and relief; codes of `SUBORDERS`."""
    climate = np.array([CLASSES[int(code)] for code in at.koppen])
    first, second = climate.astype("<U1"), np.array([name[1] for name in climate])
    sand, clay, ph = soil["Sand_Content_30cm"], soil["Clay_Content_30cm"], soil["pH_Water_30cm"]
    grass = np.isin(at.esa, GRASS)
    flat, cold = at.relief < 12, at.temperature.mean(1) < 3.5
    dry_summer, arid, humid = second == "s", first == "B", at.humidity > 0.75
    desert = arid & (second == "W")
    rules: list[tuple[str, NDArray[np.bool_]]] = [
        ("Orthents", depth_to_rock < 1.1),
        ("Psamments", sand > 78),
        ("Saprists", flat & (at.humidity > 0.95) & (ph < 51)),
        ("Cryolls", cold & grass & humid),
        ("Cryods", cold & (sand > 50) & humid),
        ("Cryalfs", cold & (clay > 22)),
        ("Cryepts", cold),
        ("Usterts", (clay > 42) & ~humid),
        ("Uderts", clay > 42),
        ("Argids", arid & (clay > 24) & (desert | ~grass)),
        ("Calcids", desert & (ph > 79)),
        ("Cambids", desert),
        ("Xerolls", dry_summer & grass),
        ("Xeralfs", dry_summer & (clay > 24)),
        ("Xerepts", dry_summer),
        ("Ustolls", arid & grass),
        ("Ustalfs", arid & (clay > 20)),
        ("Ustepts", arid),
        ("Aquolls", (first == "D") & grass & flat & humid),
        ("Udolls", (first == "D") & grass),
        ("Orthods", (first == "D") & (sand > 48)),
        ("Udalfs", (first == "D") & (clay > 18)),
        ("Aquults", flat & (at.elevation < 60)),
        ("Ustalfs", grass & ~humid),
        ("Udults", (ph < 60) & (clay > 14)),
        ("Udalfs", clay > 18),
    ]
    names = [name for name, _ in rules]
    return np.select(
        [where for _, where in rules], [_USDA[name] for name in names], _USDA["Udepts"]
    )


def wrb_subgroup(suborders: Classes, soil: Mapping[str, Array]) -> Classes:
    """WRB subgroup (point,) that goes with a suborder; stony ones are Leptosols."""
    own = np.array([0, *(_WRB[_TO_WRB[name]] for name in SUBORDERS.values())])[suborders]
    stony = soil["Coarse_Fragments_v_30cm"] > 45
    return np.where(stony, _WRB[_LITHIC], own)
