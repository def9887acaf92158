"""What curves and runs say in words and tables: for who does not see them, and exact numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboard.state.job_comparison import differences, same_loss, scores
from dashboard.state.jobs import Detail
from dashboard.tables import table
from dashboard.theme import plain
from dashboard.units import number

__all__ = ["epochs_table", "log_block", "side_by_side", "summary"]

_SAID = '<p style="margin:6px 0;font-size:0.82rem">{}</p>'
_HEAD = (
    *("Epoch", "Loss, training", "Loss, validation"),
    *("NSE, training", "NSE, validation"),
)
_ROWS = 200
"""Epochs in the table; of more, the latest."""


def summary(details: Sequence[Detail]) -> str:
    """The curves in words."""
    if len(details) != 1:
        found = [
            f"{detail.run.id}: best validation NSE {number(best[1])} at epoch {best[0]:g}"
            for detail in details
            if (best := _best(detail)) is not None
        ]
        return "; ".join(found) + ("." if found else "")
    detail = details[0]
    best = _best(detail)
    if best is None:
        return "Curves begin with the first epoch."
    curve = detail.curves[-1]
    train, validation, nse = (
        curve.series[key][-1] for key in ("train_loss", "validation_loss", "train_nse")
    )
    where = f"Epoch {curve.epoch[-1]:g}"
    where += f" of member {curve.member + 1}" if detail.run.members > 1 else ""
    where += f", fold {curve.fold}" if curve.fold is not None else ""
    words = f"{where}: loss {number(train)} on training sites, {number(validation)} on validation "
    words += f"sites{_loss_unit(detail)}. Best NSE of the validation sites: {number(best[1])} "
    words += f"at epoch {best[0]:g}."
    words += f" NSE of the training sites: {number(nse)}." if np.isfinite(nse) else ""
    return words + (
        " Those of training sites are taken while it learns: with dropout, and with weights that "
        "change from batch to batch."
    )


def _best(detail: Detail) -> tuple[float, float] | None:
    """Epoch and value of the best NSE; None before the first."""
    found = [
        (float(curve.epoch[place]), float(nse[place]))
        for curve in detail.curves
        if np.isfinite(nse := curve.series["validation_nse"]).any()
        for place in [int(np.nanargmax(nse))]
    ]
    return max(found, key=lambda pair: pair[1], default=None)


def _loss_unit(detail: Detail) -> str:
    """What misfit is counted in."""
    if detail.config is None:
        return ""
    loss = detail.config.training.loss
    kind = {"squared": "squared misfit", "smooth_l1": "smooth L1 misfit"}[loss.misfit]
    unit = {"sd": "standard deviations of observed SOC"}.get(loss.unit, "gC m⁻³")
    return f" ({kind} in {unit}, and the pull of parameters from the ends of their ranges)"


def epochs_table(details: Sequence[Detail]) -> str:
    """All numbers of the curves, as HTML."""
    pairs = [(detail, curve) for detail in details for curve in detail.curves]
    count = sum(len(curve.epoch) for _, curve in pairs)
    rows: list[tuple[str, ...]] = []
    for detail, curve in reversed(pairs):
        fold = "" if curve.fold is None else f"fold {curve.fold}, "
        for place in range(len(curve.epoch))[::-1][: _ROWS - len(rows)]:
            epoch = f"epoch {curve.epoch[place]:g}"
            where = f"{detail.run.id}, {fold}member {curve.member + 1}, {epoch}"
            rows.append((where, *(number(one[place], 4) for one in curve.series.values())))
    latest = rows[::-1]
    caption = f"{count:,} epochs; NSE has no unit"
    if len(latest) < count:
        caption = f"The latest {len(latest):,} of {count:,} epochs; NSE has no unit"
    return table(caption, _HEAD, latest)


def side_by_side(details: Sequence[Detail]) -> str:
    """Scores and options in which runs differ, as HTML."""
    names = [detail.run.id for detail in details]
    html = table("Scores", ("", *names), scores([detail.run for detail in details]))
    configs = {d.run.id: d.config for d in details if d.config is not None}
    if len(configs) < 2:
        return html
    found = differences(configs)
    if not found:
        return html + _SAID.format("All were asked for the same.")
    html += table("Options in which they differ", ("Option", *configs), found)
    if not same_loss(configs):
        html += _SAID.format("Their losses are different functions: compare NSE, not loss.")
    return html


def log_block(log: str) -> str:
    """The end of the log, as HTML."""
    if not log:
        return _SAID.format("Nothing was said yet.")
    style = "margin:0;overflow-x:auto;font-size:0.78rem;line-height:1.5"
    return f'<pre style="{style}" tabindex="0">{plain(log).replace("<br>", chr(10))}</pre>'
