"""Merge forcing that is the same bit for bit into cells, which profiles share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_files import Array
from binn.datasets.authors_forcing import distinct_rows
from binn.datasets.authors_layout import cesm2_centre
from binn.datasets.authors_tables import Points, Profiles
from binn.datasets.report import Report

__all__ = ["Cells", "merge"]


@dataclass(frozen=True)
class Cells:
    """Forcing cells and who uses them.

    Attributes
    ----------
    lonlat, covariates
        (cell, 2) degrees; (cell, covariate), NaN where unknown.
    forcing
        By canonical name, one row a cell.
    site_cell
        (kept profile,) index of its cell.
    """

    lonlat: Array
    covariates: Array
    forcing: dict[str, Array]
    site_cell: NDArray[np.int64]


def merge(
    profiles: Profiles,
    keep: NDArray[np.bool_],
    points: Points,
    usable: NDArray[np.bool_],
    report: Report,
) -> Cells:
    """One cell a prediction point, then one for each other forcing that profiles share.

    Profiles whose forcing is that of prediction points use the nearest of these. Points stay
    apart even where their forcing is the same, since their covariates differ.
    """
    rows = np.flatnonzero(keep)
    chosen = np.flatnonzero(usable)
    flat = profiles.forcing.flat()[rows]
    point_flat = points.forcing.flat()[chosen]
    first, group = distinct_rows(flat)
    point_of: dict[bytes, list[int]] = {}
    for index, key in enumerate(point_flat):
        point_of.setdefault(key.tobytes(), []).append(index)

    centre = np.stack(cesm2_centre(*profiles.lonlat[rows].T), axis=1)
    cell_of_group = np.empty(first.size, dtype=np.int64)
    own_rows: list[int] = []
    own_lonlat: list[Array] = []
    shared = 0
    for number, row in enumerate(first):
        places = np.unique(centre[group == number], axis=0)
        if len(places) > 1:
            report.notes.append(
                f"the forcing of row {rows[row] + 1} is shared by profiles of {len(places)} CESM2 "
                "grid cells: its cell is placed in their middle"
            )
        place = places.mean(axis=0)
        matches = point_of.get(flat[row].tobytes(), [])
        if matches:
            shared += 1
            away = (points.lonlat[chosen[matches]] - place) * [np.cos(np.radians(place[1])), 1]
            cell_of_group[number] = matches[int((away**2).sum(axis=1).argmin())]
        else:
            cell_of_group[number] = chosen.size + len(own_rows)
            own_rows.append(int(rows[row]))
            own_lonlat.append(place)
    report.notes.append(
        f"{rows.size} profiles share {first.size} distinct forcings; {shared} of these are the "
        f"forcing of a prediction point, {len(own_rows)} become cells without covariates"
    )
    forcing = {
        name: np.concatenate([points.forcing.values[name][chosen], values[own_rows]])
        for name, values in profiles.forcing.values.items()
    }
    blank = np.full((len(own_rows), points.covariates.shape[1]), np.nan)
    return Cells(
        lonlat=np.concatenate([points.lonlat[chosen], np.reshape(own_lonlat, (-1, 2))]),
        covariates=np.concatenate([points.covariates[chosen], blank]),
        forcing=forcing,
        site_cell=cell_of_group[group],
    )
