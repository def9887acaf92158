"""Soil profiles of a table: rows of one name together, in canonical units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from binn.datasets.report import LeftOut, Report
from binn.datasets.schema import variable
from binn.datasets.table_files import pieces
from binn.datasets.table_mapping import TableMapping
from binn.errors import InputError

__all__ = ["TableProfiles", "read_profiles"]

Array = NDArray[np.float64]

_SAME_PLACE = 1e-3  # degrees between rows of one profile
_DENSEST = 3000.0  # kg m-3: no soil is denser
#: what is wrong with an observation before anything is computed from it, by number
_BROKEN = ("", "limits that are no layer", "impossible share or density")


@dataclass(frozen=True)
class TableProfiles:
    """Profiles in the order in which the table first names them.

    Attributes
    ----------
    ids
        (profile,) integers where all are, text otherwise.
    row
        (profile,) first row, from 1; a header does not count.
    lonlat
        (profile, 2) degrees.
    covariates
        By name (profile,), NaN where the table has none.
    owner, depth, soc
        (observation,) index of the profile, m, gC m-3; profile after profile.
    """

    ids: NDArray[Any]
    row: NDArray[np.int64]
    lonlat: Array
    covariates: dict[str, Array]
    owner: NDArray[np.int64]
    depth: Array
    soc: Array

    def take(self, keep: NDArray[np.bool_]) -> TableProfiles:
        """Some of the profiles, with their observations."""
        place = np.cumsum(keep) - 1
        mine = keep[self.owner]
        return TableProfiles(
            self.ids[keep],
            self.row[keep],
            self.lonlat[keep],
            {name: values[keep] for name, values in self.covariates.items()},
            place[self.owner[mine]],
            self.depth[mine],
            self.soc[mine],
        )


def read_profiles(
    path: Path, mapping: TableMapping, report: Report, progress: Callable[[str], None]
) -> TableProfiles:
    """Read the profiles; those without usable coordinates or observations stay behind.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a column, holds text for a number, or no profile is
        usable.
    """
    ids, rows, numbers = [], [], []
    depth, soc, broken = [], [], []
    start = 0
    for piece in pieces(path, mapping):
        if start:
            progress(f"reading {path.name}: row {start}")
        ids.append(_names(piece[mapping.place["profile_id"]]))
        rows.append(np.arange(start + 1, start + 1 + len(piece)))
        wanted = [mapping.place["lon"], mapping.place["lat"]]
        plain = [_number(piece, column, mapping, path, start) for column in wanted]
        for entry in mapping.covariates.values():
            values = _number(piece, entry.column, mapping, path, start)
            plain.append(values * entry.scale + entry.offset)
        numbers.append(np.stack(plain, axis=1))
        observed = {
            role: np.stack(
                [
                    np.full(len(piece), float(column))
                    if not isinstance(column, str)
                    else _number(piece, column, mapping, path, start)
                    for column in columns
                ],
                axis=1,
            )
            for role, columns in mapping.observed.items()
        }
        depth.append(_depth(observed, mapping))
        soc.append(_soc(observed, mapping))
        broken.append(_broken(observed, mapping))
        start += len(piece)
    if not start:
        raise InputError(f"{path} has no rows")
    return _profiles(
        np.concatenate(ids),
        np.concatenate(rows),
        np.concatenate(numbers),
        np.concatenate(depth),
        np.concatenate(soc),
        np.concatenate(broken),
        mapping,
        report,
    )


def _depth(observed: dict[str, Array], mapping: TableMapping) -> Array:
    """Depth of each observation (row, depth), m: given, or the middle of its layer."""
    factor = mapping.factors["depth"]
    if "depth" in observed:
        return observed["depth"] * factor
    return (observed["upper"] + observed["lower"]) / 2 * factor


def _soc(observed: dict[str, Array], mapping: TableMapping) -> Array:
    """SOC of each observation (row, depth), gC m-3: given, or of mass share and density."""
    factors = mapping.factors
    if "soc" in observed:
        return observed["soc"] * factors["soc"]
    soc = observed["organic_carbon"] * factors["organic_carbon"]
    soc = soc * observed["bulk_density"] * factors["bulk_density"] * 1000  # kg to g
    if "coarse_fragments" in observed:
        soc = soc * (1 - observed["coarse_fragments"] * factors["coarse_fragments"])
    return soc


def _broken(observed: dict[str, Array], mapping: TableMapping) -> NDArray[np.int8]:
    """Number of what is wrong (row, depth) in :data:`_BROKEN`; the mapping's units are right."""
    found = np.zeros(next(iter(observed.values())).shape, dtype=np.int8)
    if "upper" in observed:
        found[(observed["upper"] < 0) | (observed["lower"] < observed["upper"])] = 1
    for role, highest in (
        ("organic_carbon", 1.0),
        ("bulk_density", _DENSEST),
        ("coarse_fragments", 1.0),
    ):
        if role in observed:
            values = observed[role] * mapping.factors[role]
            found[(values < 0) | (values > highest)] = 2
    return found


