"""The finished prediction as one NetCDF4 file or one Zarr folder, compressed, written in blocks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from binn.atomic import flush_folder, replace_folder
from binn.errors import InputError

__all__ = ["Target", "check_target", "create"]

_STORED = 1024  # rows compressed together: a map of one variable or a site is read quickly
_ATTRIBUTES = {"Conventions": "CF-1.11"}


class Target:
    """An open file or folder that variables are added to.

    Parameters
    ----------
    root : h5netcdf.File or zarr.Group
        Where they go.
    check : callable
        Raises OSError if something could not be written: to be called now and then.
    """

    def __init__(self, root: Any, check: Callable[[], None] = lambda: None) -> None:
        self._root, self.check = root, check
        self._zarr = not isinstance(root, h5netcdf.File)

    def dimensions(self, sizes: Mapping[str, int]) -> None:
        """Define the dimensions."""
        if not self._zarr:
            self._root.dimensions = dict(sizes)

    def attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set those of the whole."""
        for name, value in (_ATTRIBUTES | dict(attributes)).items():
            self._root.attrs[name] = _plain(value)

    def variable(
        self,
        name: str,
        dims: tuple[str, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        attributes: Mapping[str, Any],
    ) -> Any:
        """A new variable; rows are written by assigning to slices of it."""
        chunks = (max(1, min(_STORED, shape[0])), *shape[1:])
        text = dtype.kind not in "iuf"
        if self._zarr:
            # no fill value: xarray would take each equal value for a missing one
            array = self._root.create_array(
                name, shape=shape, chunks=chunks, dtype=str if text else dtype, fill_value=None
            )
            array.attrs["_ARRAY_DIMENSIONS"] = list(dims)
        else:
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            # an empty dimension cannot be stored in chunks
            packed = {} if text or 0 in shape else {"chunks": chunks, **packed}
            kind = h5py.string_dtype() if text else dtype
            array = self._root.create_variable(name, dims, kind, **packed)
        for key, value in attributes.items():
            array.attrs[key] = _plain(value)
        return array


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def check_target(out: Path) -> None:
    """Refuse, before any work is done, a place where no prediction can be written.

    Raises
    ------
    InputError
        For a folder that is not a Zarr one, a file in a folder that does not exist, or a Zarr
        folder without the package.
    """
    zarr = out.suffix == ".zarr"
    held = out.is_dir() and not (zarr and (out / ".zgroup").exists())
    if held or not out.parent.is_dir() or (zarr and out.exists() and not out.is_dir()):
        raise InputError(f"cannot write {out}: give the name of a file in a folder that exists")
    if zarr and find_spec("zarr") is None:
        raise InputError(
            f"cannot write {out}: Zarr folders need the package zarr: install the extra `cluster` "
            "(pip install 'binn-explorer[cluster]') or name a NetCDF file"
        )


@contextmanager
def create(out: Path) -> Iterator[Target]:
    """A new file or folder that takes the place of `out` in one step, once it is whole.

    Raises
    ------
    OSError
        If it cannot be written (a full disk, ...); what `out` was is intact.
    """
    with _beside(out) as temporary:
        if out.suffix == ".zarr":
            import zarr

            root = zarr.open_group(temporary, mode="w", zarr_format=2)
            yield Target(root)
            zarr.consolidate_metadata(root.store)
            temporary.chmod(0o755)
            flush_folder(temporary)
            replace_folder(temporary, out)
        else:
            file = temporary / "prediction.nc"
            with closing(_Disk(file)) as disk, h5netcdf.File(disk, "w") as root:
                yield Target(root, disk.check)
            file.replace(out)
        flush_folder(out.parent)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A temporary folder beside the target, gone afterwards."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Disk:
    """A file for the HDF5 library, which does not survive a full disk.

    It is told that all is well; the error is kept, to be raised where nothing is in HDF5's hands.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.fault: OSError | None = None
        self.seek, self.tell, self.readinto = (
            self._file.seek,
            self._file.tell,
            self._file.readinto,
        )

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size) or b""

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while self.fault is None and len(rest):
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self.fault = error
        return size

    def truncate(self, size: int) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.fault = self.fault or error
            return size

    def flush(self) -> None:
        """Nothing is held back."""

    def check(self) -> None:
        """Raise what went wrong."""
        if self.fault is not None:
            raise self.fault

    def close(self) -> None:
        """Make sure that all is on the disk."""
        try:
            self.check()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
