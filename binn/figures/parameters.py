"""The 21 parameters on their prior ranges, by mechanism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.style import (
    INK,
    MUTED,
    ROLES,
    drawing,
    footer,
    new_figure,
    plain_number,
    short,
    written_unit,
)
from binn.parameters import MECHANISMS, PARAMETERS, to_normalised

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ParameterValues", "parameters_figure", "parameters_of_sites"]

Floats = NDArray[np.float64]

_BAR = "#e8ebee"
_OUTSIDE = 0.04
"""Values outside the prior are drawn this far beyond its end, with an open marker."""


@dataclass(frozen=True, eq=False)
class ParameterValues:
    """One set of parameters.

    Attributes
    ----------
    label : str
        "BINN", "PRODA", ...
    values : ndarray (21,)
        Physical units, table order: of a site, or the median of many.
    role : str
        A key of :data:`binn.figures.style.ROLES`.
    low, high : ndarray (21,), optional
        Quartiles over the sites, physical units.
    """

    label: str
    values: Floats
    role: str = "binn"
    low: Floats | None = None
    high: Floats | None = None


def parameters_of_sites(label: str, parameters: Floats, role: str = "binn") -> ParameterValues:
    """The values of several sites: median with quartiles; of a single site without.

    Parameters
    ----------
    parameters : ndarray (site, 21)
        Physical units, table order.
    """
    if len(parameters) == 1:
        return ParameterValues(label, parameters[0], role)
    low, middle, high = np.percentile(parameters, (25, 50, 75), axis=0)
    return ParameterValues(label, middle, role, low, high)


def parameters_figure(
    series: Sequence[ParameterValues],
    *,
    title: str = "",
    columns: str = "double",
    notice: str = "",
) -> Figure:
    """Each parameter's value on its prior range.

    Parameters
    ----------
    series : sequence of ParameterValues
        Sets of parameters, drawn with a colour and a marker each.
    title : str
        Whose parameters they are.
    columns : {"single", "double"}
        Width of the figure; the double column writes the long names.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        If there is no set, or one has not 21 values.
    """
    if not series:
        raise InputError("there are no parameters to draw")
    for one in series:
        if np.shape(one.values) != (len(PARAMETERS),):
            raise InputError(f"{one.label}: {np.shape(one.values)} values, expected (21,)")
    with drawing():
        figure = new_figure(columns, 118.0)
        axes = figure.add_subplot()
        rows = _rows()
        _ranges(axes, rows, long=columns == "double")
        shift = np.linspace(-0.22, 0.22, len(series)) if len(series) > 1 else np.zeros(1)
        for one, up in zip(series, shift, strict=True):
            _draw(axes, one, rows + up)
        axes.set_xlim(-0.01 - _OUTSIDE, 1.01 + _OUTSIDE)
        axes.set_ylim(rows.max() + 0.9, rows.min() - 1.3)
        axes.set_xticks([0.0, 0.5, 1.0], ["lower", "prior range", "upper"])
        axes.tick_params(axis="both", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(series))
        if title:
            axes.set_title(title, loc="left")
        footer(figure, notice)
    return figure


def _rows() -> Floats:
    """Where each parameter stands: by mechanism, with a gap between mechanisms; (21,)."""
    at = np.empty(len(PARAMETERS))
    row = 0.0
    for mechanism in MECHANISMS:
        row += 1.0  # the heading
        for k, parameter in enumerate(PARAMETERS):
            if parameter.mechanism == mechanism:
                at[k] = row
                row += 1.0
        row += 0.25
    return at


def _ranges(axes: Axes, rows: Floats, long: bool) -> None:
    """Prior ranges as bars, with names, ends and headings."""
    axes.barh(rows, 1.0, height=0.62, color=_BAR, zorder=0)
    names = []
    for row, parameter in zip(rows, PARAMETERS, strict=True):
        unit = written_unit(parameter.unit)
        name = f"{parameter.long_name}, {parameter.key}" if long else parameter.key
        names.append(f"{name} ({unit})" if unit else name)
        for x, value, side in ((0.006, parameter.lower, "left"), (0.994, parameter.upper, "right")):
            axes.text(x, row, plain_number(value), fontsize=4.6, color=MUTED, ha=side, va="center")
    axes.set_yticks(rows, names)
    for mechanism in MECHANISMS:
        first = min(r for r, p in zip(rows, PARAMETERS, strict=True) if p.mechanism == mechanism)
        axes.text(0.0, first - 0.82, mechanism, fontweight="bold", va="center", fontsize=6)


def _draw(axes: Axes, one: ParameterValues, rows: Floats) -> None:
    """Values with their quartiles; open markers beyond the range."""
    colour, marker, _ = ROLES[one.role]
    u = to_normalised(np.asarray(one.values, dtype=np.float64))
    inside = (u >= -1e-6) & (u <= 1.0 + 1e-6)
    if one.low is not None and one.high is not None:
        low, high = (np.clip(to_normalised(end), 0.0, 1.0) for end in (one.low, one.high))
        axes.hlines(rows, low, high, color=colour, linewidth=1.2, alpha=0.55, zorder=2)
    label = one.label + (" (median, quartiles)" if one.low is not None else "")
    style: dict[str, Any] = {"linestyle": "none", "marker": marker, "markersize": 3.4, "zorder": 3}
    axes.plot(
        np.where(inside, u, np.nan), rows, color=colour, markeredgewidth=0, label=label, **style
    )
    if not inside.all():
        beyond = np.where(u < 0.5, -_OUTSIDE, 1.0 + _OUTSIDE)
        axes.plot(
            np.where(inside, np.nan, beyond),
            rows,
            markerfacecolor="white",
            markeredgecolor=colour,
            markeredgewidth=0.8,
            **style,
        )
        for k in np.flatnonzero(~inside):
            axes.annotate(
                short(float(one.values[k])),
                (float(beyond[k]), float(rows[k])),
                xytext=(0, 2.6),
                textcoords="offset points",
                fontsize=4.4,
                color=INK,
                ha="center",
                va="bottom",
            )
