"""Which WoSIS profiles the paper uses (spec section 10), and how many each filter leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_bundle_files import BundleFiles, integers
from binn.datasets.authors_bundle_layout import BOX, PROFILE_COLUMNS, SOURCES, US
from binn.datasets.number_files import Array
from binn.datasets.report import LeftOut, Report
from binn.errors import InputError

__all__ = ["Profiles", "choose", "read_profiles"]

Mask = NDArray[np.bool_]

_GELMAN_RUBIN = 1.05
_ID, _COUNTRY_ID, _COUNTRY, _LON, _LAT = range(5)


@dataclass(frozen=True)
class Profiles:
    """All profiles of the file, in its order; other files count rows by it.

    Attributes
    ----------
    ids
        (profile,) numbers of WoSIS.
    lonlat
        (profile, 2) degrees.
    us
        (profile,) whether the country is the United States.
    country
        Name of the column that says so.
    """

    ids: NDArray[np.int64]
    lonlat: Array
    us: Mask
    country: str

    @property
    def number(self) -> int:
        """How many profiles there are."""
        return len(self.ids)


def read_profiles(files: BundleFiles) -> Profiles:
    """Read the list of profiles.

    The authors' script compares the third column with the number of the United States; where no
    row of it holds that number, the second column (country_id) is taken.

    Raises
    ------
    InputError
        When the file is missing, damaged or of another shape, or an id is no number or repeated.
    """
    with files.matrix("profiles", len(PROFILE_COLUMNS), plausible=_looks_like_profiles) as table:
        values = table.all()
    path = files.path(SOURCES["profiles"])
    ids = integers(values[:, _ID])
    if (broken := np.flatnonzero(ids < 0)).size:
        raise InputError(f"{path}: row {broken[0] + 1} has no profile_id")
    if np.unique(ids).size < ids.size:
        _, first = np.unique(ids, return_index=True)
        row = int(np.setdiff1d(np.arange(ids.size), first)[0])
        raise InputError(f"{path}: profile_id {ids[row]} in row {row + 1} was there before")
    column = _COUNTRY if (values[:, _COUNTRY] == US).any() else _COUNTRY_ID
    return Profiles(ids, values[:, [_LON, _LAT]], values[:, column] == US, PROFILE_COLUMNS[column])


def _looks_like_profiles(rows: Array) -> bool:
    lon, lat = rows[:, _LON], rows[:, _LAT]
    inside = (np.abs(lon) <= 180) & (np.abs(lat) <= 90) | np.isnan(lon) | np.isnan(lat)
    ids = integers(rows[:, _ID])
    return bool(inside.all() and (ids > 0).all() and np.unique(ids).size == ids.size)


def choose(
    files: BundleFiles,
    profiles: Profiles,
    predicted: NDArray[np.int64] | None,
    representative: bool,
    report: Report,
) -> Mask:
    """Profiles that pass all filters whose files are there (profile,).

    A profile is counted by the first filter that leaves it out.

    Parameters
    ----------
    files : BundleFiles
        Where from.
    profiles : Profiles
        All profiles.
    predicted : ndarray of int, optional
        Rows (from 0) that PRODA has parameters for; None without its results.
    representative : bool
        Only the authors' representative profiles.
    report : Report
        Gets an entry a profile left out, and a note a filter.

    Raises
    ------
    InputError
        When a file is damaged or does not belong to these profiles.
    """
    keep = np.ones(profiles.number, dtype=bool)
    for number, (name, passes) in enumerate(
        _filters(files, profiles, predicted, representative), 1
    ):
        if passes is None:
            report.notes.append(f"filter {number}, {name}: not applied, its file is not there")
            continue
        before = int(keep.sum())
        for row in np.flatnonzero(keep & ~passes):
            report.left_out.append(
                LeftOut("site", int(row) + 1, str(profiles.ids[row]), f"not {name}")
            )
        keep &= passes
        report.notes.append(
            f"filter {number}, {name}: leaves out {before - int(keep.sum())} of {before} profiles"
        )
    return keep


def _filters(
    files: BundleFiles,
    profiles: Profiles,
    predicted: NDArray[np.int64] | None,
    representative: bool,
) -> Iterator[tuple[str, Mask | None]]:
    """Each filter: what passes, in words, and the profiles that do; None without its file."""
    yield f"in the US ({profiles.country} {US:g})", profiles.us
    west, east, south, north = BOX
    lon, lat = profiles.lonlat.T
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    yield "in the box of the contiguous US", inside
    eligible = _listed(files, "eligible", profiles.number) if files.has("eligible") else None
    yield "in eligible_loc_0", eligible
    # a mean of NaN is not below anything: chains that were not run leave a profile out
    name = f"with a mean Gelman-Rubin statistic below {_GELMAN_RUBIN}"
    statistic = _row_means(files, "gelman_rubin", profiles.number)
    yield name, None if statistic is None else statistic < _GELMAN_RUBIN
    statistic = _row_means(files, "chain_r2", profiles.number)
    yield "with a mean R2 of the chains above 0", None if statistic is None else statistic > 0
    known = None if predicted is None else _mask(predicted, profiles.number)
    yield "predicted by PRODA", known
    if representative:
        if not files.has("representative"):
            files.path(SOURCES["representative"])  # says which file is missing
        yield "representative", _listed(files, "representative", profiles.number)


def _row_means(files: BundleFiles, key: str, rows: int) -> Array | None:
    """Mean over the columns of a table (profile,); None if it is not there."""
    if not files.has(key):
        return None
    with files.matrix(key, None, rows) as table:
        means: Array = np.concatenate([block.mean(axis=1) for _, block in table.blocks()])
    return means


def _listed(files: BundleFiles, key: str, rows: int) -> Mask:
    """Profiles that a list of row numbers (from 1) names (profile,)."""
    listed = files.vector(key)
    return _mask(rows_from_one(listed, rows, str(files.path(SOURCES[key]))), rows)


def rows_from_one(numbers: Array, rows: int, what: str) -> NDArray[np.int64]:
    """Row numbers counted from 1 as indices from 0.

    Raises
    ------
    InputError
        When one is no whole number or past the table.
    """
    whole = integers(numbers)
    wrong = np.flatnonzero((whole < 1) | (whole > rows))
    if wrong.size:
        raise InputError(
            f"{what}: {numbers[wrong[0]]:g} at place {wrong[0] + 1} is no row from 1 to {rows} of "
            "the table it belongs to"
        )
    return whole - 1


def _mask(rows: NDArray[np.int64], number: int) -> Mask:
    mask = np.zeros(number, dtype=bool)
    mask[rows] = True
    return mask


def usable_or_say_why(keep: Mask, report: Report, where: str) -> None:
    """Refuse an import that leaves no profile.

    Raises
    ------
    InputError
        With the reasons and their numbers.
    """
    if keep.any():
        return
    counts: Iterable[str] = (
        f"{reason} ({number})"
        for (table, reason), number in report.counts().items()
        if table == "site"
    )
    raise InputError(f"no profile of {where} is usable: {', '.join(counts)}")
