"""How the plots of the tabs are looked at: axes, lines, parts; what no other state knows."""

from __future__ import annotations

from typing import Any

import param

from binn.quantities import COMPONENTS
from dashboard.state.opened import SOURCES

__all__ = ["DEPTHS", "YEARS", "Look"]

DEPTHS = ("1 m", "2 m", "8.6 m")
"""How deep a depth profile can be shown; the last is the whole column."""
YEARS = (50, 200, 1_000)
"""How long the way to a new equilibrium can be followed."""


class Look(param.Parameterized):
    """Settings of views that a link brings back; views tie their own parameters to them."""

    traceability_scale = param.Selector(
        default="Linear", objects=["Linear", "Log"], doc="Axes of the traceability diagrams."
    )
    profile_parts = param.Selector(
        default="SOC", objects=["SOC", "Pools"], doc="What the lines of the depth profile are."
    )
    profile_scale = param.Selector(
        default="Linear", objects=["Linear", "Log"], doc="SOC axis of the depth profile."
    )
    profile_depth = param.Selector(
        default="2 m", objects=list(DEPTHS), doc="How deep the depth profile goes."
    )
    enlarged = param.Selector(
        default="", objects=["", *COMPONENTS], doc="Component shown large beside PRODA, if any."
    )
    evaluated = param.Selector(
        default="test",
        objects=["all", "train", "validation", "test", "selection"],
        doc="Sites that the evaluation draws.",
    )
    scored = param.Selector(
        default="binn", objects=list(SOURCES), doc="Whose parameters the evaluation scores."
    )
    above = param.Boolean(
        default=False, doc="Whether the evaluation leaves out what lies below the deepest node."
    )
    years = param.Selector(
        default=200, objects=list(YEARS), doc="Years of the way to the new equilibrium."
    )
    way_open = param.Boolean(default=False, doc="Whether that way is shown.")

    def tie(self, view: param.Parameterized, **names: str) -> None:
        """Keep parameters of a view and settings the same from now on.

        A view takes what is set; what it was itself made with goes before.

        Parameters
        ----------
        view : param.Parameterized
        **names : str
            The setting of each of its parameters.
        """
        mine = {own: getattr(view, own) for own in names}
        made = {names[own]: mine[own] for own in names if mine[own] != view.param[own].default}
        self.param.update(**made)
        view.param.update(**{own: getattr(self, name) for own, name in names.items()})

        def tell(*events: Any) -> None:
            self.param.update(**{names[event.name]: event.new for event in events})

        def hear(*events: Any) -> None:
            setting = {name: own for own, name in names.items()}
            view.param.update(**{setting[event.name]: event.new for event in events})

        view.param.watch(tell, list(names))
        self.param.watch(hear, list(names.values()))
