"""Files of experiments: cross-validation, training history, results by parameter, settings.

Each reader returns None for a file that is damaged or of another kind, so that nothing is shown as
something it may not be.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binn.parameters import KEYS
from dashboard.units import number

__all__ = [
    "ByParameter",
    "Folds",
    "History",
    "Methods",
    "Settings",
    "read_folds",
    "read_history",
    "read_json",
    "read_methods",
    "read_parameters",
    "read_settings",
]

_MEASURED = {
    "recovery": ("Recovery of known parameters", "Pearson r of retrieved and true parameter"),
    "sensitivity": (
        "Sensitivity of SOC to the parameters",
        "Sensitivity index (share of the variance of SOC)",
    ),
}
"""Experiments with a number a parameter, by how their file's name begins: title and measure."""
_METHODS = "Methods compared on the same folds"
_SHORT = {"nse": "NSE", "r": "r", "rmse": "RMSE", "bias": "bias"}
_SCORES = ("nse", "r", "rmse", "bias", "n")
_LARGEST = 4_000_000
"""Bytes; a larger file is no experiment result."""


@dataclass(frozen=True)
class Folds:
    """Cross-validation: scores of each fold's test sites by the model that never saw them.

    Attributes
    ----------
    name : str
    each : list of dict
        ``fold``, ``sites`` and the scores (gC m-3) of each fold.
    pooled : dict
        Scores over all held-out observations.
    """

    name: str
    each: list[dict[str, Any]]
    pooled: dict[str, Any]


@dataclass(frozen=True)
class History:
    """A training, epoch by epoch.

    Attributes
    ----------
    name : str
    rows : list of dict
        ``member, epoch, train_loss, train_nse, validation_loss, validation_nse`` as in
        ``history.jsonl``; of older trainings without ``train_nse``.
    """

    name: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Methods:
    """A comparison of methods on the same folds (``binn experiment cross-validation``).

    Attributes
    ----------
    file, title : str
        Name of the file, and what it is for people.
    scores : dict of str to dict
        By method: the pooled scores (gC m-3), and ``nse_mean`` and ``nse_sd`` of the folds.
    gaps : dict of str to dict
        By other method: ``nse``, how far BINN is ahead, and ``low`` and ``high``, its 95 % range.
    """

    file: str
    title: str
    scores: dict[str, dict[str, float]]
    gaps: dict[str, dict[str, float]]


@dataclass(frozen=True)
class ByParameter:
    """An experiment that gives each parameter a number.

    Attributes
    ----------
    file, title, measure : str
        Name of the file, what it is for people, and what the numbers are.
    series : dict of str to dict
        By test, then by parameter; None where a parameter has no number.
    notes : dict of str to str
        What else is known about a test.
    """

    file: str
    title: str
    measure: str
    series: dict[str, dict[str, float | None]]
    notes: dict[str, str]


@dataclass(frozen=True)
class Settings:
    """Settings of a training, as pairs of name and value."""

    file: str
    pairs: list[tuple[str, str]]


def read_folds(file: Path, name: str) -> Folds | None:
    """The ``metrics.json`` of a cross-validation; None if it is not one."""
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("folds"), list):
        return None
    each = [one for one in content["folds"] if isinstance(one, dict) and _has_scores(one)]
    if not each or len(each) < len(content["folds"]) or not _has_scores(content):
        return None
    rows = [
        {**{key: one[key] for key in _SCORES}, "fold": one.get("fold"), "sites": one.get("sites")}
        for one in each
    ]
    return Folds(name, rows, {key: content[key] for key in _SCORES})


def _has_scores(content: Mapping[str, Any]) -> bool:
    return all(_is_number(content.get(key)) for key in _SCORES)


