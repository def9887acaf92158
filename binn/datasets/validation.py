"""Hold a dataset against the table of :mod:`binn.datasets.schema` and say all that is wrong.

One error names every problem: variable, how many rows, the first of them, what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from binn.datasets.blocks import blocks
from binn.datasets.schema import (
    FILE_ATTRIBUTES,
    FIXED_SIZES,
    PROVENANCES,
    VARIABLES,
    Variable,
)
from binn.errors import InputError

__all__ = ["problems", "validate"]

_KINDS = {"float": "f", "int": "iu", "string": "UOST", "identifier": "iuUOST"}


def validate(ds: xr.Dataset, name: str = "the dataset", block: int | None = None) -> None:
    """Check dimensions, variables, units, provenance, missing values, bounds and indices.

    Parameters
    ----------
    ds : xarray.Dataset
        The dataset, in memory or opened lazily.
    name : str
        What to call it in the message, usually its path.
    block : int, optional
        Bytes to read at once, for a dataset larger than memory; whole variables otherwise.

    Raises
    ------
    InputError
        Naming everything that is wrong, in one sentence.
    """
    found = list(problems(ds, block))
    if found:
        raise InputError(f"{name} is not a usable BINN dataset: " + "; ".join(found))


def problems(ds: xr.Dataset, block: int | None = None) -> Iterator[str]:
    """Everything that keeps `ds` from being a canonical dataset, one phrase each."""
    yield from _structure(ds)
    sound = []
    for entry in VARIABLES:
        if entry.name in ds.variables:
            faults = list(_variable(ds, entry, block))
            yield from faults
            if not faults:
                sound.append(entry.name)
    yield from _indices(ds, sound, block)


def _structure(ds: xr.Dataset) -> Iterator[str]:
    """Missing attributes and variables, dimensions of the wrong size."""
    if absent := [key for key in FILE_ATTRIBUTES if key not in ds.attrs]:
        yield f"it lacks the {_plural('attribute', absent)}"
    required = [entry.name for entry in VARIABLES if entry.required]
    if absent := [key for key in required if key not in ds.variables]:
        yield f"it lacks the {_plural('variable', absent)}"
    for dim, size in FIXED_SIZES.items():
        if dim in ds.sizes and ds.sizes[dim] != size:
            yield f"dimension {dim} has {ds.sizes[dim]} entries instead of {size}"
    yield from (f"it has no {dim}" for dim in ("site", "cell") if ds.sizes.get(dim, 1) == 0)


def _variable(ds: xr.Dataset, entry: Variable, block: int | None) -> Iterator[str]:
    """What is wrong with one variable that is there."""
    array = ds[entry.name]
    if array.dims != entry.dims:
        shown = ", ".join(map(str, array.dims))
        yield f"{entry.name} has dimensions ({shown}) instead of ({', '.join(entry.dims)})"
        return
    if array.dtype.kind not in _KINDS[entry.kind]:
        yield f"{entry.name} holds {array.dtype} instead of {entry.kind} values"
        return
    if array.attrs.get("units") != entry.units:
        said = array.attrs.get("units", "no unit")
        yield f"{entry.name} has units {said!r} instead of {entry.units!r}"
    if array.attrs.get("provenance") not in PROVENANCES:
        said = array.attrs.get("provenance", "nothing")
        yield f"{entry.name} has provenance {said!r}, which is none of {', '.join(PROVENANCES)}"
    if entry.kind == "identifier":
        spare = array.size - np.unique(array.values).size
        if spare:
            yield f"{entry.name} is not unique ({spare} repeated)"
    if entry.kind in ("float", "int"):
        yield from _values(array, entry, block)


@dataclass
class _Tally:
    """Rows that hold a bad value: how many, and the first."""

    rows: int = 0
    first: int = 0

    def add(self, bad: np.ndarray, start: int) -> None:
        """Count the rows of a block that begins at row `start`."""
        if bad.any():
            rows = np.flatnonzero(bad.reshape(bad.shape[0], -1).any(axis=1))
            if not self.rows:
                self.first = start + int(rows[0])
            self.rows += rows.size

    def where(self, dim: object) -> str:
        number = f"{self.rows} {dim} row" + ("s" if self.rows > 1 else "")
        return f"in {number} (first: {dim} {self.first}, counted from 0)"


def _values(array: xr.DataArray, entry: Variable, block: int | None) -> Iterator[str]:
    """Missing, infinite or unphysical numbers, counted by row of the first dimension."""
    dim = entry.dims[0]
    missing, infinite, low, high = _Tally(), _Tally(), _Tally(), _Tally()
    for start, values in blocks(array, block):
        if entry.kind == "float":
            nan, inf = np.isnan(values), np.isinf(values)
            if not entry.missing:
                missing.add(nan, start)
            infinite.add(inf, start)
            values = np.where(nan | inf, _inside(entry), values)
        # one temporary at a time: forcing is the largest thing in the file
        if entry.lower is not None:
            low.add(values < entry.lower, start)
        if entry.upper is not None:
            high.add(values > entry.upper, start)
    if missing.rows:
        yield f"{entry.name} is missing (NaN) {missing.where(dim)}"
    if infinite.rows:
        yield f"{entry.name} is infinite {infinite.where(dim)}"
    unit = "" if entry.units == "1" else f" {entry.units}"
    if low.rows:
        yield f"{entry.name} is below {entry.lower:g}{unit} {low.where(dim)}"
    if high.rows:
        yield f"{entry.name} is above {entry.upper:g}{unit} {high.where(dim)}"


def _indices(ds: xr.Dataset, sound: list[str], block: int | None) -> Iterator[str]:
    """Whether the pointers between tables hold: obs_count, site_cell, categories."""
    if "obs_count" in sound and "obs" in ds.sizes:
        total = sum(int(values.sum()) for _, values in blocks(ds["obs_count"], block))
        if total != ds.sizes["obs"]:
            yield f"obs_count adds up to {total}, but there are {ds.sizes['obs']} observations"
    if "site_cell" in sound and "cell" in ds.sizes:
        outside = _Tally()
        for start, values in blocks(ds["site_cell"], block):
            outside.add(values >= ds.sizes["cell"], start)
        if outside.rows:
            yield f"site_cell points past the {ds.sizes['cell']} cells {outside.where('site')}"
    if "covariate_kind" in sound:
        kinds = ds["covariate_kind"].values.astype(object).astype(str)
        unknown = sorted(set(kinds) - {"numeric", "category"})
        if unknown:
            yield f"covariate_kind is '{unknown[0]}', which is neither 'numeric' nor 'category'"
        for name in ("covariates", "cell_covariates"):
            if name in sound and ds[name].sizes["covariate"] == kinds.size:
                broken = _Tally()
                for start, values in blocks(ds[name], block):
                    codes = values[:, kinds == "category"]
                    broken.add(np.isfinite(codes) & (codes != np.rint(codes)), start)
                if broken.rows:
                    place = broken.where(ds[name].dims[0])
                    yield f"{name} has a category that is no whole number {place}"


def _inside(entry: Variable) -> float:
    """A value inside the bounds, to stand for one already reported."""
    if entry.lower is not None:
        return entry.lower
    return entry.upper if entry.upper is not None else 0.0


def _plural(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
