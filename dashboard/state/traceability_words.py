"""Traceability in words and as a table: budgets as equations, their source, groups as rows."""

from __future__ import annotations

from collections.abc import Sequence

from binn.quantities import TRACEABILITY, TRACEABILITY_NAMES
from dashboard.state.field import MAP_SOURCES, FieldChoice
from dashboard.state.opened import Opened
from dashboard.state.traceability import Budget, Group, source_of
from dashboard.units import number, written

__all__ = ["budget_words", "listed_groups", "source_words"]

_KILO = 1e-3
_SHORT = {
    "storage": "Storage",
    "influx": "Influx",
    "residence_time": "Residence time",
    "baseline_residence_time": "Baseline residence",
    "environmental_scalar": "Environmental scalar",
}
_LISTED = {"storage": (_KILO, "kgC m-2"), "influx": (_KILO, "kgC m-2 yr-1")}
"""Listed in the units of the diagrams."""


def source_words(field: FieldChoice, opened: Opened, bedrock: str) -> str:
    """That source in words, and why it is not the map's where it is not."""
    source = source_of(field, opened)
    name = opened.source if source == "binn" else opened.source_name(source)
    words = f"{name}, bedrock scheme {bedrock}."
    if source != field.source:
        words += f" (“{MAP_SOURCES[field.source]}” is no answer of its own to trace.)"
    return words


def budget_words(budget: Budget) -> str:
    """A budget as two equations in words, each true as far as its digits go."""
    return (
        f"{number(budget.storage * _KILO)} kgC m⁻² = {number(budget.influx * _KILO)} kgC m⁻² yr⁻¹ "
        f"× {number(budget.residence_time)} yr; {number(budget.residence_time)} yr = "
        f"{number(budget.baseline_residence_time)} yr / {number(budget.environmental_scalar)}"
    )


def listed_groups(groups: Sequence[Group]) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Groups as rows, in the units of the diagrams.

    Returns
    -------
    head : list of str
        Of both tables.
    whole, spread : list of list of str
        Each group's sites together, as they are drawn; median and quartiles over its sites.
    """
    head, scales = ["Sites of", "n"], {}
    for key in TRACEABILITY:
        scales[key], unit = _LISTED.get(key, (1.0, TRACEABILITY_NAMES[key][1]))
        named = f"{_SHORT[key]}\n({written(unit) or '1'})"
        head.append(named.replace(" ", "\N{NO-BREAK SPACE}"))
    whole, spread = [], []
    for group in groups:
        about, budget = [group.name, f"{group.n:,}"], group.budget.each
        whole.append([*about, *(number(budget[key] * scales[key]) for key in TRACEABILITY)])
        ends = [
            [number(one[key] * scales[key]) for one in (group.median, group.low, group.high)]
            for key in TRACEABILITY
        ]
        spread.append([*about, *(f"{mid} ({low} to {high})" for mid, low, high in ends)])
    return head, whole, spread
