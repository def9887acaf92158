"""A map that is not yet what was chosen says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.views.summary import MapSummary


class Held(Lane):
    """Works only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []

    def request(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        _failed: Callable[[str], None],
    ) -> None:
        self.asked.append((work, done))

    def go_on(self) -> None:
        while self.asked:
            work, done = self.asked.pop(0)
            done(work())


def test_the_words_say_when_the_map_is_still_the_one_before(opened: Opened) -> None:
    lane = Held()
    state = PageState(opened, lane)
    view = MapSummary(state)
    state.results.start()
    assert view._numbers.object == "Computing …"
    lane.go_on()
    before = view._numbers.object
    assert "Computing" not in before
    state.session.bedrock = "published"
    assert view._numbers.object.startswith("Computing what was chosen")
    assert view._numbers.object.endswith(before)
    lane.go_on()
    assert "Computing" not in view._numbers.object
