"""Profiles that are named by text: calibrations name theirs by number."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["numbered"]


def numbered(ds: xr.Dataset) -> xr.Dataset:
    """The dataset, its profiles named by the numbers of their sites if their ids are text.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset; returned as it is where ids are whole numbers.
    """
    ids = ds["profile_id"]
    if ids.dtype.kind in "iu":
        return ds
    return ds.assign(profile_id=(ids.dims, np.arange(ids.size), ids.attrs))
