"""CLM5 forcing in the authors' New York layout: read, checked, merged into cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_files import Array, SourceFiles, require_bounds
from binn.datasets.authors_layout import MONTHLY, PROFILES
from binn.datasets.schema import FIXED_SIZES, variable
from binn.errors import InputError

__all__ = ["RawForcing", "distinct_rows", "read_forcing"]

_MONTHS = FIXED_SIZES["month"]
_LAYERS = FIXED_SIZES["layer"]


@dataclass(frozen=True)
class RawForcing:
    """Forcing of one folder, row by row, missing values still in it.

    Attributes
    ----------
    values
        By canonical name: monthly (row, 12), profiles (row, 20, 12), sand (row, 20),
        nbedrock (row,).
    """

    values: dict[str, Array]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values["nbedrock"])

    def missing(self) -> NDArray[np.str_]:
        """Names of the missing variables of each row (row,), "" where all are there."""
        names = list(self.values)
        gaps = np.stack(
            [np.isnan(array.reshape(self.rows, -1)).any(axis=1) for array in self.values.values()],
            axis=1,
        )
        return np.array([", ".join(names[i] for i in np.flatnonzero(row)) for row in gaps])

    def flat(self) -> Array:
        """All values of a row side by side (row, value)."""
        return np.concatenate(
            [array.reshape(self.rows, -1) for array in self.values.values()], axis=1
        )


def read_forcing(files: SourceFiles, folder: str, prefix: str, rows: int) -> RawForcing:
    """Read the twelve forcing files of a folder and hold them against physical bounds.

    Parameters
    ----------
    files : SourceFiles
        Where from.
    folder, prefix : str
        Folder and start of the file names ("model_force_" or "model_force_pred_").
    rows : int
        How many rows each must have.

    Raises
    ------
    InputError
        When a file cannot be read, has another number of rows, holds unphysical values, or when
        bedrock or sand change from month to month.
    """
    values: dict[str, Array] = {}
    for name, ending in (MONTHLY | PROFILES).items():
        if name in MONTHLY:
            file = f"{folder}/{prefix}{ending}.txt"
            array = files.table(file, _MONTHS)
        else:
            file = f"{folder}/{prefix}{ending}.npy"
            array = files.array(file, (_LAYERS, _MONTHS))
        path = files.root / file
        if len(array) != rows:
            raise InputError(f"{path} has {len(array)} rows, the folder's first table has {rows}")
        entry = variable(name)
        require_bounds(array, entry.lower, entry.upper, f"{path} ({entry.long_name})", entry.units)
        if name in ("nbedrock", "sand"):
            array = _constant(array, f"{path} ({entry.long_name})")
        values[name] = array
    fraction = values["nbedrock"] % 1
    if (broken := np.flatnonzero(np.nan_to_num(fraction))).size:
        raise InputError(
            f"{files.root / folder}/{prefix}{MONTHLY['nbedrock']}.txt: row {broken[0] + 1} is no "
            "whole layer number"
        )
    return RawForcing(values)


def distinct_rows(flat: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Group rows that are the same bit for bit.

    Parameters
    ----------
    flat : ndarray
        (row, value).

    Returns
    -------
    first : ndarray
        (group,) first row of each group, ascending.
    group : ndarray
        (row,) the group of each row.
    """
    raw = np.ascontiguousarray(flat)
    keys = raw.view(np.dtype((np.void, raw.dtype.itemsize * raw.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return first[order], rank[inverse]


def _constant(array: Array, what: str) -> Array:
    """Drop the month of a quantity that has no seasons."""
    first = array[..., :1]
    same = (array == first) | (np.isnan(array) & np.isnan(first))
    if not same.all():
        rows = np.flatnonzero(~same.reshape(len(array), -1).all(axis=1))
        raise InputError(
            f"{what}: {rows.size} rows change from month to month (first: row {rows[0] + 1})"
        )
    return np.ascontiguousarray(first[..., 0])
