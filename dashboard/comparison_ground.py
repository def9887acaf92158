"""What all maps of the comparison share: places, state borders, colours, and the selection.

Cells are drawn as images of colour numbers, a byte a pixel, so that eighteen maps are light; a
brush sends one image that veils what is not selected, and one byte a place for the scatters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper
from numpy.typing import NDArray

from dashboard.projection import outlines, to_albers
from dashboard.state.cells import cell_shapes
from dashboard.state.comparison import Compared
from dashboard.state.grid import Grid
from dashboard.theme import batlow, ink, vik

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MAPS", "Ground", "shades", "where_of"]

Floats = NDArray[np.float64]

MAPS = {"binn": "BINN", "proda": "PRODA", "difference": "BINN − PRODA"}
"""The maps of a component: what they show, for people."""
_CLEAR, _UNKNOWN = "#00000000", "#8a8a8a59"
_FIRST = 2
"""Colour numbers: 0 is nothing, 1 an unknown value, from here on the palette."""
_MARK = 4
"""Size of the selected places in the scatters, pixels."""
_VEIL = {dark: f"{ink(dark)['ground']}c4" for dark in (False, True)}
"""The ground's own colour, nearly opaque, by dark: it veils what is not selected."""
_SHAPE = ("x", "y", "width", "height", "angle")
_ROOM = 0.06
_SPAN = 2e5
"""Metres that a map of sites shows at least."""


def where_of(dataset: xr.Dataset, grid: Grid | None) -> dict[str, Floats]:
    """Where the places of a dataset lie and, of cells, how they are drawn; metres and radians.

    Parameters
    ----------
    dataset : xarray.Dataset
        Canonical.
    grid : Grid or None
        None for its sites.
    """
    names = ("lon", "lat") if grid is None else ("cell_lon", "cell_lat")
    lon, lat = (dataset[name].to_numpy() for name in names)
    if grid is None:
        return dict(zip(_SHAPE, to_albers(lon, lat), strict=False))
    shapes = cell_shapes(lon, lat)
    return {name: getattr(shapes, name) for name in _SHAPE}


