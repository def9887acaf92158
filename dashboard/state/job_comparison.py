"""Runs side by side: their curves, what they were asked, what they scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binn.runs import Run
from binn.training.run_folder import RunConfig
from dashboard.units import number

__all__ = ["SERIES", "Curve", "curves", "differences", "same_loss", "scores"]

Floats = NDArray[np.float64]

SERIES = {
    "train_loss": "loss, training sites",
    "validation_loss": "loss, validation sites",
    "train_nse": "NSE, training sites",
    "validation_nse": "NSE, validation sites",
}
"""What is drawn over the epochs."""

_SAYS_NOTHING = ("created", "data_fingerprint")
_LONG = 60


@dataclass(frozen=True, eq=False)
class Curve:
    """One member (of one fold) of one run over its epochs.

    Attributes
    ----------
    fold : int or None
    member : int
        From 0.
    epoch : ndarray (n,)
        From 1.
    series : dict of ndarray (n,)
        By key of `SERIES`; NaN where unknown.
    """

    fold: int | None
    member: int
    epoch: Floats
    series: dict[str, Floats]


def curves(rows: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """Rows of a run's metrics as one curve a member, in the order of training."""
    groups: dict[tuple[int | None, int], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row.get("epoch"), int):
            groups.setdefault((row.get("fold"), row.get("member", 0)), {})[row["epoch"]] = row
    found = []
    for (fold, member), by_epoch in groups.items():
        ordered = [by_epoch[epoch] for epoch in sorted(by_epoch)]
        series = {key: np.array([_value(row.get(key)) for row in ordered]) for key in SERIES}
        found.append(Curve(fold, member, np.array(sorted(by_epoch), dtype=float), series))
    return found


def differences(configs: Mapping[str, RunConfig]) -> list[tuple[str, ...]]:
    """Options in which runs differ.

    Parameters
    ----------
    configs : mapping
        By id of the run.

    Returns
    -------
    list of tuple
        Name of the option, then its value in each run.
    """
    flat = [_flat(config.model_dump(mode="json")) for config in configs.values()]
    names = dict.fromkeys(name for one in flat for name in one)
    found = []
    for name in names:
        values = [_written(one.get(name)) for one in flat]
        raw = [one.get(name) for one in flat]
        if any(value != raw[0] for value in raw[1:]):
            found.append((name.removeprefix("training."), *values))
    return found


def same_loss(configs: Mapping[str, RunConfig]) -> bool:
    """Whether the losses of all runs are the same function, so that they can be compared."""
    return len({config.training.loss for config in configs.values()}) <= 1


def scores(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """How runs did: name of a score, then its value in each run; scores nobody has are left out."""
    rows: list[tuple[str, list[float | None]]] = [
        ("NSE, validation sites, best epoch", [run.best_nse for run in runs]),
        ("NSE, validation sites, at the end", [run.scores.get("validation") for run in runs]),
        ("NSE, test sites", [run.scores.get("test") for run in runs]),
        ("NSE, held-out sites of all folds", [run.scores.get("held_out") for run in runs]),
    ]
    return [
        (name, *("" if value is None else number(value) for value in values))
        for name, values in rows
        if any(value is not None for value in values)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        elif f"{before}{key}" not in _SAYS_NOTHING:
            found[f"{before}{key}"] = value
    return found


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        words = ", ".join(map(str, value)) or "all"
        return words if len(words) <= _LONG else f"{len(value):,} values"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else np.nan
