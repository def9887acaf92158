"""What a box, a lasso or a tap on a figure means: worked out from its geometry, on the server.

The rows are exact and do not depend on what is drawn or how. A lasso is a polygon on the screen,
so along a logarithmic axis its sides are straight in the logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.property.descriptors import UnsetValueError
from numpy.typing import NDArray

__all__ = ["nearest_on_screen", "rows_within"]

Floats = NDArray[np.float64]

_USUAL = 400
"""Pixels."""


def rows_within(
    geometry: dict[str, Any], x: Floats, y: Floats, log: bool = False
) -> NDArray[np.int64]:
    """Points inside the box or lasso of a ``SelectionGeometry`` event, ascending.

    Parameters
    ----------
    geometry : dict
        Of the event: ``type`` is ``rect`` (``x0, x1, y0, y1``) or ``poly`` (``x``, ``y``).
    x, y : ndarray (n,)
        The points, in data coordinates; a point that is not finite is nowhere.
    log : bool
        Whether both axes are logarithmic.
    """
    if geometry["type"] == "rect":
        left, right = sorted((float(geometry["x0"]), float(geometry["x1"])))
        low, high = sorted((float(geometry["y0"]), float(geometry["y1"])))
        return np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))
    if geometry["type"] != "poly":
        return np.empty(0, dtype=np.int64)
    corners = np.column_stack([np.asarray(list(geometry[end]), dtype=float) for end in "xy"])
    points = np.column_stack([x, y])
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            corners, points = np.log(corners), np.log(points)
    corners = corners[np.isfinite(corners).all(1)]
    known = np.flatnonzero(np.isfinite(points).all(1))
    if len(corners) < 3:
        return np.empty(0, dtype=np.int64)
    from shapely import Polygon, contains_xy

    return known[contains_xy(Polygon(corners), points[known, 0], points[known, 1])]


def nearest_on_screen(
    figure: Any, at: tuple[float, float], x: Floats, y: Floats, reach: float, log: bool = False
) -> int | None:
    """The point closest to a place, if it is within `reach` pixels of it on the screen.

    Parameters
    ----------
    figure : bokeh.plotting.figure
        As the browser last reported its ranges and size.
    at : (float, float)
        The place, in data coordinates.
    x, y : ndarray (n,)
        The points, in data coordinates.
    reach : float
        Pixels.
    log : bool
        Whether both axes are logarithmic.
    """
    distance = np.zeros(len(x))
    spans = (
        (figure.x_range, _reported(figure, "inner_width"), at[0], x),
        (figure.y_range, _reported(figure, "inner_height"), at[1], y),
    )
    for span, pixels, place, values in spans:
        ends = np.array([span.start, span.end, place], dtype=float)
        if log:
            with np.errstate(divide="ignore", invalid="ignore"):
                ends, values = np.log(ends), np.log(values)
        scale = pixels / abs(ends[1] - ends[0])
        distance = np.hypot(distance, (values - ends[2]) * scale)
    known = np.flatnonzero(np.isfinite(distance))
    if not len(known):
        return None
    nearest = known[distance[known].argmin()]
    return int(nearest) if distance[nearest] <= reach else None


def _reported(figure: Any, name: str) -> int:
    """Size of the frame as the browser reported it, or a usual one before it did."""
    try:
        return getattr(figure, name) or _USUAL
    except UnsetValueError:
        return _USUAL
