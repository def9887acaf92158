"""Maps in Albers equal area: sites as points or grid cells as rectangles, with state outlines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.style import INK, MUTED, colormap, drawing, footer, labelled, new_figure

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure

__all__ = [
    "MapField",
    "Places",
    "albers",
    "colour_limits",
    "draw_map",
    "grid_step",
    "map_figure",
]

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

_MANY = 2000
"""Points above which a figure holds them as a picture: a PDF of 25,925 circles opens slowly."""
_FAINT = 0.2
"""Opacity of places that are not selected."""
_RINGED, _RING = 200, 30.0
"""Up to so many selected places have a ring each, so large: a single point would not be seen."""
_OFF_GRID = 0.01
"""Parts of a step that centres may be off their grid."""
_SHARE_OF_CONUS = 0.5
"""Data this wide are shown with the whole country around them."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where values belong.

    Attributes
    ----------
    lon, lat : ndarray (n,)
        Degrees, WGS 84.
    step : (float, float), optional
        Width and height in degrees of the grid cells whose centres these are; None for points.
    kind : str
        What they are.
    """

    lon: Floats
    lat: Floats
    step: tuple[float, float] | None = None
    kind: str = "sites"


@dataclass(frozen=True, eq=False)
class MapField:
    """What a map shows.

    Attributes
    ----------
    values : ndarray (n,)
        NaN where there is none: not drawn.
    title, unit : str
        In words; the unit as data files write it.
    diverging : bool
        Whether zero is the middle of the colours.
    limits : (float, float), optional
        Ends of the colours; by default the 2nd and 98th percentile.
    chosen : ndarray (n,) of bool, optional
        Places that are selected: the others are drawn faintly. None, or none of them, is all.
    """

    values: Floats
    title: str
    unit: str
    diverging: bool = False
    limits: tuple[float, float] | None = None
    chosen: NDArray[np.bool_] | None = None

    @property
    def selected(self) -> int:
        """How many places with a value are selected."""
        known = np.isfinite(self.values)
        return 0 if self.chosen is None else int((known & self.chosen).sum())


def albers() -> Any:
    """The projection of all maps: Albers equal area over the contiguous United States."""
    from cartopy import crs

    return crs.AlbersEqualArea(
        central_longitude=-96.0, central_latitude=23.0, standard_parallels=(29.5, 45.5)
    )


def grid_step(lon: Floats, lat: Floats) -> tuple[float, float] | None:
    """Width and height of the cells of a regular grid, degrees; None if it is not one.

    Centres must lie at whole steps from each other, each at a place of its own, and most of them
    beside another.
    """
    steps, places = [], []
    for degrees in (lon, lat):
        gaps = np.diff(np.unique(np.round(degrees, 6)))
        if not len(gaps):
            return None
        span = float(np.ptp(degrees))
        step = span / round(span / float(gaps.min()))
        at = (degrees - degrees.min()) / step
        if np.abs(at - np.round(at)).max() > _OFF_GRID:
            return None
        steps.append(step)
        places.append(np.round(at).astype(int))
    taken = set(zip(*(one.tolist() for one in places), strict=True))
    beside = sum(bool({(c + 1, r), (c - 1, r), (c, r + 1), (c, r - 1)} & taken) for c, r in taken)
    if len(taken) < len(lon) or 2 * beside < len(taken):
        return None
    return steps[0], steps[1]


def colour_limits(*values: Floats, diverging: bool = False) -> tuple[float, float]:
    """2nd and 98th percentile of all finite values; symmetric if zero is the middle."""
    known = np.concatenate([np.ravel(one) for one in values])
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(known, (2, 98)))
    if diverging:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        width = 0.5 * abs(low) or 0.5
        low, high = low - width, high + width
    return low, high


def map_figure(
    places: Places, field: MapField, *, columns: str = "double", notice: str = ""
) -> Figure:
    """A map of one field with its colour bar.

    Parameters
    ----------
    places, field : Places, MapField
        Of the same n.
    columns : {"single", "double"}
        Width of the figure.
    notice : str
        A sentence at its foot, such as that data are simulated.

    Raises
    ------
    InputError
        If places and values differ in number, or none has a value.
    """
    wide = columns == "double"
    with drawing():
        figure = new_figure(columns, 118.0 if wide else 72.0)
        axes = figure.add_subplot(projection=albers())
        drawn = draw_map(axes, places, field)
        if 0 < field.selected <= _RINGED and field.chosen is not None:
            at = field.chosen & np.isfinite(field.values)
            place = _projected(places.lon[at], places.lat[at])
            for colour, width in (("white", 2.0), (INK, 0.8)):
                ring: dict[str, Any] = {"facecolors": "none", "edgecolors": colour, "zorder": 3}
                axes.scatter(*place, s=_RING, linewidths=width, **ring)
        colour_bar(figure, drawn, axes, field, shrink=0.5 if wide else 0.8)
        count = int(np.isfinite(field.values).sum())
        axes.text(
            0.0,
            0.0,
            f"n = {count:,} {places.kind}"
            + (f", {field.selected:,} selected" * (field.selected > 0)),
            transform=axes.transAxes,
            fontsize=6,
            color=MUTED,
            va="bottom",
            ha="left",
        )
        footer(figure, notice)
    return figure


def colour_bar(
    figure: Figure, drawn: Collection, axes: Any, field: MapField, **options: Any
) -> None:
    """A horizontal colour bar under some axes, pointed where values lie beyond its ends."""
    low, high = drawn.get_clim()
    known = field.values[np.isfinite(field.values)]
    below, above = bool((known < low).any()), bool((known > high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    settings = {"orientation": "horizontal", "aspect": 32, "pad": 0.02, **options}
    bar = figure.colorbar(drawn, ax=axes, extend=extend, **settings)
    bar.set_label(labelled(field.title, field.unit))
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]


def draw_map(axes: GeoAxes, places: Places, field: MapField) -> Collection:
    """Draw values and outlines on axes in Albers projection; what was coloured is returned."""
    values = np.asarray(field.values, dtype=np.float64)
    if not len(places.lon) == len(places.lat) == len(values):
        raise InputError(f"{len(places.lon)} places but {len(values)} values to map")
    known = np.isfinite(values)
    if not known.any():
        raise InputError(f"there is nothing to map: {field.title!r} has no value anywhere")
    order, chosen = np.flatnonzero(known), field.chosen if field.selected else None
    if chosen is not None:  # those selected come last, upon the others
        order = order[np.argsort(chosen[known], kind="stable")]
    lon, lat, values = places.lon[order], places.lat[order], values[order]
    low, high = field.limits or colour_limits(values, diverging=field.diverging)
    colours: dict[str, Any] = {
        "cmap": colormap("vik" if field.diverging else "batlow"),
        "clim": (low, high),
        "zorder": 1,
    }
    if chosen is not None:
        colours["alpha"] = np.where(chosen[order], 1.0, _FAINT)
    x, y = _projected(lon, lat)
    box = _extent(x, y)
    if places.step is None:
        drawn = _points(axes, x, y, values, box, colours)
    else:
        drawn = _cells(axes, lon, lat, places.step, values, colours)
    _outlines(axes)
    axes.set_xlim(box[0], box[1])
    axes.set_ylim(box[2], box[3])
    axes.set_aspect("equal")
    axes.axis("off")
    return drawn


def _points(
    axes: GeoAxes, x: Floats, y: Floats, values: Floats, box: Box, colours: dict[str, Any]
) -> Collection:
    """Points as large as their density lets them be."""
    width = axes.figure.get_figure(root=True).get_size_inches()[0] * 72.0
    across = width * axes.get_position().width
    spacing = np.sqrt(np.ptp(x) * np.ptp(y) / len(x)) * across / (box[1] - box[0])
    diameter = float(np.clip(0.85 * spacing, 0.45, 5.0))
    clim = colours.pop("clim")
    drawn: Collection = axes.scatter(
        x,
        y,
        diameter**2,
        values,
        vmin=clim[0],
        vmax=clim[1],
        linewidths=0,
        rasterized=len(x) > _MANY,
        **colours,
    )
    return drawn


def _cells(
    axes: GeoAxes,
    lon: Floats,
    lat: Floats,
    step: tuple[float, float],
    values: Floats,
    colours: dict[str, Any],
) -> Collection:
    """Rectangles in longitude and latitude, as the projection turns them."""
    from matplotlib.collections import PolyCollection

    half = 0.5 * np.array(step) * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corner_lon = lon[:, None] + half[:, 0]
    corner_lat = lat[:, None] + half[:, 1]
    x, y = _projected(corner_lon.ravel(), corner_lat.ravel())
    corners = np.stack([x, y], 1).reshape(-1, 4, 2)
    # a hair of their own colour hides the seams that viewers draw between neighbours
    # (not where cells are faint: there they would be seen)
    seam = 0.0 if "alpha" in colours else 0.15
    drawn = PolyCollection(list(corners), array=values, linewidths=seam, edgecolors="face")
    drawn.set(rasterized=len(lon) > _MANY, **colours)
    axes.add_collection(drawn)
    return drawn


@cache
def _border_lines() -> list[Floats]:
    """State borders, metres in the map's projection."""
    from binn.datasets.outlines import borders

    lines = [np.asarray(line.coords)[:, :2] for line in borders().geoms]
    lon, lat = np.concatenate(lines).T
    ends = np.cumsum([len(line) for line in lines])[:-1]
    return np.split(np.stack(_projected(lon, lat), 1), ends)


def _outlines(axes: GeoAxes) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(
        LineCollection(_border_lines(), colors=INK, linewidths=0.25, alpha=0.75, zorder=2),
        autolim=False,
    )


def _projected(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    from cartopy import crs

    points = albers().transform_points(crs.PlateCarree(), lon, lat)
    return points[:, 0], points[:, 1]


def _extent(x: Floats, y: Floats) -> Box:
    """What the map frames, metres: the data, or the country if the data span half of it."""
    country = np.concatenate(_border_lines())
    width = np.ptp(country[:, 0])
    if np.ptp(x) >= _SHARE_OF_CONUS * width:
        x = np.concatenate([x, country[:, 0]])
        y = np.concatenate([y, country[:, 1]])
    pad = max(0.02 * max(np.ptp(x), np.ptp(y)), 2e4 if np.ptp(x) and np.ptp(y) else 1e5)
    return float(x.min() - pad), float(x.max() + pad), float(y.min() - pad), float(y.max() + pad)
