"""The files of the paper's input folder: found, hashed, turned the right way round, read in parts.

MATLAB counts dimensions from the other end than HDF5 and NetCDF do, so the real files come
transposed. Which way round an array lies is told by its shape; where both fit, by its content.
"""

from __future__ import annotations

import contextlib
import filecmp
import fnmatch
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_bundle_layout import SOURCES, Source
from binn.datasets.authors_files import table_fault
from binn.datasets.number_files import Array, Stored, opened
from binn.errors import InputError

__all__ = ["BundleFiles", "Matrix"]

_ROWS = 50_000
_PIECE = 1 << 22
_SAMPLE = 1000
#: folders of a clone of the authors' repository that lead to the data
_BELOW = ("ENSEMBLE/INPUT_DATA", "INPUT_DATA", "")

Plausible = Callable[[Array], bool]


class Matrix:
    """A table of numbers, rows by columns, whichever way round it is stored.

    Attributes
    ----------
    rows, columns
        Its size.
    """

    def __init__(self, stored: Stored, transposed: bool, progress: Callable[[int], None]) -> None:
        self._stored = stored
        self._transposed = transposed
        self._progress = progress
        self.rows, self.columns = stored.shape[::-1] if transposed else stored.shape

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Rows in order, some at a time: the first row's number, and (row, column)."""
        for start in range(0, self.rows, _ROWS):
            if start:
                self._progress(start)
            stop = start + _ROWS
            if self._transposed:
                yield start, self._stored[:, start:stop].T
            else:
                yield start, self._stored[start:stop, :]

    def all(self) -> Array:
        """The whole table (row, column)."""
        return np.concatenate([np.empty((0, self.columns)), *(b for _, b in self.blocks())])


