"""Folds and training curves, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure

from dashboard.state.experiments import Folds, History
from dashboard.tables import table
from dashboard.theme import DASHES, legend, quiet
from dashboard.units import number
from dashboard.views.evaluation.drawn import Drawn, entries_of, score_cells, style

__all__ = ["draw_folds", "draw_history"]

_KILO = 1e-3
_MOST = 12
"""So many training histories are drawn at most."""


def draw_folds(every: Sequence[Folds]) -> Drawn:
    """NSE of each fold, and pooled, of each cross-validation."""
    fig = figure(
        name="evaluation-folds-scores",
        title="Cross-validation: held-out sites of each fold",
        x_axis_label="Fold",
        y_axis_label="NSE (1)",
        sizing_mode="stretch_width",
        height=260,
        toolbar_location=None,
        tools="",
    )
    inked, words, rows = [], [], []
    coloured: list[tuple[object, int]] = []
    for i, folds in enumerate(every):
        colour, marker = style(i)
        number_of = [one["fold"] if one["fold"] is not None else k for k, one in _counted(folds)]
        nse = np.array([one["nse"] for one in folds.each], dtype=float)
        source = ColumnDataSource(
            {
                "fold": number_of,
                **{key: [one[key] for one in folds.each] for key in ("nse", "r", "n")},
                "rmse": [one["rmse"] * _KILO for one in folds.each],
            },
            name="evaluation-folds" if not i else f"evaluation-folds-{i}",
        )
        marks = fig.scatter("fold", "nse", source=source, marker=marker, size=10, fill_color=colour)
        inked.append(marks)
        pooled = folds.pooled["nse"]
        line = Span(location=pooled, dimension="width", line_color=colour, line_dash="dashed")
        fig.add_layout(line)
        coloured += [(marks, i), (line, i)]
        tips = [
            ("Fold", "@fold"),
            ("NSE", "@nse{0.0000}"),
            ("r", "@r{0.000}"),
            ("RMSE", "@rmse{0.00} kgC m⁻³"),
            ("n", "@n{0,0}"),
        ]
        fig.add_tools(HoverTool(renderers=[marks], tooltips=tips))
        deviation = f" ± {number(float(nse.std(ddof=1)), 2)}" if len(nse) > 1 else ""
        words.append(
            f"{folds.name}: {len(nse)} folds, NSE pooled {number(pooled)} "
            f"(n = {folds.pooled['n']:,}), of the folds {number(float(nse.mean()))}{deviation}."
        )
        rows += [
            [f"{folds.name}, fold {k}", *score_cells(one)]
            for k, one in zip(number_of, folds.each, strict=True)
        ]
        rows.append([f"{folds.name}, pooled", *score_cells(folds.pooled)])
    fig.xgrid.grid_line_color = None
    fig.ygrid.grid_line_alpha = 0.25
    fig.xaxis.ticker = FixedTicker(ticks=list(range(max(len(one.each) for one in every))))
    head = ["Fold", "n", "NSE", "r", "RMSE (kgC m⁻³)", "Bias (kgC m⁻³)"]
    numbers = table("Scores on held-out sites", head, rows)
    names = [one.name for one in every]
    return Drawn(
        [quiet(fig)],
        lambda colours: (
            entries_of(names, colours)
            + legend([("╌╌", "inherit", "all held-out sites of all folds")])
        ),
        " ".join(words),
        numbers,
        inked,
        coloured,
    )


def _counted(folds: Folds) -> list[tuple[int, dict[str, object]]]:
    return list(enumerate(folds.each))


def draw_history(every: Sequence[History]) -> Drawn:
    """Loss and NSE by epoch of each training, of its training and its validation sites."""
    shown = every[:_MOST]
    figures = []
    coloured: list[tuple[object, int]] = []
    parts: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("loss", "Loss (of the training's own unit)", lambda key: f"{key}_loss"),
        ("nse", "NSE (1)", lambda key: f"{key}_nse"),
    )
    first_epoch = min(row["epoch"] for one in shown for row in one.rows)
    last_epoch = max(row["epoch"] for one in shown for row in one.rows)
    for what, label, column in parts:
        fig = figure(
            name=f"evaluation-history-{what}",
            title="Training: " + ("loss" if what == "loss" else "NSE"),
            x_axis_label="Epoch",
            y_axis_label=label,
            x_range=Range1d(first_epoch - 0.5, last_epoch + 0.5),
            sizing_mode="stretch_width",
            height=260,
            toolbar_location=None,
            tools="",
        )
        lines = []
        for i, one in enumerate(shown):
            colour, _ = style(i)
            for member in sorted({row.get("member", 0) for row in one.rows}):
                rows = [row for row in one.rows if row.get("member", 0) == member]
                for part, dash in DASHES.items():
                    values = np.array(
                        [_number(row.get(column(part))) for row in rows], dtype=np.float64
                    )
                    if np.isfinite(values).any():
                        source = ColumnDataSource(
                            {"epoch": [row["epoch"] for row in rows], "value": values},
                            name=f"evaluation-history-{part}-{what}-{i}-{member}",
                        )
                        lines.append(
                            fig.line(
                                "epoch",
                                "value",
                                source=source,
                                line_color=colour,
                                line_dash=dash,
                                line_width=1.8,
                            )
                        )
                        coloured.append((lines[-1], i))
        tips = [("Epoch", "@epoch"), (label, "@value{0.0000}")]
        fig.add_tools(HoverTool(renderers=lines, tooltips=tips, mode="mouse"))
        fig.grid.grid_line_alpha = 0.25
        figures.append(quiet(fig))
    rows = [
        [
            f"{one.name}, epoch {row['epoch']}",
            *(number(_number(row.get(key)), 4) for key in _CURVES),
        ]
        for one in shown
        for row in one.rows
    ]
    head = ["Training", "Training loss", "Validation loss", "Training NSE", "Validation NSE"]
    words = [_best(one) for one in shown]
    without = [one.name for one in shown if not _has(one, "train_nse")]
    if without:
        words.append(f"The NSE of training sites was not written down by {', '.join(without)}.")
    words.append("Curves of training sites are taken with dropout, while the weights change.")
    if len(every) > len(shown):
        words.append(f"{len(every) - len(shown)} more trainings are not drawn.")
    names = [one.name for one in shown]
    return Drawn(
        figures,
        lambda colours: (
            entries_of(names, colours)
            + legend([("╌╌", "inherit", "training"), ("──", "inherit", "validation")])
        ),
        " ".join(words),
        table("Training history", head, rows),
        [],
        coloured,
    )


_CURVES = ("train_loss", "validation_loss", "train_nse", "validation_nse")


def _has(one: History, key: str) -> bool:
    """Whether any epoch of a training says so."""
    return any(np.isfinite(_number(row.get(key))) for row in one.rows)


def _number(value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else float("nan")  # type: ignore[arg-type]


def _best(one: History) -> str:
    nse = [_number(row.get("validation_nse")) for row in one.rows]
    if not np.isfinite(nse).any():
        return f"{one.name}: {len(one.rows)} epochs."
    best = int(np.nanargmax(nse))
    return (
        f"{one.name}: {len(one.rows)} epochs, best validation NSE {number(nse[best])} in epoch "
        f"{one.rows[best]['epoch']}."
    )
