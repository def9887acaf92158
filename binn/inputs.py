"""What the network sees: raw covariates, position and forcing made into scaled numbers and codes.

An `InputEncoding` is fitted once to the training sites (`fit_encoding`), stored with the checkpoint
and applied to any other site or grid cell (`InputEncoding.encode`). Numeric inputs are shifted,
scaled and held inside the range they were fitted on. A category met at prediction that training did
not know has a place of its own after the last known one, where the network puts the average of the
known categories; `InputEncoding.unknown` tells which ones were met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from binn.errors import InputError

__all__ = [
    "POSITION_FEATURES",
    "CategoricalInput",
    "InputEncoding",
    "Inputs",
    "NumericInput",
    "position_features",
]

POSITION_FEATURES = 64
"""Sines and cosines of longitude and latitude at 16 wavelengths."""

# degrees; written as the authors do, since at angles of 1e8 the last bit of a wavelength matters
_WAVELENGTHS = 1e-6 * np.exp(np.arange(16.0) * (math.log(360.0 / 1e-6) / 15.0))


def position_features(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sines and cosines of longitude and latitude (PE-GNN, Klemmer et al. 2023, grid cells).

    16 wavelengths, geometric from 1e-6 to 360 degrees; the angle is degrees / wavelength, without
    2 pi, as in the authors' code. Order: coordinate, wavelength, (sin, cos).

    Parameters
    ----------
    lonlat : ndarray (n, 2)
        Degrees east, degrees north.

    Returns
    -------
    ndarray (n, 64)
        The shortest wavelengths act as a hash of the place.
    """
    angle = lonlat[:, :, None] * (1.0 / _WAVELENGTHS)
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return waves.reshape(len(lonlat), POSITION_FEATURES)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NumericInput(_Record):
    """One numeric input: clip((raw - offset) / scale, lower, upper)."""

    name: str = Field(description="Name of the covariate, coordinate or forcing summary.")
    source: Literal["covariate", "coordinate", "forcing"] = Field(
        description="Where the raw value comes from."
    )
    offset: float = Field(0.0, allow_inf_nan=False, description="Subtracted from the raw value.")
    scale: float = Field(1.0, gt=0.0, allow_inf_nan=False, description="Divides the difference.")
    lower: float | None = Field(None, allow_inf_nan=False, description="Least scaled value.")
    upper: float | None = Field(None, allow_inf_nan=False, description="Largest scaled value.")


class CategoricalInput(_Record):
    """One categorical covariate and the table of vectors it shares with its like."""

    name: str = Field(description="Name of the covariate.")
    table: str = Field(description="Name of the table its vectors are in.")


