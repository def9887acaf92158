"""Read and write canonical datasets; a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import xarray as xr

from binn.atomic import saving, write_file
from binn.datasets.blocks import BLOCK
from binn.datasets.shipped import shipped_dataset
from binn.datasets.shipped_results import with_proda
from binn.datasets.validation import validate
from binn.errors import InputError

__all__ = [
    "check_target",
    "file_sha256",
    "open_dataset",
    "reading",
    "stream_dataset",
    "write_dataset",
]

_IMPORT = "binn import authors-demo BINN_Demo OUT.nc"
_MANY_STRINGS = 1000
_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_dataset(path_or_name: str | os.PathLike[str]) -> xr.Dataset:
    """Read a canonical dataset into memory and validate it.

    Parameters
    ----------
    path_or_name : str or path
        A NetCDF4 file (or a `.zarr` folder, where zarr is installed), or the name of a dataset
        shipped with the program: ``demo``.

    Returns
    -------
    xarray.Dataset
        In memory, with the dimensions, variables and units of :mod:`binn.datasets.schema`.

    Raises
    ------
    InputError
        When there is no such file or name, when it cannot be read, or when it is not canonical.
    """
    path = _find(path_or_name)
    with reading(path), _open(path) as ds:
        found = with_proda(_plain_strings(ds.load()), path_or_name)
    validate(found, str(path))
    return found


@contextlib.contextmanager
def stream_dataset(path_or_name: str | os.PathLike[str]) -> Iterator[xr.Dataset]:
    """Open a canonical dataset that need not fit in memory, validated a block at a time.

    Parameters
    ----------
    path_or_name : str or path
        As :func:`open_dataset`.

    Yields
    ------
    xarray.Dataset
        Its variables stay in the file until some of their rows are asked for.

    Raises
    ------
    InputError
        As :func:`open_dataset`. Later reads may fail too: do them inside :func:`reading`.
    """
    path = _find(path_or_name)
    with contextlib.ExitStack() as stack:
        with reading(path):
            ds = with_proda(stack.enter_context(_open(path)), path_or_name)
            validate(ds, str(path), BLOCK)
        yield ds


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a failed read of a dataset into one sentence for people.

    Raises
    ------
    InputError
        For whatever the libraries raise when a file is damaged or out of reach.
    """
    path = Path(path)
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        zarr = path.suffix == ".zarr"
        why = "it is not a whole Zarr folder" if zarr else _diagnosis(path, error)
        raise InputError(f"cannot read {path}: {why}") from error


def write_dataset(ds: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Validate a dataset and write it, compressed, as NetCDF4.

    The file is built in memory, written beside the target and moved over it, so that whatever
    fails, a file that was there before stays as it was.

    Parameters
    ----------
    ds : xarray.Dataset
        A canonical dataset.
    path : str or path
        Where to; an existing file is replaced.

    Raises
    ------
    InputError
        When the dataset is not canonical, the folder does not exist or the disk is full.
    """
    path = Path(path)
    check_target(path)
    validate(ds, "the dataset to write")
    encoding = {name: _encoding(array) for name, array in ds.variables.items()}
    content = ds.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=encoding)
    with saving("the dataset", path):
        write_file(path, bytes(content))


def _encoding(array: xr.Variable) -> dict[str, Any]:
    """How a variable is packed."""
    if array.dtype.kind in "fiu" and array.size:
        return {"zlib": True, "complevel": 4, "shuffle": True}
    if array.dtype.kind == "U" and array.size >= _MANY_STRINGS and (array.values != "").any():
        # as characters: strings of any length are neither compressed nor quick to read
        return {"dtype": "S1", "zlib": True, "complevel": 4}
    return {}


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a place where no dataset can or should be written.

    Raises
    ------
    InputError
        For a folder, a file in a folder that does not exist, or a file that is no NetCDF4 file:
        an earlier import may be replaced, somebody's other work may not.
    """
    path = Path(path)
    if path.suffix == ".zarr":
        raise InputError(f"cannot write {path}: datasets are written as NetCDF; name it .nc")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.exists():
        with path.open("rb") as stream:
            if stream.read(len(_HDF5)) != _HDF5:
                raise InputError(
                    f"{path} exists and is not a dataset: it is left as it is; give another name"
                )


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _find(path_or_name: str | os.PathLike[str]) -> Path:
    """Where a dataset is."""
    path = shipped_dataset(path_or_name) or Path(path_or_name)
    if not path.exists():
        raise InputError(
            f"there is no dataset {path}: give the path of a canonical NetCDF file; "
            f"`{_IMPORT}` makes one"
        )
    return path


def _open(path: Path) -> xr.Dataset:
    """A dataset whose values are read when asked for."""
    zarr = path.suffix == ".zarr"
    if zarr and find_spec("zarr") is None:
        raise InputError(f"cannot read {path}: Zarr folders need the package zarr; install it")
    if not zarr:
        # h5netcdf leaves a broken object behind when the root of a damaged file cannot be read
        with h5py.File(path) as root:
            root.attrs.get("_nc3_strict")
    # coordinates attributes stay attributes: lon and lat are plain variables here
    return xr.open_dataset(
        path,
        engine="zarr" if zarr else "h5netcdf",
        decode_times=False,
        decode_coords=False,
        cache=False,
    )


def _diagnosis(path: Path, error: Exception) -> str:
    """Why a file could not be read, in words."""
    if path.is_dir():
        return "it is a folder, not a NetCDF file"
    if isinstance(error, PermissionError):
        return "you have no permission to read it"
    if path.stat().st_size == 0:
        return "the file is empty"
    if "truncated" in str(error):
        return "the file is cut short; import or copy it again"
    if "signature" in str(error):
        return "it is not a NetCDF4 file"
    return "the file is damaged or not a NetCDF4 file; import or copy it again"


def _plain_strings(ds: xr.Dataset) -> xr.Dataset:
    """Strings as numpy unicode, whatever the file's own string type was."""
    for name, array in ds.variables.items():
        if array.dtype.kind in "OST":
            ds[name] = (array.dims, array.values.astype(object).astype(str), array.attrs)
    return ds
