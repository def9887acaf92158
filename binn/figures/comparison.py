"""Two answers side by side (Fig. 5 of Xu et al. 2025): maps, their difference, their agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.density import draw_density, mark_selected, pairs
from binn.figures.maps import MapField, Places, albers, colour_limits, draw_map
from binn.figures.style import COLUMNS, MM, MUTED, ROLES, drawing, labelled, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ComparisonRow", "comparison_figure", "correlation"]

Floats = NDArray[np.float64]

# mm: what stands where in a row, from the left and from the top
_MAP = {"double": (45.5, 28.7), "single": (50.0, 31.5)}
_TITLE, _BAR, _BELOW, _HEAD, _FOOT, _GAP = 4.2, 1.5, 6.5, 5.0, 5.0, 1.0
_SCATTER_LEFT, _SCATTER_RIGHT = 9.0, 1.5


@dataclass(frozen=True, eq=False)
class ComparisonRow:
    """One quantity by two sources.

    Attributes
    ----------
    title, unit : str
        In words; the unit as data files write it.
    first, second : ndarray (n,)
        At the same places; NaN where a source has no value.
    limits : (float, float), optional
        Ends of the colours of both maps; by default the 2nd and 98th percentile.
    reach : float, optional
        Colours of the difference go from -reach to reach; by default to its 98th percentile.
    span : (float, float), optional
        Ends of both axes of the scatter.
    """

    title: str
    unit: str
    first: Floats
    second: Floats
    limits: tuple[float, float] | None = None
    reach: float | None = None
    span: tuple[float, float] | None = None


def correlation(row: ComparisonRow, chosen: NDArray[np.bool_] | None = None) -> tuple[float, int]:
    """Pearson's r and the number of places where both sources have a value.

    Parameters
    ----------
    row : ComparisonRow
    chosen : ndarray (n,) of bool, optional
        Only these places.
    """
    here = slice(None) if chosen is None else chosen
    first, second = pairs(row.first[here], row.second[here])
    if first.std() == 0.0 or second.std() == 0.0:
        return float("nan"), len(first)
    return float(np.corrcoef(first, second)[0, 1]), len(first)


def comparison_figure(
    places: Places,
    rows: Sequence[ComparisonRow],
    names: tuple[str, str] = ("BINN", "PRODA"),
    *,
    chosen: NDArray[np.bool_] | None = None,
    columns: str = "double",
    notice: str = "",
) -> Figure:
    """A row for each quantity: both maps on one scale, the difference, and a density scatter.

    Parameters
    ----------
    places : Places
        Sites or grid cells.
    rows : sequence of ComparisonRow
        Usually the six components.
    names : (str, str)
        The two sources: the first stands on the vertical axis of the scatter.
    chosen : ndarray (n,) of bool, optional
        Places that are selected: the others are faint on the maps, these marked in the scatter.
    columns : {"single", "double"}
        Width; the single column leaves out the maps of the sources, which need room.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        If there is no row, or one has no place with both values.
    """
    if not rows:
        raise InputError("there is nothing to compare")
    for row in rows:
        pairs(row.first, row.second)
    wide = columns == "double"
    with drawing():
        sheet = _Sheet(columns, len(rows), _FOOT if notice else 1.0)
        for k, row in enumerate(rows):
            shown = _maps(sheet, k, places, row, names, wide, chosen)
            _agreement(sheet, k, len(shown), row, names, chosen)
            _headings(shown, k, row, (*names, f"{names[0]} − {names[1]}")[-len(shown) :])
        if notice:
            sheet.figure.text(
                0.995,
                0.3 * _FOOT / sheet.height,
                notice,
                fontsize=5,
                color=MUTED,
                ha="right",
                va="bottom",
            )
    return sheet.figure


class _Sheet:
    """A figure whose panels are placed in millimetres: rows of maps with a scatter at their end."""

    def __init__(self, columns: str, rows: int, foot: float) -> None:
        self.width, self.map = COLUMNS.get(columns, 0.0), _MAP.get(columns, (0.0, 0.0))
        self.row = _TITLE + self.map[1] + _BELOW
        self.height = _HEAD + rows * self.row + foot
        self.figure = new_figure(columns, self.height)
        self.figure.set_layout_engine("none")

    def add(self, left: float, top: float, width: float, height: float, **options: Any) -> Any:
        """Axes with a place given in mm from the upper left corner."""
        box = (
            left / self.width,
            1.0 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        return self.figure.add_axes(box, **options)

    def top(self, k: int) -> float:
        """Upper edge of the panels of row `k`, mm."""
        return _HEAD + k * self.row + _TITLE


def _maps(
    sheet: _Sheet,
    k: int,
    places: Places,
    row: ComparisonRow,
    names: tuple[str, str],
    wide: bool,
    chosen: NDArray[np.bool_] | None,
) -> list[Any]:
    """Both sources with their shared colours, and the first less the second."""
    shared = row.limits or colour_limits(row.first, row.second)
    each = [
        MapField(one, row.title, row.unit, limits=shared, chosen=chosen)
        for one in (row.first, row.second)
    ]
    difference = row.first - row.second
    reach = row.reach
    if reach is None:  # differences of rounding are no pattern
        reach = max(colour_limits(difference, diverging=True)[1], 1e-3 * (shared[1] - shared[0]))
    apart = MapField(
        difference,
        f"{row.title}: {names[0]} − {names[1]}",
        row.unit,
        diverging=True,
        limits=(-reach, reach),
        chosen=chosen,
    )
    shown = [*each, apart] if wide else [apart]
    width, height = sheet.map
    top, step = sheet.top(k), width + _GAP
    axes = [
        sheet.add(_GAP + j * step, top, width, height, projection=albers())
        for j in range(len(shown))
    ]
    drawn = [draw_map(one, places, field) for one, field in zip(axes, shown, strict=True)]
    bars = [(drawn[-1], (len(shown) - 1) * step, width)]
    if wide:
        bars.append((drawn[0], 0.0, 2 * width + _GAP))
    for one, left, across in bars:
        place = sheet.add(_GAP + left + 0.2 * across, top + height + 0.6, 0.6 * across, _BAR)
        bar = sheet.figure.colorbar(one, cax=place, orientation="horizontal", extend="both")
        place.tick_params(labelsize=5, length=1.5, pad=1)
        bar.outline.set_linewidth(0.3)  # type: ignore[operator]
        bar.locator = _few_ticks()
        bar.update_ticks()
    return axes


def _headings(axes: list[Any], k: int, row: ComparisonRow, heads: tuple[str, ...]) -> None:
    """Letter and quantity of the row; above the first, what each column shows."""
    axes[0].annotate(
        chr(ord("a") + k),
        (0.0, 1.0),
        xytext=(0, 2),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        fontweight="bold",
        va="bottom",
    )
    axes[0].annotate(
        labelled(row.title, row.unit),
        (0.0, 1.0),
        xytext=(9, 2.5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6.5,
        va="bottom",
    )
    if k == 0:
        for one, head in zip(axes, heads, strict=True):
            one.annotate(
                head,
                (0.5, 1.0),
                xytext=(0, 0.9 * (_TITLE + _HEAD) * MM * 36 + 6),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=7,
                fontweight="bold",
                ha="center",
                va="bottom",
            )


def _agreement(
    sheet: _Sheet,
    k: int,
    maps: int,
    row: ComparisonRow,
    names: tuple[str, str],
    chosen: NDArray[np.bool_] | None,
) -> None:
    """The first source against the second, with r and n of all and of those selected."""
    left = _GAP + maps * (sheet.map[0] + _GAP) + _SCATTER_LEFT
    side = min(sheet.width - left - _SCATTER_RIGHT, sheet.map[1])
    axes = sheet.add(left, sheet.top(k) + 0.5 * (sheet.map[1] - side), side, side)
    first, second = pairs(row.first, row.second)
    span = row.span
    if span is None:
        both = np.concatenate([first, second])
        low, high = (float(one) for one in np.percentile(both, (0.5, 99.5)))
        pad = 0.04 * (high - low) or 0.5
        span = low - pad, high + pad
    marked = chosen is not None and bool(np.isfinite(row.first + row.second)[chosen].any())
    draw_density(axes, second, first, span, bins=32, grey=marked)
    if marked:
        mark_selected(axes, row.second[chosen], row.first[chosen])
        picked, count = correlation(row, chosen)
        axes.text(
            0.03,
            0.98,
            f"r = {short(picked)}\nn = {count:,} selected",
            transform=axes.transAxes,
            fontsize=4.5,
            color=ROLES["changed"][0],
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
            zorder=5,
        )
    r, n = correlation(row)
    axes.set_title(f"r = {short(r)}, n = {n:,}", fontsize=5.5, pad=3)
    axes.set_xlabel(names[1], fontsize=5.5, labelpad=1)
    axes.set_ylabel(names[0], fontsize=5.5, labelpad=1)
    axes.tick_params(labelsize=5, pad=1)
    axes.xaxis.set_major_locator(_few_ticks())
    axes.yaxis.set_major_locator(_few_ticks())


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, min_n_ticks=2)
