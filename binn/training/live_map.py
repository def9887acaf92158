"""What the latest validation would draw on a map: one number at each validation site.

Written into the run folder as ``last/map.npz`` after every epoch, so that a page can show how the
map forms while a training runs.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import SteadyState, stock
from binn.diagnostics import COMPONENT_NAMES, TRACEABILITY_NAMES, components, traceability
from binn.errors import InputError

__all__ = ["QUANTITIES", "LiveMap", "map_values", "read_live_map"]

_STOCK_DEPTH = 1.0  # m
_FILE = "map.npz"

QUANTITIES: dict[str, tuple[str, str]] = {
    "soc_stock": (f"Soil organic carbon, 0 to {_STOCK_DEPTH:g} m", "gC m-2"),
    **COMPONENT_NAMES,
    **TRACEABILITY_NAMES,
}
"""Long name and unit of what can be shown."""


@dataclass(frozen=True)
class LiveMap:
    """One quantity at the validation sites.

    Attributes
    ----------
    quantity : str
        A key of `QUANTITIES`.
    member, epoch : int
        After which epoch of which member (from 0).
    profile_id : ndarray (n,)
        The sites.
    lon, lat : ndarray (n,)
        Degrees east and north.
    value : ndarray (n,)
        In the unit of the quantity.
    """

    quantity: str
    member: int
    epoch: int
    profile_id: NDArray[np.generic]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def of_sites(
        cls,
        ds: xr.Dataset,
        sites: NDArray[np.int64],
        value: NDArray[np.float64],
        quantity: str,
        member: int,
        epoch: int,
    ) -> LiveMap:
        """The map of some sites (positions in the dataset) and their values."""
        lon, lat, ids = (ds[name].to_numpy()[sites] for name in ("lon", "lat", "profile_id"))
        if ids.dtype.kind not in "iu":
            ids = ids.astype(str)
        return cls(quantity, member, epoch, ids, lon, lat, value)

    def files(self) -> dict[str, bytes]:
        """File name and content in a run's ``last`` folder."""
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **vars(self))
        return {_FILE: stream.getvalue()}


def map_values(state: SteadyState, quantity: str) -> Tensor:
    """Values (site,) of a quantity in solved sites.

    Raises
    ------
    InputError
        For an unknown quantity.
    """
    if quantity == "soc_stock":
        return stock(state.soc, 0.0, _STOCK_DEPTH)
    if quantity in COMPONENT_NAMES:
        return components(state)[quantity]
    if quantity in TRACEABILITY_NAMES:
        return traceability(state)[quantity]
    raise InputError(f"there is no quantity {quantity!r}; choose one of {', '.join(QUANTITIES)}")


def read_live_map(last: Path) -> LiveMap | None:
    """The map in a run's ``last`` folder; None if there is none (yet), or it is damaged."""
    try:
        with np.load(last / _FILE, allow_pickle=False) as held:
            return LiveMap(
                quantity=str(held["quantity"]),
                member=int(held["member"]),
                epoch=int(held["epoch"]),
                **{name: held[name] for name in ("profile_id", "lon", "lat", "value")},
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
