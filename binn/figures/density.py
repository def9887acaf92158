"""Density scatter: how often two numbers of one place or point fall together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.style import INK, MUTED, ROLES, colormap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LinearSegmentedColormap

__all__ = ["draw_density", "mark_selected", "pairs"]

Floats = NDArray[np.float64]

_FEW, _MANY = 60, 1_000
"""Up to so many selected points they are drawn large, beyond so many small."""


def pairs(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Both values where both are finite.

    Raises
    ------
    InputError
        If they differ in number, or no pair is left.
    """
    first, second = (np.asarray(one, dtype=np.float64).ravel() for one in (first, second))
    if first.shape != second.shape:
        raise InputError(f"{len(first)} and {len(second)} values cannot be paired")
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        raise InputError("there is no pair of values to compare")
    return first[known], second[known]


def draw_density(
    axes: Axes,
    x: Floats,
    y: Floats,
    limits: tuple[float, float],
    bins: int = 45,
    log: bool = False,
    grey: bool = False,
) -> PolyCollection:
    """Counts in hexagons, on a logarithmic scale of colours, with the line of equality.

    Parameters
    ----------
    axes : Axes
    x, y : ndarray (n,)
        Finite.
    limits : (float, float)
        Of both axes; what lies beyond is not drawn.
    bins : int
        Hexagons across.
    log : bool
        Logarithmic axes; limits positive.
    grey : bool
        Greys instead of colours, so that the marks of a selection stand out.
    """
    low, high = limits
    inside = (x >= low) & (x <= high) & (y >= low) & (y <= high)
    ends = tuple(np.log10(limits)) if log else (low, high)
    scale: dict[str, Any] = {"xscale": "log", "yscale": "log"} if log else {}
    drawn = axes.hexbin(
        x[inside],
        y[inside],
        gridsize=(bins, round(bins / np.sqrt(3.0))),
        extent=(*ends, *ends),
        mincnt=1,
        bins="log",
        cmap=_greys() if grey else colormap("batlow"),
        linewidths=0.1,
        **scale,
    )
    axes.plot([low, high], [low, high], color=INK, linewidth=0.5, linestyle=(0, (4, 3)), zorder=3)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.tick_params(color=MUTED)
    return drawn


def mark_selected(axes: Axes, x: Floats, y: Floats) -> None:
    """Those that are selected, upon the density."""
    few, many = len(x) <= _FEW, len(x) > _MANY
    axes.scatter(
        x,
        y,
        s=9.0 if few else 1.2 if many else 3.5,
        color=ROLES["changed"][0],
        alpha=1.0 if few else 0.5 if many else 0.9,
        linewidths=0.5 if few else 0.0,
        edgecolors="white" if few else "none",
        rasterized=many,
        zorder=4,
    )


def _greys() -> LinearSegmentedColormap:
    """From a light grey to the ink."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("greys", ["#d5dade", INK])
