"""Where sites stand on the screen, worked out apart from the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Page
from pyproj import Transformer

import binn

_FRAME = """() => {
  const map = Bokeh.documents[0].get_model_by_name("map")
  const view = Bokeh.index.find_one_by_id(map.id)
  const place = view.canvas_view.el.getBoundingClientRect()
  const inner = view.frame.bbox
  return {left: place.x + inner.left, top: place.y + inner.top, width: inner.width,
          height: inner.height, x: [map.x_range.start, map.x_range.end],
          y: [map.y_range.start, map.y_range.end]}
}"""


@dataclass
class Screen:
    """Pixels of every site: ``at`` (site, 2), and the map's frame (left, top, right, bottom)."""

    at: np.ndarray
    frame: tuple[float, float, float, float]

    def inside(self, left: float, top: float, right: float, bottom: float) -> list[int]:
        """Sites in a rectangle."""
        x, y = self.at.T
        return np.flatnonzero((x > left) & (x < right) & (y > top) & (y < bottom)).tolist()

    def clear_of(self, edge: float, axis: int, room: float = 3.0) -> float:
        """The number nearest to `edge` with no site within `room` pixels, along x (0) or y (1)."""
        near = edge + np.arange(-200, 200)
        distance = np.abs(near[:, None] - self.at[:, axis]).min(1)
        free = near[distance > room]
        return float(free[np.abs(free - edge).argmin()])


def screen(page: Page, data: Path | str) -> Screen:
    """Where the sites of a dataset are on the map now."""
    dataset = binn.open_dataset(data)
    return placed(page, dataset["lon"].to_numpy(), dataset["lat"].to_numpy())


def placed(page: Page, lon: np.ndarray, lat: np.ndarray) -> Screen:
    """Where any places are on the map now."""
    frame = page.evaluate(_FRAME)
    project = Transformer.from_crs("EPSG:4326", "EPSG:5070", always_xy=True).transform
    x, y = project(lon, lat)
    (x0, x1), (y0, y1) = frame["x"], frame["y"]
    across = frame["left"] + frame["width"] * (x - x0) / (x1 - x0)
    down = frame["top"] + frame["height"] * (y1 - y) / (y1 - y0)
    box = (frame["left"], frame["top"])
    box += (frame["left"] + frame["width"], frame["top"] + frame["height"])
    return Screen(np.column_stack([across, down]), box)


def drag(page: Page, path: list[tuple[float, float]]) -> None:
    """Press, move along a path, release."""
    page.mouse.move(*path[0])
    page.mouse.down()
    for x, y in path[1:]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
