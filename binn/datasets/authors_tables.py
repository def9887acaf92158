"""The authors' New York tables, read and held against physical bounds; nothing left out yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import NODES
from binn.datasets.authors_files import Array, SourceFiles, require_bounds
from binn.datasets.authors_forcing import RawForcing, read_forcing
from binn.datasets.authors_layout import COLUMNS, PREDICTION, TRAINING
from binn.datasets.covariates import covariate
from binn.datasets.schema import variable
from binn.errors import InputError

__all__ = ["Points", "Profiles", "read_limits", "read_points", "read_profiles"]


@dataclass(frozen=True)
class Profiles:
    """Training rows as read, missing values still in them.

    Attributes
    ----------
    lonlat, covariates
        (row, 2) degrees; (row, covariate).
    forcing
        Forcing of each row.
    ids
        (row,) number of the WoSIS profile.
    soc, depth
        (row, column) gC m-3 and m, NaN padded.
    """

    lonlat: Array
    covariates: Array
    forcing: RawForcing
    ids: NDArray[np.int64]
    soc: Array
    depth: Array

    @property
    def started(self) -> NDArray[np.bool_]:
        """Where SOC or depth is given (row, column)."""
        return np.isfinite(self.soc) | np.isfinite(self.depth)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Where both SOC and depth are given (row, column)."""
        return np.isfinite(self.soc) & np.isfinite(self.depth)

    @property
    def below_soil(self) -> NDArray[np.bool_]:
        """Where the depth lies below the deepest soil node of the row (row, column)."""
        layer = np.nan_to_num(self.forcing.values["nbedrock"], nan=len(NODES)).astype(np.intp)
        return self.depth > NODES[layer - 1][:, None]


@dataclass(frozen=True)
class Points:
    """Prediction points as read; attributes as those of :class:`Profiles`."""

    lonlat: Array
    covariates: Array
    forcing: RawForcing
    ids: NDArray[np.int64]


def read_limits(files: SourceFiles) -> Array:
    """Smallest and largest value of each covariate on the authors' global grid (covariate, 2).

    Raises
    ------
    InputError
        When the file cannot be read or does not have one row a column of env_info.txt.
    """
    limits = files.table(f"{TRAINING}/col_max_min.txt", 2)
    if len(limits) != len(COLUMNS):
        raise InputError(
            f"{files.root / TRAINING}/col_max_min.txt has {len(limits)} rows instead of "
            f"{len(COLUMNS)}, one a column of env_info.txt"
        )
    if (empty := np.flatnonzero(~(limits[:, 0] < limits[:, 1]))).size:
        raise InputError(
            f"{files.root / TRAINING}/col_max_min.txt: row {empty[0] + 1} is no minimum and maximum"
        )
    return limits[2:]


def read_profiles(files: SourceFiles) -> Profiles:
    """Read Training_Data.

    Raises
    ------
    InputError
        When a file is missing, damaged, unphysical, or has another number of rows or columns.
    """
    env = files.table(f"{TRAINING}/env_info.txt", len(COLUMNS))
    rows = len(env)
    tables = {
        name: files.table(f"{TRAINING}/{name}.txt", columns)
        for name, columns in (("profile_id", 1), ("obs_soc_NY", None), ("obs_soc_depth", None))
    }
    for name, table in tables.items():
        if len(table) != rows:
            raise InputError(
                f"{files.root / TRAINING / name}.txt has {len(table)} rows, env_info.txt has {rows}"
            )
    soc, depth = tables["obs_soc_NY"], tables["obs_soc_depth"]
    if soc.shape != depth.shape:
        raise InputError(
            f"{files.root / TRAINING}: obs_soc_NY.txt has {soc.shape[1]} columns, "
            f"obs_soc_depth.txt has {depth.shape[1]}"
        )
    for name, values in (("obs_soc", soc), ("obs_depth", depth)):
        entry = variable(name)
        file = "obs_soc_NY.txt" if name == "obs_soc" else "obs_soc_depth.txt"
        what = f"{files.root / TRAINING / file} ({entry.long_name})"
        require_bounds(values, entry.lower, entry.upper, what, entry.units)
    _check_covariates(env, f"{files.root / TRAINING}/env_info.txt")
    ids = _whole(tables["profile_id"][:, 0], f"{files.root / TRAINING}/profile_id.txt")
    forcing = read_forcing(files, TRAINING, "model_force_", rows)
    return Profiles(env[:, :2], env[:, 2:], forcing, ids, soc, depth)


def read_points(files: SourceFiles) -> Points:
    """Read Prediction_Data.

    Raises
    ------
    InputError
        When a file is missing, damaged, unphysical, or has another number of rows or columns.
    """
    env = files.table(f"{PREDICTION}/grid_env_info_NY.txt", len(COLUMNS))
    _check_covariates(env, f"{files.root / PREDICTION}/grid_env_info_NY.txt")
    ids = files.table(f"{PREDICTION}/grid_env_info_ID.txt", 1)
    if len(ids) != len(env):
        raise InputError(
            f"{files.root / PREDICTION}/grid_env_info_ID.txt has {len(ids)} rows, "
            f"grid_env_info_NY.txt has {len(env)}"
        )
    numbers = _whole(ids[:, 0], f"{files.root / PREDICTION}/grid_env_info_ID.txt")
    forcing = read_forcing(files, PREDICTION, "model_force_pred_", len(env))
    return Points(env[:, :2], env[:, 2:], forcing, numbers)


def _check_covariates(env: Array, path: str) -> None:
    """Coordinates and covariates inside their physical bounds, categories whole numbers."""
    for column, name in enumerate(COLUMNS):
        values = env[:, column : column + 1]
        if name in ("Lon", "Lat"):
            entry = variable(name.lower())
            require_bounds(values, entry.lower, entry.upper, f"{path} ({name})", entry.units)
            continue
        about = covariate(name)
        require_bounds(values, about.lower, about.upper, f"{path} ({name})", about.unit)
        broken = np.isfinite(values) & (values != np.rint(values))
        if about.kind == "category" and broken.any():
            row = int(np.flatnonzero(broken)[0])
            raise InputError(
                f"{path} ({name}): {values[row, 0]:g} in row {row + 1} is no category number"
            )


def _whole(values: Array, path: str) -> NDArray[np.int64]:
    broken = np.flatnonzero(~np.isfinite(values) | (values != np.rint(values)))
    if broken.size:
        raise InputError(
            f"{path}: {values[broken[0]]:g} in row {broken[0] + 1} is no number of a row"
        )
    numbers = values.astype(np.int64)
    found, first = np.unique(numbers, return_index=True)
    if found.size < numbers.size:
        row = int(np.setdiff1d(np.arange(numbers.size), first)[0])
        raise InputError(f"{path}: {numbers[row]} in row {row + 1} was there before")
    return numbers