def _profiles(
    names: NDArray[np.object_],
    rows: NDArray[np.int64],
    numbers: Array,
    depth: Array,
    soc: Array,
    broken: NDArray[np.int8],
    mapping: TableMapping,
    report: Report,
) -> TableProfiles:
    """Rows of one name together; what cannot be used is reported."""
    named = names != ""
    for row in rows[~named]:
        report.left_out.append(LeftOut("observation", int(row), "", "no profile_id"))
    codes, found = pd.factorize(names[named])
    report.read["site"] = len(found)
    rows, numbers, depth, soc = rows[named], numbers[named], depth[named], soc[named]
    broken = broken[named]
    frame = pd.DataFrame(numbers).groupby(codes)
    first = frame.first().to_numpy(dtype=np.float64)  # the first value that is not missing
    spread = (frame.max() - frame.min()).to_numpy(dtype=np.float64)[:, :2]
    first_row = pd.Series(rows).groupby(codes).min().to_numpy(dtype=np.int64)
    profiles = TableProfiles(
        _identifiers(found),
        first_row,
        first[:, :2],
        {name: first[:, 2 + k] for k, name in enumerate(mapping.covariates)},
        *_observations(codes, rows, depth, soc, broken, found, mapping.wide, report),
    )
    if mapping.wide and len(codes) > len(found):
        raise InputError(
            "in a wide table a row is a profile, but "
            f"{found[np.flatnonzero(np.bincount(codes) > 1)[0]]} has several rows"
        )
    lon, lat = profiles.lonlat.T
    has = np.bincount(profiles.owner, minlength=len(found)) > 0
    keep = np.ones(len(found), dtype=bool)
    for reason, bad in (
        ("missing coordinates", np.isnan(profiles.lonlat).any(axis=1)),
        (
            "coordinates that are no longitude and latitude",
            (np.abs(lon) > 180) | (np.abs(lat) > 90),
        ),
        ("coordinates that differ between its rows", (spread > _SAME_PLACE).any(axis=1)),
        ("no observation", ~has),
    ):
        for number in np.flatnonzero(keep & bad):
            row = int(first_row[number])
            report.left_out.append(LeftOut("site", row, str(found[number]), reason))
        keep &= ~bad
    return profiles.take(keep)


def _observations(
    codes: NDArray[np.intp],
    rows: NDArray[np.int64],
    depth: Array,
    soc: Array,
    broken: NDArray[np.int8],
    found: NDArray[np.object_],
    wide: bool,
    report: Report,
) -> tuple[NDArray[np.int64], Array, Array]:
    """Owner, depth and SOC of the usable observations, profile after profile."""
    several = depth.shape[1]
    owner, line = np.repeat(codes, several), np.repeat(rows, several)
    depth, soc, broken = depth.ravel(), soc.ravel(), broken.ravel()
    again = pd.DataFrame({"owner": owner, "depth": depth, "soc": soc}).duplicated().to_numpy()
    good = np.ones(len(owner), dtype=bool)
    if wide:  # an empty cell of a wide table is no observation
        good = np.isfinite(soc)
    report.read["observation"] = int(good.sum())
    for reason, bad, values, unit in (
        ("missing depth", ~np.isfinite(depth), depth, ""),
        ("missing SOC", ~np.isfinite(soc), soc, ""),
        *((reason, broken == k, depth, "m") for k, reason in enumerate(_BROKEN) if reason),
        ("zero SOC", soc == 0, depth, "m"),
        ("unphysical SOC", _outside("obs_soc", soc), soc, "gC m-3"),
        ("unphysical depth", _outside("obs_depth", depth), depth, "m"),
        ("same depth and SOC as a row before", again, depth, "m"),
    ):
        for number in np.flatnonzero(good & bad):
            detail = f"{values[number]:g} {unit}" if unit else ""
            name = str(found[owner[number]])
            report.left_out.append(LeftOut("observation", int(line[number]), name, reason, detail))
        good &= ~bad
    order = np.argsort(owner[good], kind="stable")
    return owner[good][order].astype(np.int64), depth[good][order], soc[good][order]


def _outside(name: str, values: Array) -> NDArray[np.bool_]:
    entry = variable(name)
    return (values < (entry.lower or 0.0)) | (values > (entry.upper or np.inf))


def _identifiers(names: NDArray[np.object_]) -> NDArray[Any]:
    """Names as integers where all are plain ones that fit, as text otherwise."""
    texts = [str(name) for name in names]
    plain = all(text.isascii() and text.isdecimal() and text == str(int(text)) for text in texts)
    if plain and all(len(text) < 18 for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(texts)


def _names(column: pd.Series[Any]) -> NDArray[np.object_]:
    """A column of names as text; "" where there is none."""
    if column.dtype.kind == "f":  # whole numbers with a gap among them come as floats
        whole = column.notna() & (column == column.round())
        text = column.astype(object)
        text[whole] = column[whole].astype("int64").astype(str)
        column = text
    return np.array(["" if pd.isna(v) else str(v).strip() for v in column], dtype=object)


def _number(piece: pd.DataFrame, name: str, mapping: TableMapping, path: Path, start: int) -> Array:
    """A column as numbers, NaN where it is empty.

    Raises
    ------
    InputError
        When it holds text that is no number.
    """
    column = piece[name]
    if column.dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    text = column.astype(object).where(column.notna(), None)
    decimal = mapping.file.get("decimal", ".")
    plain = text.map(lambda v: v.replace(decimal, ".") if isinstance(v, str) else v)
    values = pd.to_numeric(plain, errors="coerce")
    wrong = np.flatnonzero((values.isna() & text.notna()).to_numpy())
    if wrong.size:
        raise InputError(
            f"{path}: column {name} holds {text.iloc[wrong[0]]!r} in row {start + wrong[0] + 1}, "
            "which is no number; if it means missing, list it under file.missing in the mapping"
        )
    return values.to_numpy(dtype=np.float64, na_value=np.nan)
