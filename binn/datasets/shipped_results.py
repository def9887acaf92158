"""What was computed from a shipped dataset and is shown beside it: PRODA's parameters.

Results live in a file of their own: the dataset can be built again without them, and says nothing
that was not put into it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import xarray as xr

from binn.datasets.shipped import shipped_dataset, shipped_proda
from binn.errors import InputError

__all__ = ["MADE_FROM", "with_proda"]

MADE_FROM = "sha256_of_dataset"
"""Attribute of the file of results: sha256 of the dataset's file."""
_VARIABLES = ("proda_parameters", "proda_parameters_site")


def with_proda(ds: xr.Dataset, name: str | os.PathLike[str]) -> xr.Dataset:
    """A shipped dataset with PRODA's parameters; any other dataset as it is.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset, in memory or opened lazily.
    name : str or path
        What it was opened by.

    Returns
    -------
    xarray.Dataset
        With `proda_parameters` (cell, parameter) and `proda_parameters_site` (site, parameter), in
        physical units, where they are shipped.

    Raises
    ------
    InputError
        If the results were made from another dataset, or their file is damaged.
    """
    path, data = shipped_proda(name), shipped_dataset(name)
    if path is None or data is None:
        return ds
    try:
        with xr.open_dataset(path, engine="h5netcdf") as results:
            made_from = results.attrs.get(MADE_FROM)
            found = {key: results[key].load().variable for key in _VARIABLES}
    except (OSError, KeyError, ValueError, RuntimeError):
        raise InputError(f"{path} is damaged: restore it from the repository") from None
    if made_from != _sha256(data):
        raise InputError(
            f"{path} was made from another {data.name}: make it again "
            "(python -m benchmarks.proda_demo), or remove it"
        )
    return ds.assign(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