class Ground:
    """Sources and colours that all rows draw.

    Parameters
    ----------
    where : dict of ndarray (place,)
        ``x, y`` (metres), and of cells ``width, height, angle``.
    grid : Grid or None
        None where the places are sites.
    found : dict of Compared
        By component.

    Attributes
    ----------
    kind : {"cell", "site"}
    places : ColumnDataSource
        Named ``comparison-places``. A row is a place: `where`, ``place`` (its number in the
        dataset), and of every component ``KEY_binn``, ``KEY_proda`` and ``KEY_difference``
        (float32). Sites are drawn from here: with ``shown``, 1 or 0 as they are drawn strongly or
        faintly, and the colour number of each value, ``KEY_binn_colour`` and so on.
    marks : ColumnDataSource
        Named ``comparison-marks``. The same rows: ``KEY_binn``, ``KEY_proda``, and ``marked``, the
        size of the place in the scatters: 0 where it is not selected.
    veil : ColumnDataSource
        Named ``comparison-veil``: ``image``, 1 on the pixels of cells that are not selected.
    outline : ColumnDataSource
        Named ``comparison-outlines``: ``x, y`` of the state borders.
    extent : (float, float, float, float)
        Left, bottom, right and top of the maps, metres.
    """

    def __init__(
        self, where: dict[str, Floats], grid: Grid | None, found: dict[str, Compared]
    ) -> None:
        self.grid, self._n = grid, len(where["x"])
        self.kind = "site" if grid is None else "cell"
        self._where = {name: values.astype(np.float32) for name, values in where.items()}
        self._where["place"] = np.arange(self._n, dtype=np.int32)
        nothing = np.zeros(self._n, dtype=np.uint8)
        if grid is None:
            self._where["shown"] = nothing + np.uint8(1)
            ends = [_roomy(where[axis]) for axis in ("x", "y")]
            self.extent = ends[0][0], ends[1][0], ends[0][1], ends[1][1]
        else:
            self.extent = grid.extent
        self.places = ColumnDataSource(self._places(found), name="comparison-places")
        self.marks = ColumnDataSource(self._marks(found, nothing), name="comparison-marks")
        veil = np.zeros((1, 1) if grid is None else grid.shape, dtype=np.uint8)
        self.veil = ColumnDataSource(self.framed({"image": veil}), name="comparison-veil")
        x, y = outlines()
        outline = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
        self.outline = ColumnDataSource(outline, name="comparison-outlines")
        ends = {"low": -0.5, "high": 255.5}  # colour k of 256 stands for the number k
        self._colours = {
            "sequential": LinearColorMapper(palette=_numbered(batlow()), **ends),
            "diverging": LinearColorMapper(palette=_numbered(vik()), **ends),
        }
        self.veiled = LinearColorMapper(palette=[_CLEAR, _VEIL[False]], low=-0.5, high=1.5)

    @property
    def ratio(self) -> float:
        """Width to height of the maps."""
        left, bottom, right, top = self.extent
        return (right - left) / (top - bottom)

    def colours(self, one: str) -> LinearColorMapper:
        """Colours of one of :data:`MAPS`, by number."""
        return self._colours["diverging" if one == "difference" else "sequential"]

    def framed(self, images: dict[str, NDArray[np.generic]]) -> dict[str, object]:
        """Images as columns of a source, with where they lie."""
        left, bottom, right, top = self.extent
        frame = {"x": left, "y": bottom, "width": right - left, "height": top - bottom}
        return {name: [value] for name, value in {**images, **frame}.items()}

    def draw(self, images: ColumnDataSource, found: Compared) -> None:
        """Put the maps of a component into a source, if they are not there; not where sites are."""
        if self.grid is None:
            return
        new = {one: self.grid.coded(each) for one, each in _coloured(found).items()}
        if not all(
            one in images.data and np.array_equal(each, images.data[one][0])
            for one, each in new.items()
        ):
            images.data = self.framed(new)

    def show(self, found: dict[str, Compared]) -> None:
        """Send the values that are new: most components are the same in either definition."""
        for source, columns in (
            (self.places, self._places(found)),
            (self.marks, self._marks(found, self.marks.data["marked"])),
        ):
            new = {
                name: [(slice(0, self._n), values)]
                for name, values in columns.items()
                if not np.array_equal(values, source.data[name], equal_nan=True)
            }
            if new:
                source.patch(new)

    def select(self, rows: NDArray[np.int64]) -> None:
        """Veil what is not among these places, and mark these in the scatters; none veils none."""
        chosen = np.zeros(self._n, dtype=np.uint8)
        chosen[rows] = 1
        shown = chosen if len(rows) else np.ones_like(chosen)
        marked = chosen * np.uint8(_MARK)
        if np.array_equal(marked, self.marks.data["marked"]):
            return
        everywhere = slice(0, self._n)
        self.marks.patch({"marked": [(everywhere, marked)]})
        if self.grid is None:
            self._where["shown"] = shown
            self.places.patch({"shown": [(everywhere, shown)]})
        else:
            self.veil.data = self.framed({"image": self.grid.coded(np.uint8(1) - shown)})

    def paint(self, dark: bool) -> None:
        """Follow the theme."""
        self.veiled.palette = [_CLEAR, _VEIL[dark]]

    def _places(self, found: dict[str, Compared]) -> dict[str, NDArray[np.generic]]:
        columns = dict(self._where)
        for key, each in found.items():
            for one in MAPS:
                columns[f"{key}_{one}"] = getattr(each, one).astype(np.float32)
            if self.grid is None:
                shaded = _coloured(each).items()
                columns |= {f"{key}_{one}_colour": numbers for one, numbers in shaded}
        return columns

    def _marks(
        self, found: dict[str, Compared], marked: NDArray[np.uint8]
    ) -> dict[str, NDArray[np.generic]]:
        values = {
            f"{key}_{one}": getattr(each, one).astype(np.float32)
            for key, each in found.items()
            for one in ("binn", "proda")
        }
        return {**values, "marked": marked}


def shades(values: Floats, low: float, high: float) -> NDArray[np.uint8]:
    """Colour numbers of values: 1 where unknown, else 2 at `low` and below to 255 at `high`.

    Parameters
    ----------
    values : ndarray (n,)
    low, high : float
        Colour limits; low < high.
    """
    steps = 256 - _FIRST
    with np.errstate(invalid="ignore"):
        step = np.clip((values - low) * (steps / (high - low)), 0, steps - 1)
    return np.where(np.isfinite(values), _FIRST + np.nan_to_num(step), 1).astype(np.uint8)


def _coloured(found: Compared) -> dict[str, NDArray[np.uint8]]:
    """Colour numbers of each of the maps of a component."""
    limits = dict.fromkeys(MAPS, (found.low, found.high))
    limits["difference"] = (-found.reach, found.reach)
    return {one: shades(getattr(found, one), *ends) for one, ends in limits.items()}


def _numbered(palette: tuple[str, ...]) -> list[str]:
    """A palette by colour number."""
    steps = np.linspace(0, len(palette) - 1, 256 - _FIRST).round().astype(int)
    return [_CLEAR, _UNKNOWN, *(palette[step] for step in steps)]


def _roomy(values: Floats) -> tuple[float, float]:
    """Ends of an axis that shows these places, and something around them."""
    low, high = float(values.min()), float(values.max())
    room = max(_ROOM * (high - low), (_SPAN - (high - low)) / 2)
    return low - room, high + room
