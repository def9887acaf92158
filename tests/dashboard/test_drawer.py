"""The drawer: colour limits as people type them, and what its parts are called."""

from __future__ import annotations

import pytest

from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.controls import Controls


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


def test_limits_are_shown_and_read_with_a_true_minus(state: PageState) -> None:
    drawer = Controls(state)
    state.field.param.update(reach="fixed", limits=(-0.18, 0.18))
    assert (drawer.low.value, drawer.high.value) == ("−0.18", "0.18")
    for typed in ("−0.5", "-0.5"):
        state.field.limits = (-0.18, 0.18)
        drawer.low.value = typed
        assert state.field.limits == (-0.5, 0.18)
        assert drawer.low.value == typed or typed == "-0.5"


def test_limits_that_are_none_are_refused_in_words(state: PageState) -> None:
    drawer = Controls(state)
    state.field.param.update(reach="fixed", limits=(0.0, 2.0))
    drawer.low.value = "much"
    assert "must be a number" in drawer._answer.object
    drawer.low.value = "3"
    assert "below the upper" in drawer._answer.object
    assert state.field.limits == (0.0, 2.0)
    drawer.low.value = "1"
    assert state.field.limits == (1.0, 2.0)
    assert drawer._answer.object == ""


def test_both_limits_change_together(state: PageState) -> None:
    """Whatever stood there before: neither is read beside the other's old one."""
    drawer = Controls(state)
    state.field.param.update(reach="fixed", limits=(0.0, 1.0))
    seen = []
    state.field.param.watch(lambda event: seen.append(event.new), "limits")
    state.field.limits = (0.5, 40.0)
    assert seen == [(0.5, 40.0)]
    assert (drawer.low.value, drawer.high.value) == ("0.5", "40")


def test_no_two_parts_have_one_name(state: PageState) -> None:
    drawer = Controls(state)
    widgets = [one for one in drawer.__panel__().select() if getattr(one, "label", None)]
    labels = [one.label for one in widgets]
    assert len(labels) == len(set(labels))
    assert labels[-1] == "Definition"  # it comes and goes, and moves nothing
