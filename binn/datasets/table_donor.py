"""Forcing and covariates for somebody's profiles from the nearest cells of another dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.spatial
import xarray as xr
from numpy.typing import NDArray

from binn.datasets.blocks import BLOCK, blocks
from binn.datasets.schema import VARIABLES
from binn.datasets.shipped import shipped_dataset
from binn.datasets.storage import file_sha256, reading, stream_dataset

__all__ = ["Donor", "nearest", "read_donor"]

Array = NDArray[np.float64]

_EARTH_KM = 6371.0088
_FORCING = [v.name for v in VARIABLES if v.required and v.dims[0] == "cell"]
_TABLES = ("covariate", "covariate_unit", "covariate_kind")


@dataclass(frozen=True)
class Donor:
    """The cells of a dataset, without its sites.

    Attributes
    ----------
    name
        As the user gave it.
    title, notice
        What it says about itself.
    sha256
        Hash of its file; None for a folder.
    lonlat
        (cell, 2) degrees, of all its cells.
    covariates
        (cell, covariate), of all its cells; NaN where unknown.
    names, units, kinds, provenances
        (covariate,) what these are.
    limits
        (covariate, 2) smallest and largest value of each, or None.
    attrs
        Attributes of its variables, by name.
    """

    name: str
    title: str
    notice: str
    sha256: str | None
    lonlat: Array
    covariates: Array
    names: list[str]
    units: list[str]
    kinds: list[str]
    provenances: list[str]
    limits: Array | None
    attrs: dict[str, dict[str, Any]]

    def forcing(self, cells: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
        """Variables of some cells, by name (cell, ...), read a block at a time.

        Raises
        ------
        InputError
            When the dataset cannot be read.
        """
        found = {}
        with stream_dataset(self.name) as ds, reading(self.name):
            for name in _FORCING:
                found[name] = _rows(ds[name], cells)
        return found


def read_donor(name: str) -> Donor:
    """Read places and covariates of the cells of a dataset.

    Parameters
    ----------
    name : str
        A path, or the name of a shipped dataset.

    Raises
    ------
    InputError
        When it is no canonical dataset.
    """
    with stream_dataset(name) as ds, reading(name):
        lonlat = np.stack([ds["cell_lon"].values, ds["cell_lat"].values], axis=1)
        texts = {key: [str(v) for v in ds[key].values.astype(object)] for key in _TABLES}
        covariates = ds["cell_covariates"].values.astype(np.float64)
        if "covariate_provenance" in ds:
            provenances = [str(v) for v in ds["covariate_provenance"].values.astype(object)]
        else:
            provenances = [str(ds["cell_covariates"].attrs["provenance"])] * covariates.shape[1]
        limits = None
        if "covariate_min" in ds and "covariate_max" in ds:
            limits = np.stack([ds["covariate_min"].values, ds["covariate_max"].values], axis=1)
        attrs = {str(key): dict(array.attrs) for key, array in ds.variables.items()}
        title, notice = str(ds.attrs["title"]), str(ds.attrs.get("notice", ""))
    path = shipped_dataset(name) or Path(name)
    return Donor(
        name=name,
        title=title,
        notice=notice,
        sha256=file_sha256(path) if path.is_file() else None,
        lonlat=lonlat.astype(np.float64),
        covariates=covariates,
        names=texts["covariate"],
        units=texts["covariate_unit"],
        kinds=texts["covariate_kind"],
        provenances=provenances,
        limits=limits,
        attrs=attrs,
    )


def nearest(places: Array, lonlat: Array) -> tuple[NDArray[np.intp], Array]:
    """The nearest of some places to each point, along a great circle.

    Parameters
    ----------
    places : ndarray
        (place, 2) longitude and latitude, degrees.
    lonlat : ndarray
        (point, 2) the same.

    Returns
    -------
    index : ndarray of int
        (point,) index of the nearest place.
    distance : ndarray
        (point,) km; infinite where there is no place at all.
    """
    if not len(places):
        return np.zeros(len(lonlat), dtype=np.intp), np.full(len(lonlat), np.inf)
    chord, index = scipy.spatial.KDTree(_on_sphere(places)).query(_on_sphere(lonlat))
    return index, 2 * _EARTH_KM * np.arcsin(np.minimum(chord / 2, 1.0))


def _on_sphere(lonlat: Array) -> Array:
    """Points on the unit sphere (point, 3)."""
    lon, lat = np.radians(lonlat.T)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def _rows(array: xr.DataArray, rows: NDArray[np.integer]) -> NDArray[Any]:
    """Some rows of a variable that stays in its file."""
    parts = []
    for start, values in blocks(array, BLOCK):
        mine = rows[(rows >= start) & (rows < start + len(values))] - start
        parts.append(values[mine])
    found = np.concatenate(parts)
    return found.astype(str) if found.dtype.kind == "O" else found
