"""Somebody's profiles and another dataset's cells as one canonical dataset, honest about both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets import regions
from binn.datasets.outlines import ECOREGIONS_LABEL
from binn.datasets.schema import CONVENTIONS, variable
from binn.datasets.table_donor import Donor
from binn.datasets.table_mapping import TableMapping
from binn.datasets.table_rows import TableProfiles

__all__ = ["Filled", "assemble", "weakest"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Filled:
    """Covariates of the profiles, and where they came from.

    Attributes
    ----------
    names, units, kinds, provenances
        (covariate,) those of the other dataset, then new ones.
    values
        (profile, covariate), NaN where nothing is near.
    """

    names: list[str]
    units: list[str]
    kinds: list[str]
    provenances: list[str]
    values: Array


def assemble(
    profiles: TableProfiles,
    filled: Filled,
    donor: Donor,
    forcing: dict[str, NDArray[Any]],
    cells: NDArray[np.intp],
    site_cell: NDArray[np.int64],
    plan: TableMapping,
    table: Path,
) -> xr.Dataset:
    """The canonical dataset.

    Parameters
    ----------
    profiles : TableProfiles
        Those that are kept.
    filled : Filled
        Their covariates.
    donor : Donor
        The other dataset.
    forcing : dict of str to ndarray
        Variables of the cells that are kept, by name.
    cells : ndarray of int
        (cell,) which cells of the other dataset these are.
    site_cell : ndarray of int
        (profile,) index among them.
    plan : TableMapping
        What the columns of the table are.
    table : Path
        Its file.
    """
    lon, lat = profiles.lonlat.T
    new = len(filled.names) - len(donor.names)
    elevation = np.full(len(lon), np.nan)
    if "Elevation" in filled.names:
        elevation = filled.values[:, filled.names.index("Elevation")]
    values: dict[str, Any] = {
        "lon": lon,
        "lat": lat,
        "profile_id": profiles.ids,
        "site_cell": site_cell,
        "state": regions.state(lon, lat),
        "biome": regions.biome(lon, lat, elevation),
        "obs_count": np.bincount(profiles.owner, minlength=len(lon)),
        "covariates": filled.values,
        "obs_depth": profiles.depth,
        "obs_soc": profiles.soc,
        **forcing,
        "cell_covariates": np.column_stack(
            [donor.covariates[cells], np.full((len(cells), new), np.nan)]
        ),
        "covariate": np.array(filled.names),
        "covariate_unit": np.array(filled.units),
        "covariate_kind": np.array(filled.kinds),
        "covariate_provenance": np.array(filled.provenances),
        "source_row": profiles.row,
    }
    if donor.limits is not None:
        own = filled.values[:, len(donor.names) :]
        limits = np.concatenate([donor.limits, np.stack([own.min(0), own.max(0)], axis=1)])
        values |= {"covariate_min": limits[:, 0], "covariate_max": limits[:, 1]}
    ds = xr.Dataset(
        {
            name: (variable(name).dims, array, _attributes(name, filled, donor, plan))
            for name, array in values.items()
        }
    )
    ds.attrs = _file_attributes(donor, plan, table)
    return ds


def _attributes(name: str, filled: Filled, donor: Donor, plan: TableMapping) -> dict[str, Any]:
    """What a variable says about itself: from the table, from the other dataset, or computed."""
    entry = variable(name)
    attrs: dict[str, Any] = {"units": entry.units, "long_name": entry.long_name}
    if entry.standard_name:
        attrs["standard_name"] = entry.standard_name
    if entry.dims[0] == "cell" or name in ("covariate_min", "covariate_max"):
        held = donor.attrs.get(name, {})
        said = [str(held[key]) for key in ("comment",) if key in held]
        comment = "; ".join([f"from {donor.name}", *said])
        return attrs | {"provenance": held.get("provenance", "derived"), "comment": comment}
    if name in ("lon", "lat", "profile_id", "obs_depth"):
        attrs["provenance"] = "real"
    elif name == "obs_soc":
        computed = "organic_carbon" in plan.observed
        attrs["provenance"] = "derived" if computed else "real"
        if computed:
            attrs["comment"] = "organic carbon times bulk density of the table"
    elif name == "biome":
        attrs |= {
            "provenance": "schematic",
            "comment": f"hand-drawn ecoregions: {ECOREGIONS_LABEL}",
        }
    elif name == "covariates":
        attrs |= {"provenance": weakest(*filled.provenances), "comment": _mixture(plan, donor)}
    else:
        attrs["provenance"] = "derived"
    if name == "covariate" and "codes" in donor.attrs.get(name, {}):
        attrs["codes"] = donor.attrs[name]["codes"]  # what the numbers of categories mean
    roles = {
        "profile_id": {"cf_role": "profile_id"},
        "obs_count": {"sample_dimension": "obs"},
        "obs_depth": {"axis": "Z", "positive": "down"},
    }
    return attrs | roles.get(name, {})


def weakest(*provenances: str) -> str:
    """The provenance of what is mixed of several: that of the least trustworthy."""
    for kind in ("synthetic", "schematic", "derived"):
        if kind in provenances:
            return kind
    return "real"


def _mixture(plan: TableMapping, donor: Donor) -> str:
    """Which covariates are the table's."""
    own = ", ".join(plan.covariates) or "none"
    return f"of the table: {own}; all others of the nearest cell of {donor.name}; see " + (
        "covariate_provenance; unit by covariate_unit"
    )


def _file_attributes(donor: Donor, plan: TableMapping, table: Path) -> dict[str, str]:
    """Attributes of the file."""
    attrs = {
        "Conventions": CONVENTIONS,
        "title": plan.about.get("title", f"Soil profiles of {table.name}"),
        "licence": plan.about.get("licence", "not stated by whoever imported the table"),
        "source": (
            f"observed SOC: {plan.about.get('source', table.name)}; forcing, and covariates that "
            f"the table has not: {donor.title}"
        ),
        "history": "binn import table",
        "ecoregions": ECOREGIONS_LABEL,
        "forcing_dataset": donor.title,
    }
    simulated = any(
        donor.attrs.get(name, {}).get("provenance") == "synthetic" for name in ("water", "cwd")
    )
    if donor.notice or simulated:
        attrs["notice"] = (
            "Observed SOC is that of the table; forcing, and covariates not mapped, are those of "
            f"{donor.title}" + (f" ({donor.notice})" if donor.notice else ", which is simulated")
        )
    return attrs
