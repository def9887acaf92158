"""Below the list: the run that is looked at, or several side by side."""

from __future__ import annotations

import io
from collections.abc import Callable

import panel_material_ui as pmui
from panel.layout import Column, FlexBox, Row
from panel.pane import HTML, Bokeh

from binn.runs import Run
from dashboard.run_curves import RunCurves
from dashboard.run_map import RunMap
from dashboard.run_words import epochs_table, log_block, side_by_side, summary
from dashboard.state.job_words import said_no_more, state_sentence
from dashboard.state.jobs import MOST, Detail, Look
from dashboard.tables import folded
from dashboard.theme import plain, text

__all__ = ["RunDetails"]

_SIDE = {"flex": "1 1 300px", "min-width": "min(100%, 280px)"}
_ACTIONS = {
    "cancel": "Cancel",
    "resume": "Resume",
    "promote": "Use this checkpoint",
    "demote": "Use no longer",
    "ask": "Delete",
    "delete": "Delete for good",
    "keep": "Keep it",
}


class RunDetails:
    """State, actions, curves, map, log and tables of the chosen runs.

    Parameters
    ----------
    act : callable
        Called with ``cancel``, ``resume``, ``promote``, ``demote`` or ``delete``, and a run's id.
    allowed : bool
        Whether actions are offered.

    Attributes
    ----------
    panel : Column
    buttons : dict of Button
    card : FileDownload
        The model card.
    curves : RunCurves
    map : RunMap
    """

    def __init__(self, act: Callable[[str, str], None], allowed: bool) -> None:
        self._act, self._allowed = act, allowed
        self._details: tuple[Detail, ...] = ()
        self._drawn: object = None
        self._sure = ""
        self._said: tuple[str, Run | None] = ("", None)
        self._title = text(size="1rem", styles={"font-weight": "600"}, margin=(4, 8, 0, 8))
        self._state = text(size="0.88rem", margin=(0, 8, 4, 8), sizing_mode="stretch_width")
        self._question = text(size="0.88rem", margin=(6, 8), visible=False)
        self._answer = text(size="0.88rem", margin=(2, 8), sizing_mode="stretch_width")
        self.buttons = {
            key: pmui.Button(
                label=label,
                size="small",
                margin=(2, 4),
                variant="contained" if key == "promote" else "outlined",
                color="error" if key in ("ask", "delete") else "primary",
                visible=False,
            )
            for key, label in _ACTIONS.items()
        }
        for key, button in self.buttons.items():
            button.on_click(lambda _, key=key: self.press(key))
        self.card = pmui.FileDownload(
            callback=self._card,
            filename="model-card.md",
            label="Model card",
            size="small",
            margin=(2, 4),
            visible=False,
        )
        self.card.variant = "outlined"  # said in the constructor, the library warns of itself
        self.curves, self.map = RunCurves(), RunMap()
        self._legend = HTML(margin=(2, 8), sizing_mode="stretch_width")
        self._words = text(size="0.82rem", margin=(2, 8), sizing_mode="stretch_width")
        self._map_words = text(size="0.82rem", margin=(2, 8), sizing_mode="stretch_width")
        self._compared = HTML(margin=(4, 8), sizing_mode="stretch_width")
        self._epochs, self._log = (HTML(sizing_mode="stretch_width") for _ in range(2))
        self._folded = folded("Table of epochs", self._epochs), folded("Log", self._log)
        # it is put into the page with its first sites: a map of nothing has no limits
        self._map = Bokeh(None, sizing_mode="stretch_width", visible=False)
        self._folded[0].param.watch(self._list_epochs, "active")
        self._mapped = Column(
            self._map,
            self._map_words,
            styles=_SIDE,
            margin=0,
        )
        drawn = FlexBox(
            *(
                Column(Bokeh(fig, sizing_mode="stretch_width"), styles=_SIDE, margin=0)
                for fig in self.curves.figures
            ),
            self._mapped,
            sizing_mode="stretch_width",
            margin=0,
        )
        offered = (key for key in self.buttons if key not in ("delete", "keep"))
        self.panel = Column(
            self._title,
            self._state,
            FlexBox(
                *(self.buttons[key] for key in offered),
                self.card,
                sizing_mode="stretch_width",
                margin=(0, 4),
            ),
            Row(self._question, self.buttons["delete"], self.buttons["keep"], margin=(0, 4)),
            self._answer,
            self._compared,
            self._legend,
            drawn,
            self._words,
            *self._folded,
            sizing_mode="stretch_width",
            margin=0,
            visible=False,
        )

    def say(self, sentence: str, what: str = "") -> None:
        """What came of an action; it stands until the run has moved on.

        Parameters
        ----------
        sentence : str
        what : str
            Key of the action in `dashboard.state.job_words.DONE`; "" if it failed.
        """
        self._answer.object, self._said = plain(sentence), (what, None)

    def press(self, key: str) -> None:
        """What a button does; deleting asks first."""
        if len(self._details) != 1:
            return
        run = self._details[0].run.id
        if key in ("ask", "keep"):
            self._sure = run if key == "ask" else ""
        elif key != "delete":
            self.say("")
            self._act(key, run)
        elif self._sure == run:
            self._sure = ""
            self._act(key, run)
        self._offer()

    def show(self, look: Look, dark: bool, chosen: int) -> None:
        """Draw what was read; only what has changed is sent.

        Parameters
        ----------
        look : Look
        dark : bool
            The theme.
        chosen : int
            How many runs are ticked; more than can be compared are named.
        """
        before = [detail.run.id for detail in self._details]
        self._details = details = look.details
        if [detail.run.id for detail in details] != before:
            self._sure = ""
            self.say("")
        self.panel.visible = bool(details)
        if not details:
            return
        one = details[0] if len(details) == 1 else None
        if one is not None and self._answer.object:
            what, since = self._said
            if said_no_more(what, one.run, since):
                self.say("")
            elif since is None:
                self._said = what, one.run
        self._say(look, one, chosen)
        self._offer()
        if one is not None:
            self._log.object = log_block(one.log)
            self.card.filename = f"{one.run.id}-model-card.md"
        mark = [(d.run.id, sum(len(c.epoch) for c in d.curves), _drawn_map(d)) for d in details]
        if self._drawn != (mark, dark):
            self._drawn = (mark, dark)
            self.curves.draw(details, dark)
            self.map.draw(one.map if one else None, dark)
            self._map.visible = one is not None and one.map is not None
            if self._map.visible:
                self._map.object = self.map.figure
            self._map_words.object = plain(self.map.words(one.map if one else None))
            self._legend.object = self.curves.legend(details, dark)
            self._list_epochs()
        self._words.object = plain(summary(details))

    def _list_epochs(self, *_: object) -> None:
        """The table, while it is open."""
        if self._folded[0].active:
            self._epochs.object = epochs_table(self._details)

    def _say(self, look: Look, one: Detail | None, chosen: int) -> None:
        if one is not None:
            self._title.object = plain(one.run.id)
            self._state.object = plain(state_sentence(one.run, look.runs, self._allowed))
            self._compared.object = ""
        else:
            self._title.object = plain(f"{len(self._details)} runs side by side")
            more = f" Only the first {MOST} are compared." if chosen > MOST else ""
            self._state.object = plain(
                f"Untick all but one run to see its map and log, and to act on it.{more}"
            )
            self._compared.object = side_by_side(self._details)
        self._mapped.visible = self._folded[1].visible = one is not None

    def _offer(self) -> None:
        """Only buttons that would do something."""
        run = self._details[0].run if len(self._details) == 1 else None
        can = dict.fromkeys(self.buttons, False)
        if run is not None and self._allowed:
            has = bool(self._details[0].card)
            can["cancel"] = not run.ended and not run.stopping
            can["resume"] = run.resumable
            whole = run.ended if run.kind == "run" else run.state == "done"
            can["promote"] = whole and has and not run.promoted
            can["demote"] = run.promoted
            can["ask"] = run.state != "running" and not run.promoted
            can["delete"] = can["keep"] = can["ask"] and self._sure == run.id
        for key, button in self.buttons.items():
            button.visible = can[key]
        self.card.visible = run is not None and bool(self._details[0].card)
        self._question.visible = can["delete"]
        if run is not None and can["delete"]:
            self._question.object = plain(f"Delete {run.id} with its checkpoint and curves?")

    def _card(self) -> io.StringIO:
        return io.StringIO(self._details[0].card if len(self._details) == 1 else "")


def _drawn_map(detail: Detail) -> object:
    shown = detail.map
    return None if shown is None else (shown.member, shown.epoch, shown.quantity)
