"""SOC over depth: what was observed, and what one or several sets of parameters give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, NODES
from binn.errors import InputError
from binn.figures.style import INK, ROLES, decades, drawing, footer, labelled, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Observed", "ProfileLine", "draw_profile", "profile_figure", "profile_of_sites"]

Floats = NDArray[np.float64]

_KILO = 1e-3
_DEFAULT_BOTTOM = 2.0
_FEW, _MANY = 100, 2000


@dataclass(frozen=True, eq=False)
class Observed:
    """Observations of the sites shown.

    Attributes
    ----------
    depth : ndarray (obs,)
        m.
    soc : ndarray (obs,)
        gC m-3.
    """

    depth: Floats
    soc: Floats


@dataclass(frozen=True, eq=False)
class ProfileLine:
    """SOC at the twenty layers.

    Attributes
    ----------
    label : str
        "BINN", "PRODA", ...
    soc : ndarray (20,)
        gC m-3: of a site, or the median of many.
    role : str
        A key of :data:`binn.figures.style.ROLES`: colour, marker and line.
    low, high : ndarray (20,), optional
        Quartiles over the sites, gC m-3.
    """

    label: str
    soc: Floats
    role: str = "binn"
    low: Floats | None = None
    high: Floats | None = None


def profile_of_sites(label: str, soc: Floats, role: str = "binn") -> ProfileLine:
    """The line of several sites: median with quartiles; of a single site without.

    Parameters
    ----------
    soc : ndarray (site, 20)
        gC m-3.
    """
    if len(soc) == 1:
        return ProfileLine(label, soc[0], role)
    low, middle, high = np.percentile(soc, (25, 50, 75), axis=0)
    return ProfileLine(label, middle, role, low, high)


def profile_figure(
    lines: Sequence[ProfileLine],
    observed: Observed | None = None,
    *,
    title: str = "",
    bottom: float | None = None,
    log: bool = False,
    columns: str = "single",
    notice: str = "",
) -> Figure:
    """SOC against depth.

    Parameters
    ----------
    lines : sequence of ProfileLine
        The first one of role "binn", or else the first of all, has its quartiles as a band: bands
        upon each other could not be told apart.
    observed : Observed, optional
        Points.
    title : str
        Whose profile it is.
    bottom : float, optional
        Deepest depth shown, m; by default what holds the observations, at least 2 m.
    log : bool
        Logarithmic SOC.
    columns : {"single", "double"}
        Width of the figure.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        If there is nothing to draw, or a line has not one value a layer.
    """
    with drawing():
        figure = new_figure(columns, 95.0)
        axes = figure.add_subplot()
        draw_profile(axes, lines, observed, bottom, log)
        if title:
            axes.set_title(title, pad=6)
        footer(figure, notice)
    return figure


def draw_profile(
    axes: Axes,
    lines: Sequence[ProfileLine],
    observed: Observed | None = None,
    bottom: float | None = None,
    log: bool = False,
) -> None:
    """Draw profiles on axes; see :func:`profile_figure`."""
    from matplotlib.collections import PathCollection

    seen = observed is not None and len(observed.depth) > 0
    if not lines and not seen:
        raise InputError("a profile needs at least one line or one observation")
    if bottom is None:
        deepest = 0.0
        if observed is not None and seen:  # a few very deep ones should not flatten all others
            many = len(observed.depth) > _FEW
            deepest = float(np.percentile(observed.depth, 99.0 if many else 100.0))
        bottom = min(max(_DEFAULT_BOTTOM, 1.05 * deepest), float(INTERFACES[-1]))
    if observed is not None and seen:
        n = len(observed.depth)
        # rings where single observations matter, dots where their density does
        size, alpha = (9.0, 1.0) if n <= _FEW else (3.0, 0.35) if n <= _MANY else (0.8, 0.12)
        axes.scatter(
            observed.soc * _KILO,
            observed.depth,
            s=size,
            alpha=alpha,
            facecolors="none" if n <= _FEW else INK,
            edgecolors=INK if n <= _FEW else "none",
            linewidths=0.6,
            rasterized=n > _MANY,
            label=f"observed, n = {n:,}",
            zorder=1,
        )
    banded = _banded(lines)
    for line in lines:
        soc = np.asarray(line.soc, dtype=np.float64)
        if soc.shape != NODES.shape:
            raise InputError(
                f"{line.label}: {soc.shape} values, expected one for each layer, (20,)"
            )
        colour, marker, dash = ROLES[line.role]
        inside = bottom + 0.5 >= NODES  # one node beyond, so that the line leaves the frame
        label = line.label
        if line.low is not None and line.high is not None:
            label += " (median, quartiles)" if line is banded else " (median)"
        if line is banded and line.low is not None and line.high is not None:
            axes.fill_betweenx(
                NODES, line.low * _KILO, line.high * _KILO, color=colour, alpha=0.18, linewidth=0
            )
        axes.plot(
            np.where(soc > 0, soc, np.nan if log else 0.0) * _KILO,
            NODES,
            color=colour,
            linestyle=dash,
            marker=marker,
            markevery=list(np.flatnonzero(inside)),
            label=label,
            zorder=3,
        )
    axes.set_ylim(bottom, 0.0)
    axes.set_ylabel("Depth (m)")
    axes.set_xlabel(labelled("Soil organic carbon", "kgC m-3"))
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    axes.spines["bottom"].set_visible(False)
    axes.spines["top"].set_visible(True)
    _limit_soc(axes, lines, observed, bottom, log)
    legend = axes.legend(loc="lower right")
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):  # a dot that can be seen
            handle.set_alpha(1.0)
            handle.set_sizes([6.0])


def _banded(lines: Sequence[ProfileLine]) -> ProfileLine | None:
    """The line whose quartiles are drawn."""
    return next((line for line in lines if line.role == "binn"), next(iter(lines), None))


def _ends(lines: Sequence[ProfileLine], end: str) -> list[Floats]:
    """What the axis has to hold: all lines, and an end of the one band."""
    bound = getattr(_banded(lines), end, None)
    return [line.soc for line in lines] + ([] if bound is None else [bound])


def _limit_soc(
    axes: Axes,
    lines: Sequence[ProfileLine],
    observed: Observed | None,
    bottom: float,
    log: bool,
) -> None:
    """SOC from 0, or over the decades that the lines span within the depths shown."""
    shown = bottom >= NODES
    values = [one[shown] for one in _ends(lines, "high")]
    if observed is not None and len(observed.soc):
        # a few organic horizons should not press everything else against the axis
        few = len(observed.soc) <= _FEW
        values.append(np.percentile(observed.soc, [100.0 if few else 95.0]))
    highest = _KILO * float(np.max(np.concatenate(values)))
    if not log:
        axes.set_xlim(0.0, 1.06 * highest if highest > 0 else 1.0)
        return
    low = [one[shown] for one in _ends(lines, "low")]
    if observed is not None and len(observed.soc):
        low.append(np.asarray(observed.soc))
    positive = np.concatenate(low)
    positive = positive[positive > 0]
    lowest = _KILO * float(positive.min()) if len(positive) else 1e-3
    axes.set_xscale("log")
    axes.set_xlim(max(0.8 * lowest, 1e-6 * highest), 1.3 * highest)
    decades(axes.xaxis)
