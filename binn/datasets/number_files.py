"""Arrays in files of other programs: MATLAB before and since 7.3, NetCDF 3 and 4; read in parts.

MATLAB 7.3 and NetCDF 4 are HDF5, of which only what is asked for is read. Older files are read
whole.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from binn.errors import InputError

__all__ = ["Stored", "opened"]

Array = NDArray[np.float64]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_AGAIN = "download it again"
#: what the libraries raise for half a file
_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    EOFError,
    struct.error,
    zlib.error,
    scipy.io.matlab.MatReadError,
)
_MISSING = 1e30
"""Numbers above this mean "missing" in files of climate models."""


class _Sliced(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any) -> Any: ...


class Stored:
    """An array in a file, of which parts are read as float64 with NaN where values are missing.

    Attributes
    ----------
    shape
        As it is stored.
    reversed
        Whether programs of this kind of file see MATLAB's dimensions in the opposite order.
    """

    def __init__(self, values: _Sliced, fills: tuple[float, ...], reversed_: bool) -> None:
        self._values = values
        self._fills = fills
        self.shape = tuple(values.shape)
        self.reversed = reversed_

    def __getitem__(self, key: Any) -> Array:
        part = np.asarray(self._values[key], dtype=np.float64)
        missing = np.abs(part) > _MISSING
        for fill in self._fills:
            missing |= part == fill
        return np.where(missing, np.nan, part) if missing.any() else part


@contextlib.contextmanager
def opened(path: Path, variable: str) -> Iterator[Stored]:
    """Open one array of a file.

    Parameters
    ----------
    path : Path
        A ``.mat`` or NetCDF file.
    variable : str
        Name of the array.

    Raises
    ------
    InputError
        When the file is missing, cut short, of another kind, or has no such array of numbers.
        Reads inside the block raise the same.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    reader = {"hdf5": _hdf5, "matlab": _matlab, "netcdf3": _netcdf3}[_kind(path, head)]
    try:
        with reader(path, variable) as stored:
            yield stored
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{path} is cut short or damaged: {_AGAIN}") from error


def _kind(path: Path, head: bytes) -> str:
    """Which reader a file needs, by its first bytes."""
    if not head:
        raise InputError(f"{path} is empty: {_AGAIN}")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} only points to the data (Git LFS): run `git lfs pull` there")
    if head.lstrip()[:1] == b"<":
        raise InputError(f"{path} is a web page, not the data: {_AGAIN}")
    # MATLAB puts 512 bytes of its own before the HDF5 content
    if head.startswith(b"MATLAB 7.3") or any(
        head[start : start + 8] == _HDF5 for start in (0, 512, 1024, 2048)
    ):
        return "hdf5"
    if head.startswith(b"MATLAB 5.0"):
        return "matlab"
    if head[:3] == b"CDF" and head[3:4] in (b"\x01", b"\x02"):
        return "netcdf3"
    raise InputError(f"{path} is neither a MATLAB nor a NetCDF file")


@contextlib.contextmanager
def _hdf5(path: Path, variable: str) -> Iterator[Stored]:
    with h5py.File(path) as file:
        names = [name for name in file if not name.startswith("#")]
        if variable not in names:
            raise _absent(path, variable, names)
        values = file[variable]
        if not isinstance(values, h5py.Dataset) or values.dtype.kind not in "fiu":
            raise InputError(f"{path}: {variable} is no array of numbers")
        fills = tuple(
            float(np.ravel(values.attrs[key])[0])
            for key in ("_FillValue", "missing_value")
            if key in values.attrs
        )
        yield Stored(values, fills, reversed_=True)


@contextlib.contextmanager
def _matlab(path: Path, variable: str) -> Iterator[Stored]:
    content = scipy.io.loadmat(str(path), variable_names=[variable])
    if variable not in content:
        raise _absent(path, variable, [name for name, _, _ in scipy.io.whosmat(str(path))])
    values = content[variable]
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise InputError(f"{path}: {variable} is no array of numbers")
    yield Stored(values, (), reversed_=False)


@contextlib.contextmanager
def _netcdf3(path: Path, variable: str) -> Iterator[Stored]:
    with scipy.io.netcdf_file(str(path), mmap=False) as file:
        if variable not in file.variables:
            raise _absent(path, variable, list(file.variables))
        held = file.variables[variable]
        fills = tuple(
            float(np.ravel(getattr(held, key))[0])
            for key in ("_FillValue", "missing_value")
            if hasattr(held, key)
        )
        yield Stored(np.array(held.data), fills, reversed_=True)


def _absent(path: Path, variable: str, names: list[str]) -> InputError:
    held = ", ".join(names) if names else "nothing"
    return InputError(f"{path} has no variable {variable}; it holds {held}")
