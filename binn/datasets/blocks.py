"""Go through a variable a few rows at a time, whether it is in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import xarray as xr
from numpy.typing import NDArray

__all__ = ["BLOCK", "blocks"]

BLOCK = 16_000_000
"""Bytes to read at once from a dataset larger than memory."""
_OBJECT = 64  # bytes of a short Python string, about


def blocks(array: xr.DataArray, size: int | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Values of some rows (first dimension) after the other.

    Parameters
    ----------
    array : xarray.DataArray
        In memory or opened lazily, with one dimension or more.
    size : int, optional
        Bytes of a block, about; without it, all rows are one block.

    Yields
    ------
    start : int
        The first row of the block.
    values : ndarray (rows, ...)
        Its values.
    """
    rows = array.shape[0]
    if size is None or not rows:
        yield 0, _values(array)
        return
    each = _OBJECT if array.dtype.hasobject else array.dtype.itemsize
    step = max(1, size // (each * max(1, array.size // rows)))
    for start in range(0, rows, step):
        yield start, _values(array[start : start + step])


def _values(array: xr.DataArray) -> NDArray[Any]:
    """Values; numpy's variable-length strings, which few functions take, as objects."""
    values: NDArray[Any] = array.values
    return values.astype(object) if values.dtype.kind == "T" else values
