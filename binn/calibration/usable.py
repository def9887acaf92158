"""Which sites can be calibrated, and why the others cannot: said, never fatal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.errors import InputError
from binn.observations import Observations

__all__ = ["FEWEST", "LeftOut", "forced_rows", "usable_observations"]

FEWEST = 2
"""Observations a site needs."""
_FORCING = (
    "cwd",
    "litter1",
    "litter2",
    "litter3",
    "altmax",
    "altmax_lastyear",
    "nbedrock",
    "oxygen",
    "nitrogen",
    "water",
    "temperature",
)
_INPUTS = ("cwd", "litter1", "litter2", "litter3")


@dataclass(frozen=True)
class LeftOut:
    """A site that cannot be calibrated.

    Attributes
    ----------
    site : int
        Its position in the dataset.
    profile_id : int
        Its name.
    reason : str
        Why, for people.
    """

    site: int
    profile_id: int
    reason: str


def usable_observations(
    observations: Observations,
) -> tuple[Observations, NDArray[np.bool_], list[str]]:
    """Drop observations that are zero or not a number; find the sites with too few.

    Returns
    -------
    Observations
        Of all sites: finite depth, SOC above 0.
    ndarray (site,) of bool
        Sites with at least two of them.
    list of str
        A reason for each site; empty for those that are usable.
    """
    finite = np.isfinite(observations.depth) & np.isfinite(observations.soc)
    finite &= observations.depth >= 0.0
    kept = finite & (observations.soc > 0.0)
    owner = np.repeat(np.arange(len(observations.count)), observations.count)
    count = np.bincount(owner[kept], minlength=len(observations.count))
    zeros = np.bincount(owner[finite & ~kept], minlength=len(observations.count))
    reasons = []
    for given, left, zero in zip(observations.count, count, zeros, strict=True):
        if left >= FEWEST:
            reasons.append("")
        elif left == 1:
            others = f" above 0 ({given} in all)" if given > 1 else ""
            reasons.append(f"one observation only{others}; {FEWEST} are needed")
        elif given == 0:
            reasons.append("no observation")
        elif zero:
            reasons.append("all observations are zero")
        else:
            reasons.append("no observation has both a depth and a value")
    usable = Observations(
        observations.depth[kept], observations.soc[kept], np.cumsum(count) - count, count
    )
    return usable, count >= FEWEST, reasons


def forced_rows(
    ds: xr.Dataset, cells: NDArray[np.int64]
) -> tuple[Forcing | None, NDArray[np.int64], list[str]]:
    """Forcing of those cells, among the ones some sites need, that have one.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    cells : ndarray (site,) of int
        Cell of each site; negative or beyond the last for none.

    Returns
    -------
    Forcing or None
        Of the cells with complete forcing, one a row; None if there is none.
    ndarray (site,) of int
        Row of each site, -1 for none.
    list of str
        A reason for each site; empty for those that are usable.
    """
    missing = [name for name in _FORCING if name not in ds]
    if missing:
        raise InputError(f"the dataset lacks the forcing {', '.join(missing)}")
    inside = (cells >= 0) & (cells < ds.sizes["cell"])
    some = ds[list(_FORCING)].isel(cell=np.unique(cells[inside])).load()
    reason = {int(cell): "" for cell in np.unique(cells[inside])}
    for name in _FORCING:
        values = some[name].transpose("cell", ...).to_numpy().astype(np.float64)
        finite = np.isfinite(values).reshape(len(values), -1).min(axis=1)
        for cell, whole in zip(reason, finite, strict=True):
            if not whole and not reason[cell]:
                reason[cell] = f"no forcing: {name} of cell {cell} is not a number"
    received = sum(some[name].sum("month") for name in _INPUTS)
    for cell, amount in zip(reason, np.asarray(received), strict=True):
        if not reason[cell] and not amount > 0.0:
            reason[cell] = f"no forcing: cell {cell} receives no carbon"
    _say_what_is_out_of_range(some, reason)
    good = [cell for cell in reason if not reason[cell]]
    row = {cell: k for k, cell in enumerate(good)}
    position = {cell: k for k, cell in enumerate(reason)}
    forcing = None
    if good:
        forcing = Forcing.from_dataset(some.isel(cell=[position[cell] for cell in good]), on="cell")
    outside = "no forcing: the site belongs to no cell"
    return (
        forcing,
        np.array([row.get(int(cell), -1) for cell in cells], dtype=np.int64),
        [reason.get(int(cell), outside) for cell in cells],
    )


def _say_what_is_out_of_range(some: xr.Dataset, reason: dict[int, str]) -> None:
    """Forcing refuses values out of range: find out in which cells, if there are any."""
    numbers = [k for k, cell in enumerate(reason) if not reason[cell]]
    if not numbers:
        return
    try:
        Forcing.from_dataset(some.isel(cell=numbers), on="cell")
    except InputError:
        for k, cell in enumerate(reason):
            if reason[cell]:
                continue
            try:
                Forcing.from_dataset(some.isel(cell=[k]), on="cell")
            except InputError as error:
                reason[cell] = f"no forcing: cell {cell}: {error}"
