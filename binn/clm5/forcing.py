"""What drives a soil column: litter input, climate scalars, active layer and bedrock.

Forcing lives on rows (grid cells); many sites may share a row through `site_cell`, and rows are
gathered only when a computation needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from binn.clm5.column import N_LAYERS
from binn.clm5.numbers import numbers
from binn.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Forcing"]

_MONTHLY = (12,)
_LAYERED = (N_LAYERS, 12)
# name: (shape of a row, lowest, highest, unit)
_FIELDS: dict[str, tuple[tuple[int, ...], float, float, str]] = {
    "cwd": (_MONTHLY, 0.0, 1e5, "gC m-2 month-1"),
    "litter1": (_MONTHLY, 0.0, 1e5, "gC m-2 month-1"),
    "litter2": (_MONTHLY, 0.0, 1e5, "gC m-2 month-1"),
    "litter3": (_MONTHLY, 0.0, 1e5, "gC m-2 month-1"),
    "altmax": (_MONTHLY, 0.0, 1e3, "m"),
    "altmax_lastyear": (_MONTHLY, 0.0, 1e3, "m"),
    "nbedrock": ((), 1, N_LAYERS, "layer number"),
    "oxygen": (_LAYERED, 0.0, 1.0, "1"),
    "nitrogen": (_LAYERED, 0.0, 1.0, "1"),
    "water": (_LAYERED, 0.0, 1.0, "1"),
    "temperature": (_LAYERED, 173.15, 373.15, "K"),
}
_INPUTS = ("cwd", "litter1", "litter2", "litter3")
_KEEPS_DOUBLE = ("altmax", "altmax_lastyear")
"""Stay float64 whatever the precision asked for: at 2 m they choose the mixing process."""
_WATER_RANGE = (0.05, 1.0)
"""Range of CLM's W_SCALAR."""


