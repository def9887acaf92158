"""Loss and NSE over the epochs, of one run while it trains or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, Range1d, SaveTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard.state.jobs import Detail
from dashboard.theme import DASHES, ink, legend, quiet

__all__ = ["RunCurves", "run_colours"]

Floats = NDArray[np.float64]

_KINDS = (
    (
        "loss",
        "Loss",
        (("train_loss", "training", "train"), ("validation_loss", "validation", "validation")),
    ),
    (
        "nse",
        "NSE",
        (("validation_nse", "validation", "validation"), ("train_nse", "training", "train")),
    ),
)
_COLOURS = ("blue", "vermillion", "green", "purple", "orange", "sky")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus")
_SIGNS = ("●", "■", "▲", "◆", "▼", "✚")
_MOST_POINTS, _MOST_MARKS = 1000, 40
"""Along a line; more points nobody would see, more marks would hide it."""
_EARLIER = 0.35
"""Opacity of the members before the latest one."""
_LINES = ("x", "y", "colour", "dash", "alpha")
_MARKS = ("x", "y", "colour", "marker", "alpha", "run", "what")


def run_colours(n: int, dark: bool) -> list[str]:
    """Colours of so many runs, that stay apart for colour-blind readers."""
    return [ink(dark)[name] for name in _COLOURS[:n]]


class RunCurves:
    """Two figures, of loss and of NSE.

    Attributes
    ----------
    figures : list of bokeh.plotting.figure
        Named ``run-loss`` and ``run-nse``.
    lines, marks : dict of ColumnDataSource
        By ``loss`` and ``nse``; a row of ``lines`` is one curve, of ``marks`` one epoch.
    """

    def __init__(self) -> None:
        self.lines: dict[str, ColumnDataSource] = {}
        self.marks: dict[str, ColumnDataSource] = {}
        self.figures = [self._build(key, label) for key, label, _ in _KINDS]
        self._shown: list[str] = []

    def _build(self, key: str, label: str) -> figure:
        self.lines[key] = ColumnDataSource({k: [] for k in _LINES}, name=f"run-{key}-lines")
        self.marks[key] = ColumnDataSource({k: [] for k in _MARKS}, name=f"run-{key}-marks")
        fig = figure(
            name=f"run-{key}",
            height=230,
            min_width=280,
            sizing_mode="stretch_width",
            x_axis_label="Epoch",
            y_axis_label=label,
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
        )
        fig.multi_line(
            "x",
            "y",
            source=self.lines[key],
            line_color="colour",
            line_dash="dash",
            line_alpha="alpha",
            line_width=1.8,
        )
        dots = fig.scatter(
            "x",
            "y",
            source=self.marks[key],
            marker="marker",
            fill_color="colour",
            line_color=None,
            alpha="alpha",
            size=5,
        )
        tips = [("", "@run"), ("Epoch", "@x{0}"), ("@what", "@y{%.4g}")]
        fig.add_tools(
            HoverTool(renderers=[dots], tooltips=tips, formatters={"@y": "printf"}, limit=3),
            SaveTool(filename=f"binn-{key}"),
        )
        fig.grid.grid_line_alpha = 0.25
        fig.xaxis.ticker = BasicTicker(desired_num_ticks=6, min_interval=1)
        return quiet(fig)

    def draw(self, details: Sequence[Detail], dark: bool) -> None:
        """Draw the curves of some runs."""
        colours = run_colours(len(details), dark)
        shown = [detail.run.id for detail in details]
        others, self._shown = shown != self._shown, shown
        for fig, (key, _, kinds) in zip(self.figures, _KINDS, strict=True):
            lines: dict[str, list[Any]] = {name: [] for name in _LINES}
            marks: dict[str, list[Any]] = {name: [] for name in _MARKS}
            for place, detail in enumerate(details):
                for number, curve in enumerate(detail.curves):
                    latest = number == len(detail.curves) - 1 or detail.run.kind == "folds"
                    alpha = 1.0 if latest else _EARLIER
                    thinned = _some(len(curve.epoch), _MOST_POINTS)
                    for series, what, part in kinds:
                        y = curve.series[series]
                        if not np.isfinite(y).any():  # of before it was written down
                            continue
                        line = curve.epoch[thinned], y[thinned]
                        row = (*line, colours[place], DASHES[part], alpha)
                        for name, value in zip(_LINES, row, strict=True):
                            lines[name].append(value)
                        some = _some(len(y), _MOST_MARKS)
                        n, style = len(some), (colours[place], _MARKERS[place], alpha)
                        columns = (
                            *(curve.epoch[some].tolist(), y[some].tolist()),
                            *([one] * n for one in (*style, detail.run.id, what)),
                        )
                        for name, values in zip(_MARKS, columns, strict=True):
                            marks[name].extend(values)
            self.lines[key].data = lines
            self.marks[key].data = marks
            self._fit(fig.x_range, np.concatenate([*lines["x"], []]), 0.03, others)
            self._fit(fig.y_range, np.concatenate([*lines["y"], []]), 0.08, others)

    def _fit(self, span: Range1d, values: Floats, padding: float, others: bool) -> None:
        """Follow the curves, unless somebody has zoomed into these."""
        moved = (span.start, span.end) != (span.reset_start, span.reset_end)
        known = values[np.isfinite(values)]
        if not len(known) or (moved and not others and span.reset_start is not None):
            return
        low, high = float(known.min()), float(known.max())
        margin = padding * (high - low) or 0.5
        low, high = low - margin, high + margin
        span.update(start=low, end=high, reset_start=low, reset_end=high)

    @staticmethod
    def legend(details: Sequence[Detail], dark: bool) -> str:
        """What colours, marks and dashes mean, as HTML."""
        colours = run_colours(len(details), dark)
        entries = [
            (_SIGNS[place], colours[place], detail.run.id) for place, detail in enumerate(details)
        ]
        tone = ink(dark)["text"]
        return legend([*entries, ("╌╌", tone, "training"), ("──", tone, "validation")])


def _some(n: int, most: int) -> NDArray[np.int64]:
    """Up to so many of n places, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
