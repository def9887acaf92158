"""Simulated against observed SOC: density with scores, residuals by depth and biome, a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, TOPS
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.figures.density import draw_density, mark_selected
from binn.figures.maps import MapField, Places, albers, colour_bar, draw_map
from binn.figures.style import (
    MUTED,
    ROLES,
    decades,
    drawing,
    footer,
    labelled,
    letter,
    new_figure,
    short,
    written_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Evaluated", "ResidualGroup", "evaluation_figure", "residuals"]

Floats = NDArray[np.float64]

_KILO = 1e-3
_ROW, _FRAME = 4.8, 20.0
"""mm: of a group of residuals, and of what is around them."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Observations and what a model makes of them.

    Attributes
    ----------
    observed, simulated : ndarray (obs,)
        gC m-3.
    depth : ndarray (obs,)
        m.
    biome : ndarray (obs,) of str
        Of the site of each observation; "" where there is none.
    selected : (ndarray (k,), ndarray (k,)), optional
        Observed and simulated SOC of selected sites, gC m-3: marked, whether they are among the
        others or not.
    """

    observed: Floats
    simulated: Floats
    depth: Floats
    biome: NDArray[np.str_]
    selected: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class ResidualGroup:
    """Simulated minus observed of some observations.

    Attributes
    ----------
    label : str
    n : int
    median, low, high : float
        Median and quartiles, gC m-3.
    outer : (float, float)
        5th and 95th percentile, gC m-3.
    bias : float
        Mean, gC m-3.
    """

    label: str
    n: int
    median: float
    low: float
    high: float
    outer: tuple[float, float]
    bias: float


def residuals(evaluated: Evaluated, by: str) -> list[ResidualGroup]:
    """The residual by layer of the soil column or by biome.

    Parameters
    ----------
    by : {"depth", "biome"}
        Layers from the surface down; biomes by name. Empty ones are left out.
    """
    residual = evaluated.simulated - evaluated.observed
    if by == "depth":
        layer = np.searchsorted(INTERFACES, evaluated.depth, side="right")
        layer = np.minimum(layer, len(INTERFACES) - 1)  # the lower end belongs to the last layer
        ends = enumerate(zip(TOPS, INTERFACES, strict=True))
        groups = [(f"{top:g}–{bottom:g}", layer == k) for k, (top, bottom) in ends]
    elif by == "biome":
        names = [str(name) for name in np.unique(evaluated.biome) if name]
        groups = [(name, evaluated.biome == name) for name in names]
    else:
        raise InputError(f"residuals are grouped by 'depth' or 'biome', not by {by!r}")
    found = []
    for label, inside in groups:
        if inside.any():
            some = residual[inside]
            at = np.percentile(some, (5, 25, 50, 75, 95))
            least, low, middle, high, most = (float(one) for one in at)
            n, bias = int(inside.sum()), float(some.mean())
            found.append(ResidualGroup(label, n, middle, low, high, (least, most), bias))
    return found


def evaluation_figure(
    evaluated: Evaluated,
    deviation: tuple[Places, MapField] | None = None,
    *,
    columns: str = "double",
    title: str = "",
    notice: str = "",
) -> Figure:
    """Density scatter with scores; residual by depth and by biome; a map of the deviation.

    Parameters
    ----------
    evaluated : Evaluated
    deviation : (Places, MapField), optional
        What simulated SOC is off at the sites.
    columns : {"single", "double"}
        Width; in a single column the panels stand below each other.
    title : str
        Which model on which data.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        For no observations, or values that are not finite.
    """
    scores = metrics(evaluated.observed, evaluated.simulated)
    with drawing():
        biomes = residuals(evaluated, "biome")
        depths = residuals(evaluated, "depth")
        figure, axes = _panels(columns, len(depths), len(biomes), deviation is not None)
        first, second, third = axes[:3]
        _density(figure, first, evaluated, scores)
        _groups(second, depths)
        _groups(third, biomes)
        second.set_ylabel("Depth (m)")
        second.legend(
            loc="lower right",
            bbox_to_anchor=(1.06, 0.99),
            ncols=2,
            handletextpad=0.1,
            columnspacing=0.8,
            fontsize=5,
            title="bar: quartiles, line: 5–95 %",
            title_fontsize=5,
        )
        if deviation is not None:
            places, field = deviation
            drawn = draw_map(axes[3], places, field)
            colour_bar(figure, drawn, axes[3], field, shrink=0.8)
            axes = [first, axes[3], second, third]
        for one, name in zip(axes, "abcd", strict=False):
            letter(one, name)
        if title:
            figure.suptitle(title, fontsize=7)
        footer(figure, notice)
    return figure


def _panels(columns: str, depths: int, biomes: int, mapped: bool) -> tuple[Figure, list[Any]]:
    """Axes of the density, of both residuals and, last, of the map."""
    wide = columns == "double"
    low = _FRAME + _ROW * max(depths, biomes)
    if not wide:
        heights = [64.0, *([48.0] * mapped), *(_FRAME + _ROW * n for n in (depths, biomes))]
        figure = new_figure(columns, sum(heights))
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        slots = [grid[0], grid[len(heights) - 2], grid[len(heights) - 1], grid[1]]
    elif mapped:
        figure = new_figure(columns, 80.0 + low)
        grid = figure.add_gridspec(2, 2, height_ratios=[80.0, low])
        slots = [grid[0, 0], grid[1, 0], grid[1, 1], grid[0, 1]]
    else:
        figure = new_figure(columns, max(80.0, low))
        grid = figure.add_gridspec(1, 3, width_ratios=[1.3, 0.72, 0.72])
        slots = [grid[0], grid[1], grid[2]]
    axes: list[Any] = [figure.add_subplot(slot) for slot in slots[:3]]
    if mapped:
        axes.append(figure.add_subplot(slots[3], projection=albers()))
    return figure, axes


def _density(figure: Figure, axes: Axes, evaluated: Evaluated, scores: dict[str, float]) -> None:
    """Observed and simulated SOC on logarithmic axes, with the scores of the plain numbers."""
    x, y = evaluated.observed * _KILO, evaluated.simulated * _KILO
    positive = np.concatenate([x[x > 0], y[y > 0]])
    low, high = (float(one) for one in np.percentile(positive, (0.2, 100.0)))
    selected = evaluated.selected
    marked = selected is not None and len(selected[0]) > 0
    drawn = draw_density(axes, x, y, (0.8 * low, 1.2 * high), bins=55, log=True, grey=marked)
    if selected is not None and marked:
        mark_selected(axes, selected[0] * _KILO, selected[1] * _KILO)
        some = metrics(*selected)
        axes.text(
            0.97,
            0.03,
            f"{some['n']:,} selected, NSE = {short(some['nse'])}",
            transform=axes.transAxes,
            fontsize=6,
            color=ROLES["changed"][0],
            va="bottom",
            ha="right",
        )
    bar = figure.colorbar(drawn, ax=axes, aspect=30, pad=0.02, shrink=0.8)
    bar.set_label("observations")
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    decades(axes.xaxis)
    decades(axes.yaxis)
    axes.set_xlabel(labelled("Observed SOC", "kgC m-3"))
    axes.set_ylabel(labelled("Simulated SOC", "kgC m-3"))
    unit = written_unit("kgC m-3")
    axes.set_anchor("N")
    lines = [
        f"NSE = {short(scores['nse'])}",
        f"r = {short(scores['r'])}",
        f"RMSE = {short(scores['rmse'] * _KILO)} {unit}",
        f"bias = {short(scores['bias'] * _KILO)} {unit}",
        f"n = {scores['n']:,}",
    ]
    axes.text(
        0.03,
        0.97,
        "\n".join(lines),
        transform=axes.transAxes,
        fontsize=6,
        va="top",
        ha="left",
        linespacing=1.35,
    )


def _groups(axes: Axes, groups: list[ResidualGroup]) -> None:
    """Median, quartiles, 5 and 95 % and mean of each group, from the top down."""
    colour = ROLES["binn"][0]
    at = np.arange(len(groups))
    style: dict[str, Any] = {"linestyle": "none", "zorder": 3}
    axes.axvline(0.0, color=MUTED, linewidth=0.5, zorder=0)
    outer = np.array([one.outer for one in groups]).T * _KILO
    axes.hlines(at, *outer, color=colour, linewidth=0.5, alpha=0.7)
    axes.hlines(
        at,
        [one.low * _KILO for one in groups],
        [one.high * _KILO for one in groups],
        color=colour,
        linewidth=2.4,
        alpha=0.35,
    )
    axes.plot(
        [one.median * _KILO for one in groups], at, marker="o", color=colour, label="median",
        **style,
    )  # fmt: skip
    axes.plot(
        [one.bias * _KILO for one in groups], at, marker="D", markerfacecolor="white",
        markeredgecolor=colour, markeredgewidth=0.7, markersize=2.6, label="mean", **style,
    )  # fmt: skip
    axes.set_yticks(at, [f"{one.label}\nn = {one.n:,}" for one in groups], fontsize=5)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Simulated − observed\n({written_unit('kgC m-3')})")