@dataclass(frozen=True, eq=False)
class Forcing:
    """Forcing of a set of sites; tensors (arrays are converted), checked on construction.

    Parameters
    ----------
    cwd, litter1, litter2, litter3 : Tensor, (row, 12)
        Column input to coarse woody debris and the litter pools, gC m-2 month-1.
    altmax, altmax_lastyear : Tensor, (row, 12)
        Deepest thaw of this and last year, m (41.998 where there is no permafrost).
    nbedrock : Tensor, (row,)
        1-based number of the deepest soil layer; (row, 12) is taken if constant over the year.
    oxygen, nitrogen, water : Tensor, (row, 20, 12)
        O_SCALAR, FPI_vr and W_SCALAR of CLM5, 0 to 1.
    temperature : Tensor, (row, 20, 12)
        Soil temperature, K.
    site_cell : Tensor, (site,), optional
        Which row each site uses (0-based); by default one row a site.

    Raises
    ------
    InputError
        For a wrong shape, a NaN or a value out of range, naming the variable and the row.
    """

    cwd: Tensor
    litter1: Tensor
    litter2: Tensor
    litter3: Tensor
    altmax: Tensor
    altmax_lastyear: Tensor
    nbedrock: Tensor
    oxygen: Tensor
    nitrogen: Tensor
    water: Tensor
    temperature: Tensor
    site_cell: Tensor | None = None
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """What backends keep with these sites, as long as the forcing lives."""
    row_memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """What backends keep with the rows: shared by all selections of sites from them."""

    def __post_init__(self) -> None:
        for name, (shape, lowest, highest, unit) in _FIELDS.items():
            value = numbers(getattr(self, name), f"forcing {name!r}")
            value = value.to(torch.float64) if not value.is_floating_point() else value
            if name in _KEEPS_DOUBLE:
                value = value.to(torch.float64)
            if name == "nbedrock":
                value = _without_months(value)
            if name == "cwd":  # the first says how many rows there are
                rows = value.shape[0] if value.ndim else 0
            if tuple(value.shape) != (rows, *shape):
                raise InputError(
                    f"forcing {name!r} has shape {tuple(value.shape)}, expected {(rows, *shape)} "
                    "(rows first, then layers from the top, then months)"
                )
            _check_range(name, value, lowest, highest, unit)
            if name == "nbedrock":
                value = value.to(torch.int64)
            object.__setattr__(self, name, value)
        if self.site_cell is not None:
            cell = numbers(self.site_cell, "forcing 'site_cell'")
            if cell.ndim != 1 or cell.is_floating_point() or cell.dtype == torch.bool:
                raise InputError("forcing 'site_cell' must be one whole number a site")
            if cell.numel() and (int(cell.min()) < 0 or int(cell.max()) >= rows):
                raise InputError(
                    f"forcing 'site_cell' points outside the {rows} rows (0 to {rows - 1})"
                )
            object.__setattr__(self, "site_cell", cell.to(torch.int64).to(self.cwd.device))

    @classmethod
    def from_dataset(cls, ds: xr.Dataset, on: str = "site") -> Forcing:
        """Forcing from a canonical dataset.

        Parameters
        ----------
        ds : xarray.Dataset
            As returned by :func:`binn.open_dataset`.
        on : {"site", "cell"}
            One entry a site (sharing the rows of their cells) or one a cell.

        Raises
        ------
        InputError
            For a missing variable, or values out of range.
        """
        if on not in ("site", "cell"):
            raise InputError(f"on={on!r} is not known; use 'site' or 'cell'")
        needed = [*_FIELDS, *(["site_cell"] if on == "site" else [])]
        missing = [name for name in needed if name not in ds]
        if missing:
            raise InputError(f"the dataset lacks the forcing {', '.join(missing)}")
        values: dict[str, Any] = {}
        for name, (shape, *_) in _FIELDS.items():
            dims = ("cell", *(("layer", "month")[-len(shape) :] if shape else ()))
            data = ds[name].transpose(*dims).values
            values[name] = torch.from_numpy(np.array(data, dtype=np.float64))
        if on == "site":
            values["site_cell"] = torch.from_numpy(ds["site_cell"].values.astype(np.int64))
        return cls(**values)

    @property
    def n_rows(self) -> int:
        """Number of rows (cells)."""
        return int(self.cwd.shape[0])

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return self.n_rows if self.site_cell is None else int(self.site_cell.shape[0])

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the values, and of what :func:`binn.clm5.solve` returns for them."""
        return self.temperature.dtype

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.temperature.device

    def per_site(self, name: str) -> Tensor:
        """One variable with a leading site axis (gathered from the rows)."""
        value = cast(Tensor, getattr(self, name))
        return value if self.site_cell is None else value[self.site_cell]

    def annual_input(self) -> Tensor:
        """Yearly input to CWD and litter 1 to 3, gC m-2 yr-1: (site, 4)."""
        rows = torch.stack([getattr(self, name).sum(1) for name in _INPUTS], 1)
        return rows if self.site_cell is None else rows[self.site_cell]

    def rows(self) -> Forcing:
        """The rows themselves, each as a site of its own."""
        return self._with({"site_cell": None}, same_rows=True)

    def above_bedrock(self) -> Tensor:
        """True for layers that hold soil: (site, 20)."""
        layer = torch.arange(1, N_LAYERS + 1, device=self.device)
        return layer <= self.per_site("nbedrock")[:, None]

    def active_layer(self) -> Tensor:
        """Deeper of this and last year's thaw, m: (site, 12), or (site, 1) if no month differs."""
        thaw = torch.maximum(self.altmax, self.altmax_lastyear)
        if bool((thaw == thaw[:, :1]).all()):
            thaw = thaw[:, :1]
        return thaw if self.site_cell is None else thaw[self.site_cell]

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Forcing:
        """A copy on another device or in another precision (active layer stays float64).

        Raises
        ------
        InputError
            For a `dtype` that is neither float64 nor float32.
        """
        if dtype not in (None, torch.float64, torch.float32):
            raise InputError(f"forcing cannot be {dtype}; use torch.float64 or torch.float32")

        def move(name: str) -> Tensor:
            value = cast(Tensor, getattr(self, name))
            fixed = name in _KEEPS_DOUBLE or not value.is_floating_point()
            return value.to(device=device, dtype=None if fixed else dtype)

        return self._with({name: move(name) for name in self._names()})

    def take(self, sites: Any) -> Forcing:
        """The forcing of some sites (indices, mask or slice), rows still shared.

        Raises
        ------
        InputError
            For sites that are not there.
        """
        if not isinstance(sites, slice):
            sites = self._places(sites)
        cell = self.site_cell
        if cell is None:
            cell = torch.arange(self.n_rows, device=self.device)
        return self._with({"site_cell": cell[sites]}, same_rows=True)

    def _places(self, sites: Any) -> Tensor:
        """Indices or a mask of sites as a tensor, or a sentence saying that they are not there."""
        places = numbers(sites, "sites to take").to(self.device)
        if places.is_floating_point() and not places.numel():
            places = places.to(torch.int64)  # an empty list
        n = self.n_sites
        if places.dtype == torch.bool:
            there = tuple(places.shape) == (n,)
        else:
            there = not places.is_floating_point() and places.ndim == 1
            there = there and bool(((places >= -n) & (places < n)).all())
        if not there:
            raise InputError(f"sites to take must be a mask of {n} sites, or indices below {n}")
        return places

    def tile(self, sites: slice) -> Forcing:
        """Neighbouring sites, cheaply: rows are cut where each site has its own."""
        if self.site_cell is None:
            return self._with({name: getattr(self, name)[sites] for name in self._names()})
        return self._with({"site_cell": self.site_cell[sites]}, same_rows=True)

    def changed(self, warming: float = 0.0, npp: float = 1.0, moisture: float = 1.0) -> Forcing:
        """Another climate: active layer, oxygen and nitrogen stay as they are.

        Parameters
        ----------
        warming : float
            K added to soil temperature.
        npp : float
            Factor on the four litter inputs, >= 0.
        moisture : float
            Factor on the water scalar, >= 0; the result is clipped to [0.05, 1].

        Raises
        ------
        InputError
            For a change that is not finite or leads outside the physical range.
        """
        for name, value in (("warming", warming), ("npp", npp), ("moisture", moisture)):
            if not np.isfinite(value) or (name != "warming" and value < 0):
                raise InputError(
                    f"{name}={value} is not possible; give a finite number"
                    + ("" if name == "warming" else " that is not negative")
                )
        change: dict[str, Tensor] = {name: getattr(self, name) * npp for name in _INPUTS}
        change["temperature"] = self.temperature + warming
        change["water"] = torch.clamp(self.water * moisture, *_WATER_RANGE)
        _, lowest, highest, unit = _FIELDS["temperature"]
        _check_range("temperature", change["temperature"], lowest, highest, unit)
        return self._with(change)

    def _names(self) -> list[str]:
        return [f.name for f in fields(self) if isinstance(getattr(self, f.name), Tensor)]

    def _with(self, changes: Mapping[str, Tensor | None], same_rows: bool = False) -> Forcing:
        """A copy with some tensors replaced by ones that need no second check."""
        new = object.__new__(Forcing)
        for f in fields(self):
            object.__setattr__(new, f.name, changes.get(f.name, getattr(self, f.name)))
        object.__setattr__(new, "memo", {})
        object.__setattr__(new, "row_memo", self.row_memo if same_rows else {})
        return new


def _without_months(nbedrock: Tensor) -> Tensor:
    """(row, 12) to (row,) if no month differs."""
    if nbedrock.ndim == 2 and nbedrock.shape[1] == 12:
        if not bool(((nbedrock == nbedrock[:, :1]) | nbedrock.isnan().any(1, True)).all()):
            raise InputError("forcing 'nbedrock' changes within the year; bedrock does not move")
        return nbedrock.amax(1)  # NaN if one of them is
    return nbedrock


def _check_range(name: str, value: Tensor, lowest: float, highest: float, unit: str) -> None:
    """Refuse NaN and values out of range (with a whisker for float32 data)."""
    slack = 1e-6 * max(1.0, abs(highest)) if value.is_floating_point() else 0
    wrong = ~((value >= lowest - slack) & (value <= highest + slack))
    if name == "nbedrock":
        wrong |= value != value.round()
    if bool(wrong.any()):
        where = wrong.nonzero()[0].tolist()
        bad = int(wrong.reshape(len(value), -1).any(1).sum())
        raise InputError(
            f"forcing {name!r} is {float(value[tuple(where)])} in row {where[0]} "
            f"({bad} of {len(value)} rows are wrong); expected {lowest:g} to {highest:g} {unit}"
        )
