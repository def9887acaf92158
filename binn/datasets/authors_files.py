"""Read the authors' text tables and arrays, with an error a person can act on.

Each file is hashed as it is read; the hashes go into the dataset.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError

__all__ = ["SourceFiles", "require_bounds", "table_fault"]

Array = NDArray[np.float64]


class SourceFiles:
    """The files of one import.

    Parameters
    ----------
    root : Path
        Folder the names below are relative to.
    progress : callable
        Is told the name of each file before it is read.

    Attributes
    ----------
    sha256 : dict of str to str
        Hash of every file read so far, by name.
    """

    def __init__(self, root: Path, progress: Callable[[str], None]) -> None:
        self.root = root
        self.progress = progress
        self.sha256: dict[str, str] = {}

    def table(self, name: str, columns: int | None = None) -> Array:
        """A comma-separated table of numbers, (row, column).

        Parameters
        ----------
        name : str
            File name relative to the root.
        columns : int, optional
            How many columns it must have.

        Raises
        ------
        InputError
            When the file is missing or empty, holds something that is no number, or has rows of
            another length.
        """
        text = self._read(name)
        if not text.strip():
            raise InputError(f"{self.root / name} is empty")
        try:
            plain = io.BytesIO(text.removeprefix(codecs.BOM_UTF8))
            values = np.loadtxt(plain, delimiter=",", ndmin=2, comments=None)
        except ValueError as error:
            raise InputError(f"{self.root / name} {table_fault(error)}") from error
        if columns is not None and values.shape[1] != columns:
            raise InputError(
                f"{self.root / name} has {values.shape[1]} columns instead of {columns}"
            )
        return values

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """A `.npy` array of numbers, (row, *shape).

        Raises
        ------
        InputError
            When the file is missing, cut short, no `.npy` file, of another shape, or holds
            pickled objects, which are never loaded.
        """
        content = self._read(name)
        path = self.root / name
        try:
            values = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            if "pickle" in str(error) and content.startswith(b"\x93NUMPY"):
                fault = "holds pickled objects, which are not loaded"
            elif content.startswith(b"\x93NUMPY"):
                fault = "is cut short; download it again"
            else:
                fault = "is not a .npy file"
            raise InputError(f"{path} {fault}") from error
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            raise InputError(f"{path} does not hold an array of numbers")
        if values.ndim != len(shape) + 1 or values.shape[1:] != shape:
            wanted = ", ".join(["row", *map(str, shape)])
            raise InputError(f"{path} has shape {values.shape} instead of ({wanted})")
        return np.ascontiguousarray(values, dtype=np.float64)

    def _read(self, name: str) -> bytes:
        self.progress(f"reading {name}")
        path = self.root / name
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise InputError(f"{path} is missing") from error
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if content.startswith(b"version https://git-lfs"):
            raise InputError(f"{path} only points to the data (Git LFS): run `git lfs pull` there")
        self.sha256[name] = hashlib.sha256(content).hexdigest()
        return content


def require_bounds(
    values: Array, lower: float | None, upper: float | None, what: str, unit: str
) -> None:
    """Refuse infinite values and values outside physical bounds; NaN may pass.

    Parameters
    ----------
    values : ndarray
        (row, ...).
    lower, upper : float or None
        Bounds, inclusive.
    what : str
        File and quantity, for the message.
    unit : str
        Unit of the bounds.

    Raises
    ------
    InputError
        Naming the first row (from 1), its value and how many rows are concerned.
    """
    low = -np.inf if lower is None else lower
    high = np.inf if upper is None else upper
    bad = np.isinf(values) | (values < low) | (values > high)
    if not bad.any():
        return
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    first = values[rows[0]][bad[rows[0]]].ravel()[0]
    more = f" and {rows.size - 1} more" if rows.size > 1 else ""
    suffix = "" if unit == "1" else f" {unit}"
    raise InputError(
        f"{what}: {first:g}{suffix} in row {rows[0] + 1}{more} is unphysical "
        f"(allowed: {low:g} to {high:g}{suffix})"
    )


def table_fault(error: ValueError) -> str:
    """What numpy says about a text table, in words; it counts rows from 0 or 1 by message."""
    message = str(error)
    if found := re.search(
        r"could not convert string '(.*)' to float64 at row (\d+), column (\d+)", message
    ):
        return (
            f"holds {found[1]!r}, which is no number, in row {int(found[2]) + 1}, column {found[3]}"
        )
    if found := re.search(r"number of columns changed from (\d+) to (\d+) at row (\d+)", message):
        return f"has {found[2]} columns in row {found[3]} instead of {found[1]}"
    return f"is not a table of numbers: {message.splitlines()[0]}"