class BundleFiles:
    """The files of one import.

    Parameters
    ----------
    source : Path
        The folder, or a clone of the authors' repository that holds it.
    progress : callable
        Is told what is being read.

    Attributes
    ----------
    root : Path
        The folder.
    sha256 : dict of str to str
        Hash of every file read so far, by name relative to the root.

    Raises
    ------
    InputError
        When the folder does not exist.
    """

    def __init__(self, source: Path, progress: Callable[[str], None]) -> None:
        if not source.is_dir():
            raise InputError(
                f"there is no folder {source}: give the authors' input folder, ENSEMBLE/INPUT_DATA"
            )
        wanted = SOURCES["profiles"].patterns
        roots = [source / below for below in _BELOW]
        self.root = next((r for r in roots if any(_find(_files(r), wanted))), source)
        self.progress = progress
        self.sha256: dict[str, str] = {}
        self._paths = _files(self.root)

    def find(self, patterns: tuple[str, ...]) -> Path | None:
        """The one file whose name fits the first pattern that any name fits; None if none does.

        Raises
        ------
        InputError
            When several fit and are not copies of each other.
        """
        for pattern in patterns:
            found = list(_find(self._paths, (pattern,)))
            if any(not filecmp.cmp(found[0], other, shallow=False) for other in found[1:]):
                raise InputError(
                    f"{self.root} holds {len(found)} files of one kind, {self._name(found[0])} and "
                    f"{self._name(found[1])}: keep the one that is meant"
                )
            if found:
                return found[0]
        return None

    def has(self, key: str) -> bool:
        """Whether an entry of :data:`SOURCES` is there."""
        return self.find(SOURCES[key].patterns) is not None

    def path(self, source: Source) -> Path:
        """The file of a source.

        Raises
        ------
        InputError
            When it is missing.
        """
        found = self.find(source.patterns)
        if found is None:
            raise InputError(
                f"{self.root} lacks {source.about}: there is no file {source.patterns[0]} in it "
                "or below"
            )
        return found

    @contextlib.contextmanager
    def array(self, path: Path, variable: str) -> Iterator[Stored]:
        """Open one array of a file, as it is stored; hash the file."""
        name = self._name(path)
        self.progress(f"reading {name}")
        with opened(path, variable) as stored:
            yield stored
        self._hash(path)

    @contextlib.contextmanager
    def matrix(
        self,
        key: str,
        columns: int | None,
        rows: int | None = None,
        plausible: Plausible | None = None,
    ) -> Iterator[Matrix]:
        """Open a table of :data:`SOURCES`.

        Parameters
        ----------
        key : str
            Which.
        columns : int, optional
            How many columns it must have; None where any number will do.
        rows : int, optional
            How many rows it must have.
        plausible : callable, optional
            Whether some first rows look right: decides where both ways round fit the shape.

        Raises
        ------
        InputError
            When the file is missing or damaged or its array has another shape.
        """
        source = SOURCES[key]
        path = self.path(source)
        name = self._name(path)
        with self.array(path, source.variable) as stored:
            ways = [
                (shape, transposed)
                for transposed in (stored.reversed, not stored.reversed)
                if len(shape := stored.shape[::-1] if transposed else stored.shape) == 2
                and columns in (None, shape[1])
                and rows in (None, shape[0])
            ]
            if not ways:
                raise InputError(f"{path}: {_shape_fault(source.variable, stored, columns, rows)}")
            tables = [
                Matrix(stored, transposed, lambda row: self.progress(f"reading {name}: row {row}"))
                for _, transposed in ways
            ]
            if len(tables) > 1 and plausible:
                fitting = [table for table in tables if plausible(_first(table))]
                tables = fitting or tables
            if not tables[0].rows:
                raise InputError(f"{path}: {source.variable} has no rows")
            yield tables[0]

    def vector(self, key: str) -> Array:
        """All numbers of a source (number,), whatever its shape.

        Raises
        ------
        InputError
            When the file is missing or damaged.
        """
        source = SOURCES[key]
        with self.array(self.path(source), source.variable) as stored:
            return np.ravel(stored[...])

    def csv(self, path: Path, columns: int) -> Array:
        """A comma-separated table of numbers without a header (row, column).

        Raises
        ------
        InputError
            When it is empty, holds something that is no number, or has other columns.
        """
        self.progress(f"reading {self._name(path)}")
        self._hash(path)
        if not path.stat().st_size:
            raise InputError(f"{path} is empty: download it again")
        try:
            values = np.loadtxt(path, delimiter=",", ndmin=2, comments=None)
        except (ValueError, UnicodeDecodeError) as error:
            raise InputError(f"{path} {table_fault(ValueError(str(error)))}") from error
        if values.shape[1] != columns:
            raise InputError(f"{path} has {values.shape[1]} columns instead of {columns}")
        return values

    def numbered(self, pattern: str) -> dict[int, Path]:
        """Files by the number that stands for ``*`` in a pattern, in order of number.

        Raises
        ------
        InputError
            When a number has several files that are not copies of each other.
        """
        head, tail = pattern.split("*")
        numbers = {
            int(number)
            for path in _find(self._paths, (pattern,))
            if (number := path.name.removeprefix(head).removesuffix(tail)).isdecimal()
        }
        found = {number: self.find((f"{head}{number}{tail}",)) for number in sorted(numbers)}
        return {number: path for number, path in found.items() if path is not None}

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _hash(self, path: Path) -> None:
        name = self._name(path)
        if name not in self.sha256:
            digest = hashlib.sha256()
            with path.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
            self.sha256[name] = digest.hexdigest()


def _files(root: Path) -> list[Path]:
    """All files below a folder, in order of name; hidden ones are not looked at."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
    return found


def _find(paths: list[Path], patterns: tuple[str, ...]) -> Iterator[Path]:
    for path in paths:
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns):
            yield path


def _first(table: Matrix) -> Array:
    for _, block in table.blocks():
        return block[:_SAMPLE]
    return np.empty((0, table.columns))


def _shape_fault(variable: str, stored: Stored, columns: int | None, rows: int | None) -> str:
    """What is wrong with a shape, in words."""
    wanted = f"({'row' if rows is None else rows}, {'any' if columns is None else columns})"
    return f"{variable} has shape {stored.shape}, which is {wanted} neither as it is nor transposed"


def integers(values: Array) -> NDArray[np.int64]:
    """Whole numbers of a column; -1 for what is none."""
    whole = np.isfinite(values) & (values == np.rint(values))
    return np.where(whole, values, -1.0).astype(np.int64)
