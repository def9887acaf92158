"""The true parameter fields behind the simulated observations (synthetic).

Each normalised parameter is a logistic function of a score: a level, what climate, soil and cover
explain, and what nothing explains (noise that is correlated over regions and landscapes, and of
each point its own). The unexplained part is why no network can recover the parameters exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from binn.datasets.demo.environment import Environment
from binn.datasets.demo.noise import correlated, generator
from binn.parameters import KEYS, PARAMETERS, to_physical

__all__ = ["NUGGET", "RULES", "Rule", "predictors", "true_parameters"]

Array = NDArray[np.float64]

_REGION, _LANDSCAPE = 300.0, 50.0  # km
_SHARES = (0.75, 0.55, 0.37)  # of region, landscape and point in the noise; squares add up to 1
NUGGET = _SHARES[2] ** 2
"""Share of the unexplained variance that no neighbour tells anything about."""


@dataclass(frozen=True)
class Rule:
    """One parameter: logit(u) = level + sum of slopes x predictors + noise x random field."""

    level: float
    slopes: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.35


def predictors(at: Environment, soil: Mapping[str, Array], npp: Array) -> dict[str, Array]:
    """What the scores are made of (point,): each about -1 to 1, by fixed transformations.

    Parameters
    ----------
    at : Environment
    soil : mapping
        Of `binn.datasets.demo.soil.properties`.
    npp : ndarray (point,)
        gC m-2 yr-1.
    """
    return {
        "warm": np.tanh((at.temperature.mean(1) - 11.5) / 8),
        "wet": np.tanh(np.log(at.humidity / 0.7)),
        "clay": np.tanh((soil["Clay_Content_30cm"] - 21) / 12),
        "acid": np.tanh((68 - soil["pH_Water_30cm"]) / 8),
        "wood": 2 * at.woody - 1,
        "green": np.tanh((npp - 390) / 200),
        "swing": np.tanh((at.temperature.std(1) - 9) / 2),
        "steep": np.tanh(np.log(at.relief / 55 + 0.05) / 1.5),
    }


RULES: dict[str, Rule] = {
    "diffus": Rule(-1.3, {"warm": 0.4, "wet": 0.5, "acid": -0.6, "clay": -0.3}, 0.4),
    "cryo": Rule(-0.5, {"warm": -0.4}),
    "q10": Rule(-0.5, {"warm": -0.45, "swing": 0.3, "wood": 0.15}, 0.3),
    "efolding": Rule(0.9, {"clay": -0.45, "wet": -0.3, "acid": 0.3, "steep": 0.3}, 0.5),
    "tau4cwd": Rule(0.0, {"warm": -0.4, "wood": 0.3}),
    "tau4l1": Rule(0.0, {"wood": 0.3, "acid": 0.2}),
    "tau4l2": Rule(0.1, {"wood": 0.4, "warm": -0.2}),
    "tau4s1": Rule(-0.9, {"clay": 0.3, "warm": -0.2}),
    "tau4s2": Rule(-0.2, {"wood": 0.3, "clay": 0.2, "warm": -0.3}),
    "tau4s3": Rule(0.35, {"clay": 0.5, "warm": -0.35, "acid": -0.3, "swing": 0.2}, 0.5),
    "fl1s1": Rule(0.0, {"acid": -0.3, "clay": 0.2}),
    "fl2s1": Rule(0.1, {"acid": -0.2, "green": 0.2}),
    "fl3s2": Rule(0.1, {"clay": 0.2, "wood": -0.2}, 0.3),
    "fs1s2": Rule(0.1, {"clay": 0.2, "warm": -0.1}, 0.3),
    "fs1s3": Rule(-0.2, {"clay": 0.35, "warm": -0.2, "wet": -0.1}, 0.5),
    "fs2s1": Rule(0.0, {"green": 0.3, "acid": -0.2}, 0.3),
    "fs2s3": Rule(-0.6, {"clay": 0.3, "wood": -0.2}, 0.35),
    "fs3s1": Rule(0.0, {"clay": -0.2, "warm": 0.2}, 0.3),
    "fcwdl2": Rule(0.0, {"wood": -0.4}),
    "w_scaling": Rule(-1.0, {"wet": 0.6, "clay": -0.25, "warm": -0.15}, 0.4),
    "beta": Rule(1.0, {"wet": -0.5, "wood": 0.3, "warm": 0.2, "steep": -0.2}, 0.3),
}


def true_parameters(at: Environment, soil: Mapping[str, Array], npp: Array, rows: str) -> Array:
    """True parameters (point, 21), physical units, inside the prior ranges.

    Parameters
    ----------
    at, soil, npp
        As for `predictors`.
    rows : str
        What the points are ("site", "cell"): each kind has its own point-by-point noise.
    """
    known = predictors(at, soil, npp)
    u = np.empty((len(npp), len(PARAMETERS)))
    for number, key in enumerate(KEYS):
        rule = RULES[key]
        score = np.full(len(npp), rule.level)
        for name, slope in rule.slopes.items():
            score += slope * known[name]
        region, landscape, point = _SHARES
        unexplained = region * correlated(f"true {key}", at.lon, at.lat, _REGION)
        unexplained += landscape * correlated(f"true {key}", at.lon, at.lat, _LANDSCAPE)
        if rows == "site":  # a cell stands for its middle ground
            unexplained += point * generator(f"true {key} at sites").normal(size=len(npp))
        u[:, number] = 1 / (1 + np.exp(-(score + rule.noise * unexplained)))
    return to_physical(u)
