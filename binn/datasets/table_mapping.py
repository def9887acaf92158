"""The mapping file of ``binn import table``: which column is what, in which unit.

TOML or JSON; docs/importing.md describes it. Nothing is guessed: what a table does not say, the
mapping has to.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from binn.errors import InputError

__all__ = ["MappedCovariate", "TableMapping", "read_mapping"]

_DENSITY = {"gcm-3": 1000.0, "Mgm-3": 1000.0, "tm-3": 1000.0, "kgdm-3": 1000.0, "kgm-3": 1.0}
_SHARE = {"%": 0.01, "percent": 0.01, "1": 1.0}
#: role -> unit as `_plain` spells it -> factor to m, gC m-3, kg kg-1, kg m-3, m3 m-3
_UNITS: dict[str, dict[str, float]] = {
    "depth": {"m": 1.0, "cm": 0.01, "mm": 0.001},
    "soc": {"gm-3": 1.0, "kgm-3": 1e3, "gdm-3": 1e3, "mgcm-3": 1e3, "gcm-3": 1e6, "Mgm-3": 1e6},
    "organic_carbon": _SHARE | {"gkg-1": 1e-3, "mgg-1": 1e-3, "gg-1": 1.0, "kgkg-1": 1.0},
    "bulk_density": _DENSITY,
    "coarse_fragments": _SHARE | {"m3m-3": 1.0},
}
_SPELLED = {
    "depth": "cm or m",
    "soc": "gC m-3 or kgC m-3",
    "organic_carbon": "% or g kg-1",
    "bulk_density": "g cm-3 or kg m-3",
    "coarse_fragments": "% or 1",
}
_PLACE = ("profile_id", "lon", "lat")
_OBSERVED = ("depth", "upper", "lower", *(name for name in _UNITS if name != "depth"))
_FILE = ("delimiter", "decimal", "encoding", "missing")
_ABOUT = ("title", "licence", "source")


@dataclass(frozen=True)
class MappedCovariate:
    """A covariate of the table: value = column * scale + offset.

    Attributes
    ----------
    column
        Its column.
    scale, offset
        To the unit of the covariate.
    unit, kind
        What it is, where the other dataset has no such covariate; None otherwise.
    """

    column: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class TableMapping:
    """What the columns of a table are.

    Attributes
    ----------
    place
        Columns of "profile_id", "lon" and "lat".
    observed
        Columns (or, for depths, numbers) of the roles that are there ("depth" or "upper" and
        "lower"; "soc" or "organic_carbon", "bulk_density", "coarse_fragments"), one a depth.
        A table with one row an observation has one each.
    factors
        Role -> factor to m, gC m-3, kg kg-1, kg m-3 and m3 m-3.
    wide
        Whether a row is a profile.
    covariates
        By name.
    file, about
        How to read the file; title, licence and source to write.
    """

    place: dict[str, str]
    observed: dict[str, list[str | float]]
    factors: dict[str, float]
    wide: bool
    covariates: dict[str, MappedCovariate] = field(default_factory=dict)
    file: dict[str, Any] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Every column that is read, each once."""
        observed = (c for group in self.observed.values() for c in group if isinstance(c, str))
        mapped = (entry.column for entry in self.covariates.values())
        return list(dict.fromkeys([*self.place.values(), *observed, *mapped]))


def read_mapping(path: Path) -> TableMapping:
    """Read a mapping file.

    Raises
    ------
    InputError
        When it cannot be read, lacks a column or unit, or says something that is not understood.
    """
    content = _content(path)
    columns: dict[str, Any] = dict(content.pop("columns", {}))
    # the same without the table [columns], for short files
    columns |= {key: content.pop(key) for key in (*_PLACE, *_OBSERVED) if key in content}
    units = dict(_section(content, "units", path))
    for role, value in columns.items():
        if isinstance(value, Mapping):
            units |= {role: value["unit"]} if "unit" in value else {}
            columns[role] = value.get("column")
    _only(columns, (*_PLACE, *_OBSERVED), f"{path}: columns")
    _only(units, tuple(_UNITS), f"{path}: units")
    _as_share(columns, units, path)
    for role in _PLACE:
        if not isinstance(columns.get(role), str):
            raise InputError(f'{path} does not say which column is {role}: add {role} = "..."')
    observed, wide = _observed(columns, path)
    read = TableMapping(
        place={role: columns[role] for role in _PLACE},
        observed=observed,
        factors=_factors(observed, units, path),
        wide=wide,
        covariates=_covariates(_section(content, "covariates", path), path),
        file=_section(content, "file", path),
        about=_section(content, "about", path),
    )
    layout = content.pop("layout", None)
    if layout not in (None, "wide" if wide else "long"):
        raise InputError(
            f"{path}: layout {layout!r} does not fit: lists of columns mean one row a profile "
            '("wide"), single columns one row an observation ("long")'
        )
    _only(content, (), str(path))
    _only(read.file, _FILE, f"{path}: file")
    _only(read.about, _ABOUT, f"{path}: about")
    return read


