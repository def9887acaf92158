"""All state of one visitor's page, in one hand: what every view gets."""

from __future__ import annotations

from dashboard.state.field import FieldChoice
from dashboard.state.library import Library
from dashboard.state.look import Look
from dashboard.state.opened import Opened
from dashboard.state.results import Results
from dashboard.state.scenario import Scenario
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.state.work import Lane

__all__ = ["PageState"]


class PageState:
    """Session, selection, field, scenario, look, and the results that follow from them.

    Parameters
    ----------
    opened : Opened
        What is looked at.
    estimates, changes, spreads : Lane, optional
        Where results are computed; without them, at once.

    Examples
    --------
    In a notebook, with ``panel.extension()``::

        state = PageState.open("demo", "demo")
        state.selection.choose_region("biome", "Great Plains")
        DepthProfile(state)
    """

    def __init__(
        self,
        opened: Opened,
        estimates: Lane | None = None,
        changes: Lane | None = None,
        spreads: Lane | None = None,
    ) -> None:
        self.session = Session(opened)
        self.selection = Selection(opened.places)
        self.field = FieldChoice()
        self.scenario = Scenario()
        self.look = Look()
        self.results = Results(
            self.session, self.selection, self.scenario, self.field, estimates, changes, spreads
        )

    @property
    def opened(self) -> Opened:
        """Dataset and parameters."""
        return self.session.opened

    @classmethod
    def open(cls, data: str = "demo", *checkpoints: str) -> PageState:
        """State over a dataset, solved before it is returned: for notebooks and scripts.

        Raises
        ------
        InputError
            If one of them cannot be used.
        """
        state = cls(Library().open(data, checkpoints))
        state.results.start()
        return state
