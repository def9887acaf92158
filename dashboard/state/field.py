"""What the map can show: each quantity with its unit, where it comes from and how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import param
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES
from binn.diagnostics import COMPONENT_NAMES, TRACEABILITY_NAMES
from binn.observations import Observations
from binn.parameters import PARAMETERS, index
from dashboard.state.estimate import Estimate, owners

__all__ = ["COLUMN_DEPTH", "FIELDS", "Field", "FieldChoice", "limits", "site_mean"]

Floats = NDArray[np.float64]

COLUMN_DEPTH = float(INTERFACES[-1])
"""Lower end of the soil column, m."""
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
    """Which field the map shows, over which depths, and how far its colours reach."""

    key = param.Selector(default="soc_stock", objects=list(FIELDS), doc="Key of the field.")
    depth = param.Range(
        default=(0.0, 1.0), bounds=(0.0, COLUMN_DEPTH), doc="Depth range, m (top, bottom)."
    )
    reach = param.Selector(
        default="2-98 %", objects=["2-98 %", "min-max"], doc="What the colour limits span."
    )

    @property
    def field(self) -> Field:
        """The chosen field."""
        return FIELDS[self.key]

    @property
    def title(self) -> str:
        """The field in words, with its depth range where it has one."""
        if not self.field.over_depth:
            return self.field.label
        top, bottom = self.depth
        return f"{self.field.label}, {top:g}–{bottom:g} m"

    def values(self, estimate: Estimate | None, observations: Observations) -> Floats | None:
        """The field at every site, in its unit.

        Parameters
        ----------
        estimate : Estimate or None
            None while it is being computed.
        observations : Observations

        Returns
        -------
        ndarray (site,) or None
            NaN where a site has no value; None if the estimate is needed and not there.
        """
        top, bottom = self.depth
        if self.field.measured:
            return site_mean(observations, observations.soc, top, bottom) * _KILO
        if estimate is None:
            return None
        if self.key == "soc_stock":
            import torch

            from binn.clm5 import stock

            soc = torch.from_numpy(estimate.soc)
            return stock(soc, top=top, bottom=bottom).numpy() * _KILO
        if self.key == "soc_residual":
            difference = estimate.soc_observed_depths - observations.soc
            return site_mean(observations, difference, top, bottom) * _KILO
        if self.field.group == "Components":
            return estimate.components[self.key]
        if self.field.group == "Traceability":
            return estimate.traceability[self.key]
        return estimate.parameters[:, index(self.key)]


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