def _content(path: Path) -> dict[str, Any]:
    """The file, as nested dictionaries."""
    try:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise InputError(f"there is no mapping file {path}") from error
    except OSError as error:
        raise InputError(f"cannot read the mapping file {path}: {error.strerror}") from error
    except ValueError as error:  # of TOML, of JSON and of UTF-8 alike
        raise InputError(f"the mapping file {path} cannot be understood: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"the mapping file {path} does not hold names and columns")
    return content


def _section(content: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = content.pop(name, {})
    if not isinstance(section, dict):
        raise InputError(f"{path}: {name} is not a table of names and values")
    return section


def _only(section: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse names that nobody reads: most are misspelt."""
    unknown = [key for key in section if key not in known]
    if unknown:
        allowed = f"; known are {', '.join(known)}" if known else ""
        raise InputError(f"{where} has {unknown[0]!r}, which is not understood{allowed}")


def _as_share(columns: dict[str, Any], units: dict[str, Any], path: Path) -> None:
    """SOC in percent of mass is organic carbon, which needs the bulk density."""
    unit = _plain(units.get("soc", ""))
    if "soc" in columns and unit not in _UNITS["soc"] and unit in _UNITS["organic_carbon"]:
        if "bulk_density" not in columns:
            raise InputError(
                f"{path}: soc in {units['soc']} is a share of mass: add bulk_density, or give soc "
                f"in {_SPELLED['soc']}"
            )
        columns["organic_carbon"] = columns.pop("soc")
        units["organic_carbon"] = units.pop("soc")


def _observed(columns: dict[str, Any], path: Path) -> tuple[dict[str, list[str | float]], bool]:
    """Columns of depths and carbon, and whether a row is a profile."""
    present = {role: columns[role] for role in _OBSERVED if role in columns}
    depth = tuple(role for role in ("depth", "upper", "lower") if role in present)
    if depth not in (("depth",), ("upper", "lower")):
        raise InputError(f"{path} needs depth, or upper and lower, among its columns")
    carbon = {role for role in present if role not in ("depth", "upper", "lower")}
    if carbon != {"soc"} and carbon - {"coarse_fragments"} != {"organic_carbon", "bulk_density"}:
        raise InputError(
            f"{path} needs soc, or organic_carbon and bulk_density (with coarse_fragments or "
            "without), among its columns"
        )
    wide = any(isinstance(value, list) for value in present.values())
    lists = {role: value if isinstance(value, list) else [value] for role, value in present.items()}
    lengths = {len(value) for value in lists.values()}
    if len(lengths) > 1 or 0 in lengths:
        shown = ", ".join(f"{role} {len(value)}" for role, value in lists.items())
        raise InputError(f"{path}: a wide table needs as many columns of each kind, not {shown}")
    for role, values in lists.items():
        numbers = role in ("depth", "upper", "lower") and wide
        for value in values:
            fits = isinstance(value, str) or (
                numbers and isinstance(value, int | float) and not isinstance(value, bool)
            )
            if not fits:
                raise InputError(f"{path}: {role} = {value!r} is no name of a column")
    return lists, wide


def _factors(
    observed: Mapping[str, list[str | float]], units: Mapping[str, Any], path: Path
) -> dict[str, float]:
    """Role -> factor, for every role whose unit matters."""
    factors = {}
    for role in dict.fromkeys("depth" if r in ("upper", "lower") else r for r in observed):
        if role not in units:
            raise InputError(f"{path} does not give the unit of {role}: {_SPELLED[role]}")
        factor = _UNITS[role].get(_plain(units[role]))
        if factor is None:
            raise InputError(
                f"{path}: {units[role]!r} is no unit of {role} that is known: {_SPELLED[role]}"
            )
        factors[role] = factor
    return factors


def _plain(unit: object) -> str:
    """A unit without blanks, with exponents, and without the C of carbon: "kgC/m3" is "kgm-3"."""
    text = re.sub(r"[\s^*·]", "", str(unit))
    text = re.sub(r"/([A-Za-z]+)(\d*)", lambda m: f"{m[1]}-{m[2] or 1}", text)
    return re.sub(r"^(k|M|m)?gC", r"\1g", text)


def _covariates(section: Mapping[str, Any], path: Path) -> dict[str, MappedCovariate]:
    found = {}
    for name, value in section.items():
        entry = {"column": value} if isinstance(value, str) else value
        if not isinstance(entry, Mapping) or not isinstance(entry.get("column"), str):
            raise InputError(f"{path}: covariate {name} needs the name of its column")
        _only(entry, ("column", "scale", "offset", "unit", "kind"), f"{path}: covariate {name}")
        if entry.get("kind") not in (None, "numeric", "category"):
            raise InputError(f"{path}: the kind of {name} is neither numeric nor category")
        try:
            scale, offset = float(entry.get("scale", 1)), float(entry.get("offset", 0))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: scale and offset of {name} are no numbers") from error
        found[name] = MappedCovariate(
            entry["column"], scale, offset, entry.get("unit"), entry.get("kind")
        )
    return found
