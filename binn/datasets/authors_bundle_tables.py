"""Covariates and observations of the chosen profiles, and covariates of the 0.5-degree grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_bundle_files import BundleFiles, integers
from binn.datasets.authors_bundle_filters import Profiles
from binn.datasets.authors_bundle_layout import (
    BOX,
    ENV_COLUMNS,
    GRID_COLUMNS,
    LAYER_COLUMNS,
    SOURCES,
)
from binn.datasets.covariates import AUTHORS_COVARIATES, covariate
from binn.datasets.number_files import Array
from binn.datasets.report import LeftOut, Report
from binn.datasets.schema import variable
from binn.errors import InputError

__all__ = ["GridPoints", "Layers", "read_covariates", "read_grid", "read_layers", "read_limits"]

_NAMES = np.array(AUTHORS_COVARIATES)
_CATEGORY = np.array([covariate(name).kind == "category" for name in AUTHORS_COVARIATES])
_PLACE = ("Lon", "Lat")
_OFF = 0.01  # degrees between the coordinates of two files that are still the same place
_CM = 100.0


@dataclass(frozen=True)
class Layers:
    """Observations of the chosen profiles, profile after profile.

    Attributes
    ----------
    owner
        (observation,) row (from 0) of the profile.
    depth, soc
        (observation,) m and gC m-3.
    """

    owner: NDArray[np.int64]
    depth: Array
    soc: Array


@dataclass(frozen=True)
class GridPoints:
    """Points of the 0.5-degree grid that are land of the box.

    Attributes
    ----------
    row
        (point,) row (from 0) of the file.
    lonlat, covariates
        (point, 2) degrees; (point, 58) raw values.
    total
        Number of rows of the file.
    """

    row: NDArray[np.int64]
    lonlat: Array
    covariates: Array
    total: int


def read_covariates(
    files: BundleFiles, profiles: Profiles, keep: NDArray[np.bool_], report: Report
) -> tuple[Array, Array]:
    """The 58 covariates of every profile to keep; those with gaps are left out of `keep`.

    Returns
    -------
    covariates : ndarray
        (profile, 58) raw values, NaN for profiles that are not kept.
    largest : ndarray
        (58,) largest value of each over all profiles of the file: the last known category.

    Raises
    ------
    InputError
        When the file is missing, damaged, of another shape, or holds other profiles.
    """
    columns = [ENV_COLUMNS.index(name) for name in AUTHORS_COVARIATES]
    place = [ENV_COLUMNS.index(name) for name in _PLACE]

    def right_way(rows: Array) -> bool:
        same = np.abs(rows[:, place] - profiles.lonlat[: len(rows)]) < _OFF
        return bool(same.all(axis=1).mean() > 0.5)

    covariates = np.full((profiles.number, len(columns)), np.nan)
    largest = np.full(len(columns), -np.inf)
    elsewhere = 0
    with files.matrix("env", len(ENV_COLUMNS), profiles.number, right_way) as table:
        for start, block in table.blocks():
            values = block[:, columns]
            largest = np.fmax(largest, np.fmax.reduce(values, axis=0))
            mine = keep[start : start + len(block)]
            rows = start + np.flatnonzero(mine)
            covariates[rows] = values[mine]
            away = np.abs(block[mine][:, place] - profiles.lonlat[rows]) > _OFF
            elsewhere += int(away.any(axis=1).sum())
    if elsewhere > keep.sum() / 2:
        raise InputError(
            f"{files.path(SOURCES['env'])} belongs to other profiles: coordinates of {elsewhere} "
            f"of {keep.sum()} are not those of soc_profile_info; rows must be in its order"
        )
    if elsewhere:
        report.notes.append(
            f"coordinates of {elsewhere} profiles differ between EnvInfo and soc_profile_info: "
            "those of soc_profile_info are taken"
        )
    for row, reason, detail in _faults(covariates, np.flatnonzero(keep)):
        keep[row] = False
        covariates[row] = np.nan
        report.left_out.append(
            LeftOut("site", int(row) + 1, str(profiles.ids[row]), reason, detail)
        )
    _remark(covariates[keep], report)
    return covariates, largest


def _faults(covariates: Array, rows: NDArray[np.intp]) -> list[tuple[int, str, str]]:
    """Rows that no network can read: row, reason, names."""
    found = []
    for row in rows:
        values = covariates[row]
        gaps = ~np.isfinite(values)
        broken = _CATEGORY & ~gaps & (values != np.rint(values))
        if gaps.any():
            found.append((int(row), "missing covariates", ", ".join(_NAMES[gaps])))
        elif broken.any():
            found.append((int(row), "category that is no whole number", ", ".join(_NAMES[broken])))
    return found


def _remark(covariates: Array, report: Report) -> None:
    """Note covariates outside their physical bounds: kept, as the authors keep them."""
    for name, values in zip(AUTHORS_COVARIATES, covariates.T, strict=True):
        about = covariate(name)
        low = -np.inf if about.lower is None else about.lower
        high = np.inf if about.upper is None else about.upper
        outside = int(((values < low) | (values > high)).sum())
        if outside:
            report.notes.append(
                f"{name} of {outside} of {len(values)} profiles is outside {low:g} to {high:g} "
                f"{about.unit}: kept as it is"
            )


def read_layers(
    files: BundleFiles, profiles: Profiles, keep: NDArray[np.bool_], report: Report
) -> Layers:
    """Observations of the kept profiles; profiles without any are left out of `keep`.

    An observation needs a node depth, both limits of its layer and SOC, as in the authors'
    script. Zero SOC is left out: soil without any carbon does not occur (PRODA drops it too).

    Raises
    ------
    InputError
        When the file is missing, damaged or of another shape.
    """
    order = np.argsort(profiles.ids)
    ids = profiles.ids[order]

    def right_way(rows: Array) -> bool:
        return bool(np.isin(integers(rows[:, 0]), ids).mean() > 0.5)

    index = {name: number for number, name in enumerate(LAYER_COLUMNS)}
    used = [index[name] for name in ("node_depth", "soc_stock", "upper_depth", "lower_depth")]
    owners, values, numbers = [], [], []
    with files.matrix("layers", len(LAYER_COLUMNS), plausible=right_way) as table:
        for start, block in table.blocks():
            mine = integers(block[:, index["profile_id"]])
            place = np.minimum(np.searchsorted(ids, mine), len(ids) - 1)
            owner = order[place]
            chosen = (ids[place] == mine) & keep[owner]
            owners.append(owner[chosen])
            values.append(block[chosen][:, used])
            numbers.append(start + 1 + np.flatnonzero(chosen))
    owner = np.concatenate(owners) if owners else np.empty(0, np.int64)
    row = np.concatenate(numbers) if numbers else np.empty(0, np.int64)
    measured = np.concatenate(values) if values else np.empty((0, len(used)))
    depth, soc = measured[:, 0] / _CM, measured[:, 1]

    good = np.ones(len(owner), dtype=bool)
    for reason, bad, shown in (
        ("missing SOC or depth", ~np.isfinite(measured).all(axis=1), None),
        ("zero SOC", soc == 0, depth),
        ("unphysical SOC", _outside("obs_soc", soc), soc),
        ("unphysical depth", _outside("obs_depth", depth), depth),
    ):
        for number in np.flatnonzero(good & bad):
            name = "gC m-3" if shown is soc else "m"
            detail = "" if shown is None else f"{shown[number]:g} {name}"
            ident = str(profiles.ids[owner[number]])
            report.left_out.append(LeftOut("observation", int(row[number]), ident, reason, detail))
        good &= ~bad
    report.read["observation"] = len(owner)
    have = np.bincount(owner[good], minlength=profiles.number) > 0
    for profile in np.flatnonzero(keep & ~have):
        keep[profile] = False
        report.left_out.append(
            LeftOut("site", int(profile) + 1, str(profiles.ids[profile]), "no observation")
        )
    together = np.argsort(owner[good], kind="stable")
    return Layers(owner[good][together], depth[good][together], soc[good][together])


def _outside(name: str, values: Array) -> NDArray[np.bool_]:
    entry = variable(name)
    return (values < (entry.lower or 0.0)) | (values > (entry.upper or np.inf))


def read_grid(files: BundleFiles, largest: Array, report: Report) -> GridPoints | None:
    """Points of the 0.5-degree grid in the box with all covariates; None without the file.

    A category that no profile has is unknown to any network: such points are left out, as in the
    authors' script.

    Raises
    ------
    InputError
        When the file is damaged or of another shape.
    """
    if not files.has("grid"):
        report.notes.append(
            "the 0.5-degree grid (world_grid_envinfo_present.mat) is not there: no cell has "
            "covariates, so maps of predictions are not possible"
        )
        return None
    columns = [GRID_COLUMNS.index(name) for name in AUTHORS_COVARIATES]
    place = [GRID_COLUMNS.index(name) for name in _PLACE]
    west, east, south, north = BOX

    def right_way(rows: Array) -> bool:
        lon, lat = np.nan_to_num(rows[:, place]).T
        return bool(((np.abs(lon) <= 180) & (np.abs(lat) <= 90)).all())

    chosen, lonlat, covariates, inside = [], [], [], 0
    with files.matrix("grid", len(GRID_COLUMNS), plausible=right_way) as table:
        total = table.rows
        for start, block in table.blocks():
            lon, lat = block[:, place].T
            rows = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
            inside += rows.size
            values = block[rows][:, columns]
            out = {row: (why, what) for row, why, what in _faults(values, np.arange(rows.size))}
            unknown = (_CATEGORY & (values > largest)).any(axis=1)
            for other in np.flatnonzero(unknown):
                out.setdefault(int(other), ("category that no profile has", ""))
            for point, (reason, detail) in sorted(out.items()):
                line = start + int(rows[point]) + 1
                report.left_out.append(LeftOut("point", line, str(line), reason, detail))
            good = np.setdiff1d(np.arange(rows.size), list(out))
            chosen.append(start + rows[good])
            lonlat.append(block[rows[good]][:, place])
            covariates.append(values[good])
    report.read["point"] = inside
    return GridPoints(
        np.concatenate(chosen), np.concatenate(lonlat), np.concatenate(covariates), total
    )


def read_limits(files: BundleFiles, report: Report) -> Array | None:
    """Smallest and largest value of each covariate on the authors' grid (58, 2); None without.

    Raises
    ------
    InputError
        When the file is damaged, of another shape, or a minimum is above its maximum.
    """
    if not files.has("limits"):
        report.notes.append(
            "the limits of the covariates (col_max_min) are not there: networks that the authors "
            "trained cannot scale their inputs by this dataset"
        )
        return None
    with files.matrix("limits", 2, len(ENV_COLUMNS)) as table:
        limits = table.all()[[ENV_COLUMNS.index(name) for name in AUTHORS_COVARIATES]]
    path = files.path(SOURCES["limits"])
    if (wrong := np.flatnonzero(limits[:, 0] > limits[:, 1])).size:
        raise InputError(f"{path}: the minimum of {_NAMES[wrong[0]]} is above its maximum")
    if not np.isfinite(limits).all():
        names = ", ".join(_NAMES[~np.isfinite(limits).all(axis=1)])
        report.notes.append(f"col_max_min has no limits of {names}: no limits are kept")
        return None
    return limits