class InputEncoding(_Record):
    """How raw inputs become the network's; part of every checkpoint."""

    covariates: tuple[str, ...] = Field(description="Covariates that are read, in order.")
    numeric: tuple[NumericInput, ...] = Field(description="Numeric inputs, in network order.")
    categorical: tuple[CategoricalInput, ...] = Field(
        (), description="Categorical inputs, in network order."
    )
    tables: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="Category codes of each table, in row order."
    )
    position: bool = Field(False, description="Whether sines and cosines of the position are used.")

    @property
    def needs_forcing(self) -> bool:
        """Whether forcing summaries are among the inputs."""
        return any(one.source == "forcing" for one in self.numeric)

    def encode(
        self,
        covariates: NDArray[np.float64],
        lonlat: NDArray[np.float64],
        summaries: dict[str, NDArray[np.float64]] | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Inputs:
        """Raw values to what the network takes.

        Parameters
        ----------
        covariates : ndarray (n, len(self.covariates))
            Raw values in the order of `self.covariates`; no NaN.
        lonlat : ndarray (n, 2)
            Degrees east, degrees north.
        summaries : dict of ndarray (n,), optional
            Forcing summaries by name; needed if `needs_forcing`.
        dtype : torch.dtype
            Precision of the result.

        Returns
        -------
        Inputs

        Raises
        ------
        InputError
            If a shape is wrong, a value is missing or a category is not a whole number.
        """
        covariates = np.asarray(covariates, dtype=np.float64)
        lonlat = np.asarray(lonlat, dtype=np.float64)
        if covariates.ndim != 2 or covariates.shape[1] != len(self.covariates):
            raise InputError(
                f"the network reads {len(self.covariates)} covariates a site, but the array given "
                f"has the shape {covariates.shape}"
            )
        if lonlat.shape != (len(covariates), 2):
            raise InputError(
                f"longitude and latitude must have the shape ({len(covariates)}, 2), "
                f"not {lonlat.shape}"
            )
        column = dict(zip(self.covariates, covariates.T, strict=True))
        column.update(zip(("lon", "lat"), lonlat.T, strict=True))
        if self.needs_forcing:
            if summaries is None:
                raise InputError(
                    "this network also reads summaries of the CLM5 forcing: give the forcing too"
                )
            column.update(summaries)
        for name, values in column.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise InputError(
                    f"{name} is missing at {len(bad)} of {len(values)} rows, first at row "
                    f"{bad[0]}: the network needs a number there"
                )
        numeric = np.empty((len(covariates), len(self.numeric)))
        for j, one in enumerate(self.numeric):
            scaled = (column[one.name] - one.offset) / one.scale
            numeric[:, j] = np.clip(scaled, one.lower, one.upper)
        codes = np.empty((len(covariates), len(self.categorical)), dtype=np.int64)
        for j, category in enumerate(self.categorical):
            codes[:, j] = _row_of(column[category.name], self.tables[category.table], category.name)
        position = position_features(lonlat) if self.position else np.empty((len(lonlat), 0))
        return Inputs(
            torch.as_tensor(numeric, dtype=dtype),
            torch.as_tensor(codes),
            torch.as_tensor(position, dtype=dtype),
        )

    def unknown(self, covariates: NDArray[np.float64]) -> dict[str, dict[int, int]]:
        """Categories that training did not know: covariate to {code: number of rows}.

        Parameters
        ----------
        covariates : ndarray (n, len(self.covariates))
            Raw values in the order of `self.covariates`.
        """
        found: dict[str, dict[int, int]] = {}
        for category in self.categorical:
            values = covariates[:, self.covariates.index(category.name)]
            known = np.isin(values, self.tables[category.table])
            codes, counts = np.unique(values[~known], return_counts=True)
            if len(codes):
                found[category.name] = dict(zip(codes.astype(int), counts.tolist(), strict=True))
        return found


@dataclass(frozen=True)
class Inputs:
    """What the network takes, one row a site.

    Attributes
    ----------
    numeric : Tensor (n, numeric inputs)
    codes : Tensor (n, categorical inputs) of int64
        Row of each category in its table; one past the last row for an unknown one.
    position : Tensor (n, 64 or 0)
    """

    numeric: Tensor
    codes: Tensor
    position: Tensor

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: Tensor | slice) -> Inputs:
        """Some rows, by index or slice."""
        return Inputs(self.numeric[rows], self.codes[rows], self.position[rows])

    def to(self, device: torch.device | str) -> Inputs:
        """The same on another device."""
        return Inputs(self.numeric.to(device), self.codes.to(device), self.position.to(device))


def _row_of(values: NDArray[np.float64], codes: tuple[int, ...], name: str) -> NDArray[np.int64]:
    """Table row of each category code; ``len(codes)`` where the code is not in the table."""
    if np.any(values != np.round(values)):
        raise InputError(f"{name} is a category, but holds values that are not whole numbers")
    order = np.argsort(codes)
    known = np.asarray(codes, dtype=np.int64)[order]
    at = np.searchsorted(known, values.astype(np.int64))
    at[at == len(known)] = 0
    return np.where(known[at] == values, order[at], len(codes)) if len(known) else at
