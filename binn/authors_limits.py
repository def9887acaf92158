"""Limits of the authors' covariates (their `col_max_min`), which their networks are scaled with."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from binn.datasets.covariates import covariate
from binn.datasets.shipped import DEMO
from binn.datasets.storage import reading, stream_dataset
from binn.errors import InputError
from binn.inputs import InputEncoding, NumericInput

__all__ = ["Limits", "read_limits", "reads_scaled", "scaled_input"]

Limits = dict[str, tuple[float, float]]
"""Minimum and maximum of each numeric covariate, by name."""

_HDF5 = b"\x89HDF"


def read_limits(path: str | os.PathLike[str], names: Sequence[str]) -> Limits:
    """Minimum and maximum of numeric covariates.

    Parameters
    ----------
    path : path
        Text with one line "min, max" for each of `names` (comma or spaces; lines of ``#`` are
        passed over), or a canonical dataset that has ``covariate_min`` and ``covariate_max``.
    names : sequence of str
        The covariates, in the order of the lines. Lines of categories are not looked at.

    Returns
    -------
    dict of str to (float, float)
        In the unit of each covariate.

    Raises
    ------
    InputError
        If the file cannot be read, has another number of lines, lacks a covariate, or the limits
        of one are missing or the wrong way round.
    """
    path = Path(path)
    try:
        dataset = str(path) == DEMO or path.is_dir() or _begins_as_hdf5(path)
        found = _of_dataset(path) if dataset else _of_text(path, names)
    except OSError as error:
        raise InputError(f"the limits {path} cannot be read: {error.strerror}") from None
    limits: Limits = {}
    for name in names:
        if covariate(name).kind == "category":
            continue
        if name not in found:
            raise InputError(f"{path} has no limits of {name}, which the network reads")
        low, high = found[name]
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"{path}: the limits of {name} are missing ({low}, {high})")
        if low > high:
            raise InputError(
                f"{path}: the minimum of {name}, {low}, is above its maximum, {high}: lines must "
                "read min, max in the order of the network's covariates"
            )
        limits[name] = low, high
    return limits


def scaled_input(name: str, limits: Limits | None) -> NumericInput:
    """A number scaled by its limits and held inside them, as the authors do.

    Parameters
    ----------
    name : str
        The covariate.
    limits : dict, optional
        As `read_limits` gives them; without them it comes scaled to 0 to 1.
    """
    low, high = (0.0, 1.0) if limits is None else limits[name]
    if high == low:  # constant on their grid: tells nothing
        return NumericInput(name=name, source="covariate", offset=low, lower=0.0, upper=0.0)
    return NumericInput(
        name=name, source="covariate", offset=low, scale=high - low, lower=0.0, upper=1.0
    )


def reads_scaled(encoding: InputEncoding) -> bool:
    """Whether numeric covariates must come already scaled to 0 to 1: no limits were known.

    Parameters
    ----------
    encoding : InputEncoding
        What a network reads.
    """
    categories = {category.name for category in encoding.categorical}
    numbers = [
        entry
        for entry in encoding.numeric
        if entry.source == "covariate" and entry.name not in categories
    ]
    return bool(numbers) and all(entry == scaled_input(entry.name, None) for entry in numbers)


def _begins_as_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5


def _of_dataset(path: Path) -> Limits:
    """Limits of all covariates of a canonical dataset."""
    with stream_dataset(path) as ds, reading(path):
        if "covariate_min" not in ds or "covariate_max" not in ds:
            raise InputError(f"{path} has no covariate_min and covariate_max to scale with")
        held = [str(name) for name in ds["covariate"].to_numpy()]
        low, high = ds["covariate_min"].to_numpy(), ds["covariate_max"].to_numpy()
    return {name: (float(a), float(b)) for name, a, b in zip(held, low, high, strict=True)}


def _of_text(path: Path, names: Sequence[str]) -> Limits:
    """Limits of a text file, line by line in the order of `names`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is neither text nor a dataset: give lines of min, max (a .mat file of the "
            "authors has to be saved as CSV first)"
        ) from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            low, high = map(float, line.replace(",", " ").split())
        except ValueError:
            raise InputError(
                f"{path}, line {number}: expected two numbers, min and max, not "
                f"{line.strip()[:60]!r}"
            ) from None
        rows.append((low, high))
    if len(rows) != len(names):
        raise InputError(
            f"{path} has {len(rows)} lines of limits, the network reads {len(names)} covariates: "
            f"one line each, from {names[0]} to {names[-1]}"
        )
    return dict(zip(names, rows, strict=True))
