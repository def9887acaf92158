"""Time series: stocks and fluxes on the way to another equilibrium."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.style import MUTED, ROLES, drawing, footer, labelled, letter, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TimePanel", "TimeSeries", "series_of_sites", "transient_figure"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One line over the years.

    Attributes
    ----------
    label : str
    values : ndarray (t,)
        Of a site, or the median of many, in the panel's unit.
    role : str
        A key of :data:`binn.figures.style.ROLES`.
    low, high : ndarray (t,), optional
        Quartiles over the sites.
    """

    label: str
    values: Floats
    role: str = "changed"
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, eq=False)
class TimePanel:
    """One quantity.

    Attributes
    ----------
    title, unit : str
        In words; the unit as data files write it.
    series : sequence of TimeSeries
    end : float, optional
        The equilibrium it goes to: a line.
    zero : bool
        Whether it is a change, with a line at 0.
    """

    title: str
    unit: str
    series: Sequence[TimeSeries]
    end: float | None = None
    zero: bool = False


def series_of_sites(label: str, values: Floats, role: str = "changed") -> TimeSeries:
    """The line of several sites: median with quartiles; of a single site without.

    Parameters
    ----------
    values : ndarray (t, site)
    """
    if values.shape[1] == 1:
        return TimeSeries(label, values[:, 0], role)
    low, middle, high = np.percentile(values, (25, 50, 75), axis=1)
    return TimeSeries(label, middle, role, low, high)


def transient_figure(
    years: Floats,
    panels: Sequence[TimePanel],
    *,
    title: str = "",
    columns: str = "double",
    notice: str = "",
) -> Figure:
    """Quantities against years since the change: beside each other, or in a single column below.

    Parameters
    ----------
    years : ndarray (t,)
        Since the change.
    panels : sequence of TimePanel
        Each with series of t values.
    title : str
        What changed.
    columns : {"single", "double"}
        Width of the figure.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        If there is no panel, or a series has another number of years.
    """
    if not panels:
        raise InputError("there is no time series to draw")
    for panel in panels:
        for series in panel.series:
            if np.shape(series.values) != np.shape(years):
                raise InputError(
                    f"{series.label}: {np.shape(series.values)} values for {np.shape(years)} years"
                )
    with drawing():
        wide = columns == "double"
        figure = new_figure(columns, 68.0 if wide else 58.0 * len(panels) + 6.0)
        shape = (1, len(panels)) if wide else (len(panels), 1)
        grid = figure.subplots(*shape, squeeze=False, sharex=True)
        for k, (axes, panel) in enumerate(zip(grid.ravel(), panels, strict=True)):
            _draw(axes, np.asarray(years), panel)
            if wide or k == len(panels) - 1:
                axes.set_xlabel("Years since the change")
            if len(panels) > 1:
                letter(axes, string.ascii_lowercase[k])
        if title:
            figure.suptitle(title, fontsize=7)
        footer(figure, notice)
    return figure


def _draw(axes: Axes, years: Floats, panel: TimePanel) -> None:
    if panel.zero:
        axes.axhline(0.0, color=MUTED, linewidth=0.5, zorder=0)
    for series in panel.series:
        colour, _, dash = ROLES[series.role]
        label = series.label
        if series.low is not None and series.high is not None:
            axes.fill_between(years, series.low, series.high, color=colour, alpha=0.18, linewidth=0)
            label += " (median, quartiles)"
        axes.plot(years, series.values, color=colour, linestyle=dash, label=label)
    if panel.end is not None:
        axes.axhline(panel.end, color=MUTED, linewidth=0.7, linestyle=":", label="new equilibrium")
    axes.set_ylabel(labelled(panel.title, panel.unit))
    axes.set_xlim(float(years[0]), float(years[-1]) if len(years) > 1 else float(years[0]) + 1.0)
    if axes.get_legend_handles_labels()[0]:
        # above the axes: lines and bands may be anywhere within
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, ncols=2)
