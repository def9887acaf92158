"""The Training tab beside a runs folder in which things happen: folds, other tabs, many runs."""

from __future__ import annotations

import gc
import json
import shutil
import weakref

import numpy as np
import pytest
from training_view import ONE, TWO, copied, offered, words

from binn.checkpoint import load_checkpoint
from binn.runs import Runs
from binn.training.run_folder import write_status
from dashboard.state.attention import Attention
from dashboard.state.catalogue import Catalogue
from dashboard.state.library import Library
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.training import Training


@pytest.fixture
def state(opened: Opened) -> PageState:
    return PageState(opened)


def folds_of(runs: Runs, state: str) -> str:
    """A run over two folds: the two trainings, which differ."""
    path = runs.folder / "0003-folds-00c3"
    for fold, one in enumerate((ONE, TWO)):
        shutil.copytree(runs.folder / one, path / f"fold_{fold}")
    config = runs.config(ONE)
    training = config.training.changed(split={"folds": 2})
    held = config.model_copy(update={"kind": "folds", "training": training})
    (path / "config.json").write_text(held.model_dump_json())
    write_status(path, {"state": state, "folds": 2})
    return path.name


def test_folds_are_used_together_once_all_are_done(
    state: PageState, opened: Opened, runs: Runs
) -> None:
    told: list[str] = []
    folds = folds_of(runs, "cancelled")
    view = Training(state, runs=runs, allowed=True, on_promote=told.append)
    view.table.chosen = [folds]
    assert offered(view) == {"resume", "ask"}
    view.details.press("promote")
    assert "its folds are used only together" in words(view)
    write_status(runs.folder / folds, {"state": "done", "folds": 2, "updated": "now"})
    view._tick()
    assert "promote" in offered(view)
    view.details.press("promote")
    assert (told, runs.promoted()) == ([folds], folds)
    catalogue = Catalogue(runs=runs.folder)
    name = catalogue.run_name(folds)
    assert name == f"{folds} (folds)"
    assert (catalogue.run_name(ONE), catalogue.run_name("nothing")) == (ONE, "")
    together = Library().open(opened.data, catalogue.model(name))
    each = [load_checkpoint(runs.folder / one).physical(opened.dataset) for one in (ONE, TWO)]
    np.testing.assert_allclose(together.parameters, np.median(each, axis=0))
    np.testing.assert_allclose(together.fold_parameters("site"), each)
    assert together.has_folds
    assert together.checkpoint == folds


def test_a_closed_tab_does_not_look(state: PageState, runs: Runs) -> None:
    attention = Attention(looked_at=False)
    view = Training(state, attention, runs=runs, allowed=True)
    assert view.table.rows == []
    assert not view._ticker.running
    attention.looked_at = True
    assert len(view.table.rows) == 2
    assert view._ticker.running
    attention.looked_at = False
    assert not view._ticker.running
    copied(runs, 3, "done")
    assert len(view.table.rows) == 2
    attention.looked_at = True
    assert len(view.table.rows) == 3


def test_the_clock_does_not_keep_a_view_alive(state: PageState, runs: Runs) -> None:
    view = Training(PageState(state.opened), runs=runs, allowed=True)
    ticker, gone = view._ticker, weakref.ref(view)
    del view
    gc.collect()
    assert gone() is None
    ticker._tick()
    assert not ticker.running


def test_nothing_is_sent_while_nothing_changes(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    sent: list[object] = []

    def drawn(attr: str, _old: object, _new: object) -> None:
        sent.append(attr)

    view.table.param.watch(lambda event: sent.append(event.name), "rows")
    for pane in view.details.panel.select(lambda one: hasattr(one, "object")):
        pane.param.watch(lambda event: sent.append((event.obj.name, event.name)), "object")
    for source in (*view.details.curves.lines.values(), view.details.map.source):
        source.on_change("data", drawn)
    view._tick()
    assert sent == []
    with (runs.folder / TWO / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"member": 0, "epoch": 4, "train_loss": 0.1}) + "\n")
    write_status(runs.folder / TWO, {"state": "failed", "updated": "later", "message": "x"})
    view._tick()
    assert "rows" in sent
    assert "data" in sent


def test_fifty_runs_are_listed_in_few_bytes(state: PageState, runs: Runs) -> None:
    for number in range(3, 51):
        copied(runs, number, "done")
    view = Training(state, runs=runs, allowed=True)
    assert len(view.table.rows) == 50
    assert len(json.dumps(view.table.rows)) < 20_000  # what a browser is sent
