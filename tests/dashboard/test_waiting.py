"""A map that is not yet what was chosen says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.state.library import Library
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


def test_the_words_say_when_the_map_is_still_the_one_before(page_file: Path) -> None:
    lane = Held()
    state = PageState(Library().open(str(page_file)), lane)
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


def test_what_was_solved_for_another_visitor_is_there_at_once(page_file: Path) -> None:
    opened, lane = Library().open(str(page_file)), Held()
    first = PageState(opened, lane)
    assert not first.results.at_hand
    first.results.start()
    lane.go_on()
    second = PageState(opened, lane)
    assert second.results.at_hand
    second.results.start()
    assert not lane.asked
    assert second.results.mapped is not None
    second.session.bedrock = "published"
    assert len(lane.asked) == 1
    second.session.bedrock = opened.bedrock  # before that was solved: known, and now shown
    assert second.results.estimate.bedrock == opened.bedrock