def read_history(file: Path, name: str) -> History | None:
    """A ``history.jsonl``; None without a usable line."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # a line that was being written
            continue
        if isinstance(row, dict) and isinstance(row.get("epoch"), int):
            rows.append(row)
    return History(name, rows) if rows else None


def read_methods(name: str, content: object) -> Methods | None:
    """A comparison of methods; None if the file's name or content is another."""
    if not name.startswith("cross") or not isinstance(content, dict):
        return None
    scores, gaps = content.get("scores"), content.get("gaps")
    if not isinstance(scores, dict) or not scores or not isinstance(gaps, dict):
        return None
    needed = ((scores, (*_SCORES, "nse_mean", "nse_sd")), (gaps, ("nse", "low", "high")))
    for table, keys in needed:
        for one in table.values():
            if not isinstance(one, dict) or not all(_is_number(one.get(key)) for key in keys):
                return None
    return Methods(name, _titled(_METHODS, name, "cross-validation", "cross"), scores, gaps)


def read_parameters(name: str, content: object) -> ByParameter | None:
    """An experiment with a number a parameter; None if the file's name or content is another.

    Parameters
    ----------
    name : str
        Of the file; it must begin with ``recovery`` or ``sensitivity``.
    content : object
        JSON: parameters and numbers; or tests by name, each such a set, or one such set among
        other numbers.
    """
    kind = next((start for start in _MEASURED if name.startswith(start)), None)
    if kind is None or not isinstance(content, dict):
        return None
    if _numbers(content) is not None:
        content = {"": content}
    series: dict[str, dict[str, float | None]] = {}
    notes: dict[str, str] = {}
    for test, value in content.items():
        numbers = _numbers(value)
        rest: dict[str, Any] = {}
        if numbers is None and isinstance(value, dict):
            inside = {key: _numbers(one) for key, one in value.items()}
            sets = {key: one for key, one in inside.items() if one is not None}
            if len(sets) == 1:
                (key, numbers), *_ = sets.items()
                rest = {k: v for k, v in value.items() if k != key and _is_number(v)}
        if numbers is None:
            return None
        series[str(test)] = numbers
        notes[str(test)] = ", ".join(_said(key, value) for key, value in rest.items())
    title, measure = _MEASURED[kind]
    title = _titled(title, name, kind)
    return ByParameter(name, title, measure, series, notes) if series else None


def _titled(title: str, file: str, *kinds: str) -> str:
    """A title for people; with what else the file's name says, where there may be several."""
    rest = file.removesuffix(".json")
    for kind in kinds:
        if rest.startswith(kind):
            rest = rest.removeprefix(kind)
            break
    rest = rest.strip("-_ ")
    return f"{title} ({rest})" if rest else title


def _said(key: str, value: float) -> str:
    """A number of a test: a score by its name, a count before what is counted."""
    if key in _SHORT:
        unit = " kgC m⁻³" if key in ("rmse", "bias") else ""
        return f"{_SHORT[key]} {number(value * (1e-3 if unit else 1))}{unit}"
    name = key.replace("_", " ")
    return f"{value:,.0f} {name}" if float(value).is_integer() else f"{name} {number(value)}"


def _numbers(content: object) -> dict[str, float | None] | None:
    """Numbers by parameter, or None if it is anything else."""
    if not isinstance(content, dict) or not content or not set(content) <= set(KEYS):
        return None
    kinds = (int, float, type(None))
    if any(isinstance(v, bool) or not isinstance(v, kinds) for v in content.values()):
        return None
    return {
        key: None if value is None or not math.isfinite(value) else float(value)
        for key, value in content.items()
    }


def read_settings(name: str, content: object) -> Settings | None:
    """Settings of a training, checked by what a training accepts."""
    from pydantic import ValidationError

    from binn.training.config import TrainingConfig

    if not name.startswith("training"):
        return None
    try:
        config = TrainingConfig.model_validate(content)
    except ValidationError:
        return None
    return Settings(name, list(_flat(config.model_dump())))


def _flat(content: Mapping[str, Any], before: str = "") -> Any:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)


def read_json(file: Path) -> Any:
    """Content of a JSON file; None if it cannot be read as one."""
    try:
        if file.stat().st_size > _LARGEST:
            return None
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
