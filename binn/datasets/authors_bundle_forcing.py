"""Forcing from the authors' CESM2 run: the grid cells that are asked for, and only these.

A field is stored by month, layer, longitude and latitude (MATLAB 7.3, seen from HDF5) or the other
way round. Only the rectangle around the cells is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import THICKNESS
from binn.datasets.authors_bundle_files import BundleFiles
from binn.datasets.authors_bundle_layout import FIELDS, GRID_SHAPE, LITTER
from binn.datasets.number_files import Array, Stored
from binn.datasets.schema import FIXED_SIZES, variable
from binn.errors import InputError

__all__ = ["read_forcing"]

_MONTHS, _LAYERS = FIXED_SIZES["month"], FIXED_SIZES["layer"]
_LAYERED = (*LITTER, "oxygen", "nitrogen", "water", "temperature", "sand")
#: rounding beyond a bound that is put back on it: fields were averaged in single precision
_ROUNDING = 1e-4


def read_forcing(
    files: BundleFiles, row: NDArray[np.intp], column: NDArray[np.intp]
) -> tuple[dict[str, Array], NDArray[np.str_]]:
    """Forcing of some cells of the CESM2 grid.

    Parameters
    ----------
    files : BundleFiles
        Where from.
    row, column : ndarray of int
        (cell,) place on the grid, from the north and from the date line, from 0.

    Returns
    -------
    forcing : dict of str to ndarray
        By canonical name, shapes and units of the schema.
    fault : ndarray of str
        (cell,) why a cell cannot be used, "" where it can.

    Raises
    ------
    InputError
        When a file is missing or damaged or holds another grid.
    """
    forcing: dict[str, Array] = {}
    faults: list[list[str]] = [[] for _ in row]
    for name, source in FIELDS.items():
        path = files.path(source)
        with files.array(path, source.variable) as stored:
            values = _cells(stored, path, name in _LAYERED, row, column)
        values = _canonical(name, values)
        missing, strange = _wrong(name, values)
        forcing[name] = values
        for cell in np.flatnonzero(missing):
            faults[cell].append(f"missing forcing: {name}")
        for cell in np.flatnonzero(strange):
            faults[cell].append(f"unphysical forcing: {name}")
    return forcing, np.array([_said(entries) for entries in faults])


def _said(entries: list[str]) -> str:
    """Reason and names: "missing forcing: cwd, sand"; gaps come before oddities."""
    for reason in ("missing forcing", "unphysical forcing"):
        names = [entry.removeprefix(f"{reason}: ") for entry in entries if entry.startswith(reason)]
        if names:
            return f"{reason}: {', '.join(names)}"
    return ""


def _cells(
    stored: Stored, path: Path, layered: bool, row: NDArray[np.intp], column: NDArray[np.intp]
) -> Array:
    """Values of cells (cell, [layer,] month) of a field, whichever way round it is stored."""
    rows, columns = slice(row.min(), row.max() + 1), slice(column.min(), column.max() + 1)
    inner = (slice(0, _LAYERS),) if layered else ()
    shape, dims = stored.shape, 4 if layered else 3
    if len(shape) == dims and _is_grid(shape, layered):
        box = stored[(rows, columns, *inner, slice(None))]
    elif len(shape) == dims and _is_grid(shape[::-1], layered):
        box = stored[(slice(None), *inner, columns, rows)].T
    else:
        layer = "layer, " if layered else ""
        raise InputError(
            f"{path} is of another grid: its array has shape {shape} instead of ({_MONTHS}, "
            f"{layer}{GRID_SHAPE[1]}, {GRID_SHAPE[0]}) or that reversed"
        )
    # in one order whichever way round it came, so that sums come out the same to the last bit
    return np.ascontiguousarray(box[row - rows.start, column - columns.start])


def _is_grid(shape: tuple[int, ...], layered: bool) -> bool:
    """Whether a shape is (latitude, longitude, [at least 20 layers,] month)."""
    deep = not layered or shape[2] >= _LAYERS
    return shape[:2] == GRID_SHAPE and shape[-1] == _MONTHS and deep


def _canonical(name: str, values: Array) -> Array:
    """A field in the shape and unit of the schema."""
    if name in LITTER:
        values = np.einsum("clm,l->cm", values, THICKNESS)
    elif name == "sand":
        values = values.mean(axis=2)
    elif name == "nbedrock":
        # a number of a layer has no seasons: months that differ give no whole mean
        values = values.mean(axis=1)
        whole = np.rint(values)
        values = np.where(np.abs(values - whole) < _ROUNDING, whole, values)
    entry = variable(name)
    low = -np.inf if entry.lower is None else entry.lower
    high = np.inf if entry.upper is None else entry.upper
    values = np.where((values < low) & (values > low - _ROUNDING), low, values)
    return np.where((values > high) & (values < high + _ROUNDING), high, values)


def _wrong(name: str, values: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells with missing and with unphysical values (cell,)."""
    entry = variable(name)
    flat = values.reshape(len(values), -1)
    strange = np.isinf(flat)
    if entry.lower is not None:
        strange |= flat < entry.lower
    if entry.upper is not None:
        strange |= flat > entry.upper
    if name == "nbedrock":
        strange |= np.isfinite(flat) & (flat != np.rint(flat))
    missing = np.isnan(flat)
    return np.logical_or.reduce(missing, axis=1), np.logical_or.reduce(strange, axis=1)
