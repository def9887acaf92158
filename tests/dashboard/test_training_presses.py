"""Presses in the Training tab: one run a press, and words that go when they are no longer true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from training_view import ONE, TWO, copied

from binn.runs import Runs
from binn.training.run_folder import write_status
from dashboard.state.job_form import site_options
from dashboard.state.job_words import row_of
from dashboard.state.jobs import StartOnce
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.views.training import Training


@pytest.fixture
def state(opened: Opened) -> PageState:
    return PageState(opened)


class Later(Lane):
    """A lane whose answers wait until they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []

    def request(self, work, done, failed) -> None:  # type: ignore[no-untyped-def]
        self.waiting.append(lambda: super(Later, self).request(work, done, failed))

    def settle(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


def test_a_double_click_starts_one_run(state: PageState, runs: Runs, waiting: None) -> None:
    lane = Later()
    view = Training(state, runs=runs, allowed=True, lane=lane)
    lane.settle()
    for _ in range(2):
        view.form.button.clicks += 1
    assert "Starting" in view.form._answer.object
    lane.settle()
    assert len(runs.list()) == 3
    assert "is in the list" in view.form._answer.object
    view.form.button.clicks += 1  # the second half of a click whose answer was quick
    lane.settle()
    assert len(runs.list()) == 3
    view.form.fields["seed"].value = "12"  # another training is another press
    view.form.button.clicks += 1
    lane.settle()
    assert len(runs.list()) == 4


def test_presses_count_again_after_the_answer() -> None:
    now = [0.0]
    once = StartOnce(lambda: now[0])
    assert once.begin("a")
    assert not once.begin("a")
    assert not once.begin("b")
    once.answered(started=False)
    assert once.begin("a")  # what failed may be tried again at once
    once.answered(started=True)
    assert not once.begin("a")
    now[0] = 2.0
    assert once.begin("a")


def test_words_of_an_action_go_when_the_run_has_moved_on(
    state: PageState, runs: Runs, waiting: None
) -> None:
    stopped = copied(runs, 3, "cancelled")
    view = Training(state, runs=runs, allowed=True)
    view.table.chosen = [stopped]
    said = view.details._answer
    view.details.press("resume")
    assert said.object == "It is in the queue again."
    view._tick()
    assert said.object == "It is in the queue again."
    write_status(runs.folder / stopped, {"state": "done", "epoch": 3, "epochs": 3, "updated": "1"})
    view._tick()
    assert said.object == ""


def test_a_queued_run_that_is_cancelled_does_not_save(
    state: PageState, runs: Runs, waiting: None
) -> None:
    view = Training(state, runs=runs, allowed=True)
    view.form.submit()
    view.details.press("cancel")
    assert view.table.rows[0]["state"] == "cancelled"
    assert view.details._answer.object == ""


def test_why_an_action_failed_stands_until_the_run_changes(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    view._act("resume", TWO)
    why = view.details._answer.object
    assert why
    view._tick()
    assert view.details._answer.object == why
    write_status(runs.folder / TWO, {"state": "failed", "updated": "later", "message": "x"})
    view._tick()
    assert view.details._answer.object == ""


def test_a_region_that_is_selected_is_named(state: PageState, runs: Runs, waiting: None) -> None:
    state.selection.choose_region("state", "Upper")
    assert site_options(state, "selection", ()) == {"regions": ("Upper",)}
    view = Training(state, runs=runs, allowed=True)
    view.form.where.value = "selection"
    view.form.submit()
    assert view.table.rows[0]["sites"] == "Upper"
    state.selection.choose(state.selection.sites[:-1])
    assert set(site_options(state, "selection", ())) == {"sites"}


def test_many_sites_are_counted_with_thousands_apart(runs: Runs) -> None:
    config = runs.config(ONE)
    chosen = tuple(str(k) for k in range(7198))
    training = config.training.changed(split={"sites": chosen})
    held = config.model_copy(update={"training": training})
    (runs.folder / ONE / "config.json").write_text(held.model_dump_json())
    assert row_of(runs.get(ONE))["sites"] == "7,198 by id"
