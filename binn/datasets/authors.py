"""Import the New York set that the BINN authors publish with their workshop notebook.

The layout has no cells: each profile carries its own copy of the forcing. Copies that are the same
bit for bit become one cell. A prediction point is a cell with covariates of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets.authors_cells import merge
from binn.datasets.authors_dataset import assemble
from binn.datasets.authors_files import SourceFiles
from binn.datasets.authors_layout import COLUMNS, TRAINING, find_root
from binn.datasets.authors_tables import (
    Points,
    Profiles,
    read_limits,
    read_points,
    read_profiles,
)
from binn.datasets.report import LeftOut, Report
from binn.errors import InputError

__all__ = ["import_authors_demo"]

#: three values of the New York set are above this, gC m-3; results are given with and without
_REMARKABLE_SOC = 200e3


def import_authors_demo(
    source: str | Path, progress: Callable[[str], None] = lambda _: None
) -> tuple[xr.Dataset, Report]:
    """Read a BINN_Demo clone, its Input_Data, or a folder of that layout.

    Parameters
    ----------
    source : str or Path
        The folder.
    progress : callable
        Is told what is being done, a short phrase at a time.

    Returns
    -------
    ds : xarray.Dataset
        The canonical dataset, with the report in it.
    report : Report
        Rows left out, by number and reason.

    Raises
    ------
    InputError
        When a file is missing, damaged, of another shape or unphysical, or no profile is usable.
    """
    files = SourceFiles(find_root(Path(source)), progress)
    limits = read_limits(files)
    profiles = read_profiles(files)
    points = read_points(files)

    report = Report()
    keep, measured = _choose_profiles(profiles, report)
    if not keep.any():
        counts = report.counts().items()
        reasons = ", ".join(f"{why} ({n})" for (table, why), n in counts if table == "site")
        raise InputError(f"no profile of {files.root / TRAINING} is usable: {reasons}")
    usable = _choose_points(points, report)
    progress("merging forcing into cells")
    cells = merge(profiles, keep, points, usable, report)
    _remark(profiles, keep, measured, report)
    progress("finding states and ecoregions")
    ds = assemble(profiles, keep, measured, cells, limits, files.sha256)
    report.store(ds)
    return ds, report


def _choose_profiles(
    profiles: Profiles, report: Report
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are usable (row,), and which of their observations (row, column).

    An observation of exactly zero is left out: soil without any carbon does not occur, a zero says
    "not measured" or "below detection" (PRODA drops them too, spec section 11).
    """
    rows = len(profiles.ids)
    keep = np.ones(rows, dtype=bool)

    def leave(row: np.intp, reason: str, detail: str) -> None:
        keep[row] = False
        entry = LeftOut("site", int(row) + 1, str(profiles.ids[row]), reason, detail)
        report.left_out.append(entry)

    gaps = np.isnan(np.concatenate([profiles.lonlat, profiles.covariates], axis=1))
    for row in np.flatnonzero(gaps.any(axis=1)):
        leave(row, "missing covariates", ", ".join(np.array(COLUMNS)[gaps[row]]))
    forcing_gaps = profiles.forcing.missing()
    for row in np.flatnonzero(forcing_gaps != ""):
        leave(row, "missing forcing", str(forcing_gaps[row]))
    whole, measured = profiles.whole, profiles.whole & (profiles.soc > 0)
    for row in np.flatnonzero(~measured.any(axis=1)):
        leave(row, "no observation", "all are zero" if whole[row].any() else "")
    for row, column in np.argwhere(profiles.started & ~measured):
        if whole[row, column]:
            reason, detail = "zero SOC", f"at {profiles.depth[row, column]:g} m"
        else:
            absent = "SOC" if np.isnan(profiles.soc[row, column]) else "depth"
            reason, detail = f"missing {absent}", f"column {column + 1}"
        entry = LeftOut("observation", int(row) + 1, str(profiles.ids[row]), reason, detail)
        report.left_out.append(entry)
    report.read |= {"site": rows, "observation": int(profiles.started.sum())}
    report.kept |= {"site": int(keep.sum()), "observation": int(measured[keep].sum())}
    return keep, measured


def _choose_points(points: Points, report: Report) -> NDArray[np.bool_]:
    """Which prediction points are usable (point,); those without covariates are."""
    gaps = points.forcing.missing()
    for row in np.flatnonzero(gaps != ""):
        entry = LeftOut(
            "point", int(row) + 1, str(points.ids[row]), "missing forcing", str(gaps[row])
        )
        report.left_out.append(entry)
    if (lost := np.isnan(points.lonlat).any(axis=1)).any():
        for row in np.flatnonzero(lost):
            entry = LeftOut("point", int(row) + 1, str(points.ids[row]), "missing coordinates")
            report.left_out.append(entry)
    usable: NDArray[np.bool_] = (gaps == "") & ~lost
    blank = np.isnan(points.covariates).any(axis=1) & usable
    if blank.any():
        shown = ", ".join(str(row + 1) for row in np.flatnonzero(blank))
        report.notes.append(
            f"{blank.sum()} of {usable.sum()} prediction points lack covariates (rows {shown}): "
            "they stay as cells of forcing, predictions skip them"
        )
    report.read["point"] = len(points.ids)
    report.kept["point"] = int(usable.sum())
    return usable


def _remark(
    profiles: Profiles,
    keep: NDArray[np.bool_],
    measured: NDArray[np.bool_],
    report: Report,
) -> None:
    """Note what is kept and should be known: deep and very high values, two bedrocks."""
    deep = profiles.below_soil
    kept = measured & keep[:, None]
    report.numbers |= {
        "observations_below_soil_read": int((deep & profiles.whole).sum()),
        "observations_below_soil_kept": int((deep & kept).sum()),
    }
    report.notes.append(
        f"{report.numbers['observations_below_soil_read']} of {profiles.whole.sum()} observations "
        f"read, {report.numbers['observations_below_soil_kept']} of {kept.sum()} kept, lie below "
        "the deepest soil node: under `conserving` they take that node's value"
    )
    high = kept & (profiles.soc > _REMARKABLE_SOC)
    if high.any():
        shown = ", ".join(str(row + 1) for row in np.flatnonzero(high.any(axis=1)))
        report.notes.append(
            f"{high.sum()} of {kept.sum()} observations are above {_REMARKABLE_SOC / 1000:g} "
            f"kgC m-3 (rows {shown}): they are kept"
        )
    bedrock = profiles.covariates[:, COLUMNS.index("nbedrock") - 2]
    differs = keep & (bedrock != profiles.forcing.values["nbedrock"])
    if differs.any():
        shown = ", ".join(str(row + 1) for row in np.flatnonzero(differs))
        report.notes.append(
            f"the covariate nbedrock differs from the forcing's for {differs.sum()} of "
            f"{keep.sum()} profiles (rows {shown}): both are kept"
        )
