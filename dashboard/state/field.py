"""What the map can show: each quantity with its unit, where it comes from and how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import param
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, thickness_inside
from binn.parameters import PARAMETERS, index
from binn.quantities import COMPONENT_NAMES, TRACEABILITY_NAMES
from dashboard.state.estimate import Estimate, owners

if TYPE_CHECKING:
    from binn.observations import Observations

__all__ = [
    "COLUMN_DEPTH",
    "FIELDS",
    "MAP_SOURCES",
    "Field",
    "FieldChoice",
    "limits",
    "site_mean",
    "titled",
    "value_of",
]

Floats = NDArray[np.float64]

COLUMN_DEPTH = float(INTERFACES[-1])
"""Lower end of the soil column, m."""
MAP_SOURCES = {
    "binn": "BINN",
    "proda": "PRODA",
    "difference": "BINN − PRODA",
    "spread": "Spread over folds",
    "truth": "Truth (simulated data)",
}
"""What a map can show of a field."""
_KILO = 1e-3


@dataclass(frozen=True)
class Field:
    """A quantity with one value a site.

    Attributes
    ----------
    key, label, unit, group
        Name in links and exports, name for people, unit, heading it is listed under.
    over_depth : bool
        Whether it depends on the depth range.
    measured : bool
        Whether it comes from observations alone.
    diverging : bool
        Whether zero is its middle.
    """

    key: str
    label: str
    unit: str
    group: str
    over_depth: bool = False
    measured: bool = False
    diverging: bool = False


def _table() -> dict[str, Field]:
    soil, components, trace = "Soil carbon", "Components", "Traceability"
    fields = [
        Field("soc_stock", "SOC stock, simulated", "kgC m-2", soil, over_depth=True),
        Field(
            "soc_observed", "SOC, mean observed", "kgC m-3", soil, over_depth=True, measured=True
        ),
        Field(
            "soc_residual",
            "SOC, simulated − observed",
            "kgC m-3",
            soil,
            over_depth=True,
            diverging=True,
        ),
    ]
    fields += [Field(key, *about, components) for key, about in COMPONENT_NAMES.items()]
    fields += [Field(key, *about, trace) for key, about in TRACEABILITY_NAMES.items()]
    fields += [Field(p.key, p.long_name, p.unit, "Parameters") for p in PARAMETERS]
    return {field.key: field for field in fields}


FIELDS: dict[str, Field] = _table()
"""All fields by key, in the order they are offered."""


class FieldChoice(param.Parameterized):
    """Which field the maps show: where from, over which depths, how far its colours reach."""

    key = param.Selector(default="soc_stock", objects=list(FIELDS), doc="Key of the field.")
    source = param.Selector(
        default="binn", objects=list(MAP_SOURCES), doc="Where the mapped numbers come from."
    )
    on = param.Selector(default="site", objects=["site", "cell"], doc="Sites or grid cells.")
    definition = param.Selector(
        default="stock", objects=["stock", "published"], doc="Definition of the components."
    )
    depth = param.Range(
        default=(0.0, 1.0), bounds=(0.0, COLUMN_DEPTH), doc="Depth range, m (top, bottom)."
    )
    reach = param.Selector(
        default="2-98 %",
        objects=["2-98 %", "min-max", "fixed"],
        doc="What the colour limits span.",
    )
    limits = param.NumericTuple(
        default=(0.0, 1.0), length=2, doc="Colour limits where they are fixed, in the unit shown."
    )

    @property
    def field(self) -> Field:
        """The chosen field."""
        return FIELDS[self.key]

    @property
    def title(self) -> str:
        """The field in words, with its depth range where it has one."""
        return titled(self.field, self.depth, self.definition)

    def values(self, estimate: Estimate | None, observations: Observations) -> Floats | None:
        """The field at every site of an estimate, in its unit; see :func:`value_of`."""
        return value_of(self.field, estimate, observations, self.depth, self.definition)


def titled(field: Field, depth: tuple[float, float], definition: str = "stock") -> str:
    """A field in words, with its depth range, and its definition if it is not the usual one."""
    words = field.label
    if field.over_depth:
        words += f", {depth[0]:g}–{depth[1]:g} m"
    if field.group == "Components" and definition == "published":
        words += ", as published"
    return words


def value_of(
    field: Field,
    estimate: Estimate | None,
    observations: Observations,
    depth: tuple[float, float] = (0.0, 1.0),
    definition: str = "stock",
) -> Floats | None:
    """A field at every site (or cell) of an estimate, in its unit.

    Parameters
    ----------
    field : Field
    estimate : Estimate or None
        None while it is being computed.
    observations : Observations
        Of the dataset; only for what is measured.
    depth : (float, float)
        m, for fields over a depth range.
    definition : {"stock", "published"}
        Of the components.

    Returns
    -------
    ndarray (n,) or None
        NaN where a site has no value; None if the estimate is needed and not there.
    """
    top, bottom = depth
    if field.measured:
        return site_mean(observations, observations.soc, top, bottom) * _KILO
    if estimate is None:
        return None
    if field.key == "soc_stock":
        return estimate.soc @ thickness_inside(top, bottom) * _KILO
    if field.key == "soc_residual":
        difference = estimate.soc_observed_depths - observations.soc
        return site_mean(observations, difference, top, bottom) * _KILO
    if field.group == "Components":
        return estimate.components[definition][field.key]
    if field.group == "Traceability":
        return estimate.traceability[field.key]
    return estimate.parameters[:, index(field.key)]


def site_mean(observations: Observations, values: Floats, top: float, bottom: float) -> Floats:
    """Mean over the observations of each site between two depths.

    Parameters
    ----------
    observations : Observations
    values : ndarray (obs,)
        What to average: the observed SOC, or a difference to it.
    top, bottom : float
        m; both ends belong to the range.

    Returns
    -------
    ndarray (site,)
        NaN at sites without an observation there.
    """
    sites = len(observations.count)
    inside = (observations.depth >= top) & (observations.depth <= bottom)
    site = owners(observations)[inside]
    count = np.bincount(site, minlength=sites)
    total = np.bincount(site, weights=values[inside], minlength=sites)
    return np.divide(total, count, out=np.full(sites, np.nan), where=count > 0)


def limits(
    values: Floats, reach: Literal["2-98 %", "min-max"], diverging: bool
) -> tuple[float, float]:
    """Colour limits: percentiles or extremes of the finite values; symmetric about a middle of 0.

    Always an interval of positive length, so that a constant field has a colour.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, (2, 98) if reach == "2-98 %" else (0, 100))
    if diverging:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        width = abs(low) * 0.5 or 0.5
        low, high = low - width, high + width
    return float(low), float(high)
