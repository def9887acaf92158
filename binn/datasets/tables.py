"""Import anybody's table of soil profiles: observed SOC from it, forcing from another dataset.

What the table does not have comes from the nearest cell of that dataset, no farther than a limit;
the result says of every variable where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets.covariates import covariate
from binn.datasets.report import LeftOut, Report
from binn.datasets.sources import source_record
from binn.datasets.storage import file_sha256
from binn.datasets.table_dataset import Filled, assemble, weakest
from binn.datasets.table_donor import Donor, nearest, read_donor
from binn.datasets.table_mapping import TableMapping, read_mapping
from binn.datasets.table_rows import TableProfiles, read_profiles
from binn.errors import InputError

__all__ = ["MAX_DISTANCE_KM", "import_table"]

Array = NDArray[np.float64]

MAX_DISTANCE_KM = 50.0
"""How far the cell may be that gives forcing: half a degree is 56 km."""
_LIKELY = (500.0, 300e3)  # gC m-3: medians outside are more often wrong units than strange soils


def import_table(
    source: str | Path,
    mapping: str | Path,
    forcing: str | Path,
    progress: Callable[[str], None] = lambda _: None,
    *,
    max_distance: float = MAX_DISTANCE_KM,
) -> tuple[xr.Dataset, Report]:
    """Read a table of soil profiles (CSV or Parquet).

    Parameters
    ----------
    source : str or Path
        The table.
    mapping : str or Path
        The mapping file, TOML or JSON (:mod:`binn.datasets.table_mapping`).
    forcing : str or Path
        A canonical dataset, or the name of a shipped one: its cells give forcing, and covariates
        that the table has not.
    progress : callable
        Is told what is being done, a short phrase at a time.
    max_distance : float
        How far the nearest cell may be, km.

    Returns
    -------
    ds : xarray.Dataset
        The canonical dataset, with the report in it.
    report : Report
        Profiles and observations left out, by row and reason.

    Raises
    ------
    InputError
        When a file cannot be read or does not fit, or no profile is usable.
    """
    if not max_distance > 0:
        raise InputError(f"the largest distance must be above 0 km, not {max_distance:g}")
    table, plan = Path(source), read_mapping(Path(mapping))
    donor = read_donor(str(forcing))
    _check_covariates(plan, donor, Path(mapping))
    progress(f"reading {table.name}")
    report = Report()
    profiles = read_profiles(table, plan, report, progress)
    progress(f"finding the nearest cells of {donor.name}")
    profiles, cell = _with_forcing(profiles, donor, max_distance, report)
    profiles, cell, filled = _with_covariates(profiles, cell, plan, donor, max_distance, report)
    if not len(profiles.ids):
        reasons = {
            kind: ", ".join(
                f"{why} ({n})" for (of, why), n in report.counts().items() if of == kind
            )
            for kind in ("site", "observation")
        }
        of_rows = f"; observations: {reasons['observation']}" if reasons["observation"] else ""
        raise InputError(f"no profile of {table} is usable: {reasons['site']}{of_rows}")
    report.kept |= {"site": len(profiles.ids), "observation": len(profiles.soc)}
    _remark(profiles, plan, report)
    cells, site_cell = _cells(profiles, cell, donor)
    progress("finding states and ecoregions")
    ds = assemble(profiles, filled, donor, donor.forcing(cells), cells, site_cell, plan, table)
    hashes = {table.name: file_sha256(table), Path(mapping).name: file_sha256(mapping)}
    if donor.sha256:
        hashes[f"forcing: {Path(donor.name).name}"] = donor.sha256
    ds.attrs["sha256"] = source_record(hashes)
    report.store(ds)
    return ds, report


def _check_covariates(plan: TableMapping, donor: Donor, path: Path) -> None:
    """Refuse a name that the other dataset does not know, unless it is said what it is."""
    for name, entry in plan.covariates.items():
        if name not in donor.names and not (entry.unit and entry.kind):
            raise InputError(
                f"{path}: {donor.name} has no covariate {name}: say what it is, "
                f'{name} = {{column = "{entry.column}", unit = "...", kind = "numeric"}}, or use '
                f"one of {', '.join(donor.names)}"
            )


def _with_forcing(
    profiles: TableProfiles, donor: Donor, limit: float, report: Report
) -> tuple[TableProfiles, NDArray[np.intp]]:
    """Profiles that have a cell near enough, and that cell."""
    cell, distance = nearest(donor.lonlat, profiles.lonlat)
    keep = distance <= limit
    for number in np.flatnonzero(~keep):
        detail = f"the nearest cell is {distance[number]:.0f} km away"
        _leave(profiles, number, f"no forcing within {limit:g} km", detail, report)
    if keep.any():
        report.notes.append(
            f"forcing of {keep.sum()} profiles from {len(np.unique(cell[keep]))} cells of "
            f"{donor.name}: {np.median(distance[keep]):.0f} km away in the median, "
            f"{distance[keep].max():.0f} km at most"
        )
    return profiles.take(keep), cell[keep]


def _with_covariates(
    profiles: TableProfiles,
    cell: NDArray[np.intp],
    plan: TableMapping,
    donor: Donor,
    limit: float,
    report: Report,
) -> tuple[TableProfiles, NDArray[np.intp], Filled]:
    """Covariates of each profile: of the table, else of the nearest cell that has them all."""
    known = np.flatnonzero(np.isfinite(donor.covariates).all(axis=1))
    place, distance = nearest(donor.lonlat[known], profiles.lonlat)
    near = distance <= limit
    values = np.full((len(profiles.ids), len(donor.names)), np.nan)
    values[near] = donor.covariates[known[place[near]]]
    names, units, kinds = list(donor.names), list(donor.units), list(donor.kinds)
    provenances = list(donor.provenances)
    for name, entry in plan.covariates.items():
        own = profiles.covariates[name]
        if name not in names:
            names.append(name)
            units.append(str(entry.unit))
            kinds.append(str(entry.kind))
            provenances.append("real")
            values = np.column_stack([values, own])
            continue
        column = names.index(name)
        gaps = int(np.isnan(own).sum())
        if gaps:
            report.notes.append(
                f"{name} of {gaps} of {len(own)} profiles is not in the table: taken from "
                f"{donor.name}"
            )
        provenances[column] = weakest("real", provenances[column]) if gaps else "real"
        values[:, column] = np.where(np.isnan(own), values[:, column], own)
    taken = [name for name in names if name not in plan.covariates]
    if taken:
        report.notes.append(
            f"{len(taken)} of {len(names)} covariates are those of {donor.name}'s cells, not of "
            "the profiles"
        )
    category = np.array([kind == "category" for kind in kinds])
    keep = np.ones(len(values), dtype=bool)
    for number, row in enumerate(values):
        gaps_here = ~np.isfinite(row)
        broken = category & ~gaps_here & (row != np.rint(row))
        if gaps_here.any() or broken.any():
            keep[number] = False
            reason = "missing covariates" if gaps_here.any() else "category that is no whole number"
            which = np.flatnonzero(gaps_here if gaps_here.any() else broken)
            _leave(profiles, number, reason, ", ".join(names[k] for k in which), report)
    filled = Filled(names, units, kinds, provenances, values[keep])
    return profiles.take(keep), cell[keep], filled


def _leave(
    profiles: TableProfiles, number: int | np.intp, reason: str, detail: str, report: Report
) -> None:
    row, name = int(profiles.row[number]), str(profiles.ids[number])
    report.left_out.append(LeftOut("site", row, name, reason, detail))


def _remark(profiles: TableProfiles, plan: TableMapping, report: Report) -> None:
    """Note what looks like another unit than the mapping says."""
    median = float(np.median(profiles.soc))
    if not _LIKELY[0] <= median <= _LIKELY[1]:
        report.notes.append(
            f"the median of the observed SOC is {median:.3g} gC m-3, which few soils have: check "
            "the units in the mapping"
        )
    for name in plan.covariates:
        about, values = covariate(name), profiles.covariates[name]
        low = -np.inf if about.lower is None else about.lower
        high = np.inf if about.upper is None else about.upper
        outside = int(((values < low) | (values > high)).sum())
        if outside:
            report.notes.append(
                f"{name} of {outside} of {len(values)} profiles is outside {low:g} to {high:g} "
                f"{about.unit}: kept as it is; check its scale in the mapping"
            )


def _cells(
    profiles: TableProfiles, cell: NDArray[np.intp], donor: Donor
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Cells to keep: those of the profiles, and all others of the rectangle they span."""
    (west, south), (east, north) = profiles.lonlat.min(axis=0), profiles.lonlat.max(axis=0)
    lon, lat = donor.lonlat.T
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    cells = np.union1d(cell, np.flatnonzero(inside))
    return cells, np.searchsorted(cells, cell).astype(np.int64)
