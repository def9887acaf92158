"""The Training tab over a runs folder with real, tiny trainings of SYNTHETIC sites."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from training_view import EPOCHS, ONE, TWO, copied, offered, words

from binn.processes import ProcessIdentity
from binn.runs import Runs
from dashboard import units
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.training import Training

REFUSED = "Training is switched off on this server"


@pytest.fixture
def state(opened: Opened) -> PageState:
    return PageState(opened)


def test_without_a_folder_the_tab_says_what_to_do(state: PageState, tmp_path: Path) -> None:
    view = Training(state, runs=Runs(tmp_path / "none"), allowed=True)
    assert view.table.rows == []
    assert not view.details.panel.visible
    assert "No training here yet" in view._count.object
    assert not (tmp_path / "none").exists()


def test_the_newest_run_is_shown_with_its_curves_and_map(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    assert [row["id"] for row in view.table.rows] == [TWO, ONE]
    assert view.table.chosen == [TWO]
    history = runs.history(TWO)
    nse = view.details.curves.lines["nse"].data
    np.testing.assert_allclose(nse["x"][0], range(1, EPOCHS + 1))
    assert nse["dash"] == ["solid", "dashed"]
    np.testing.assert_allclose(nse["y"][0], [row["validation_nse"] for row in history])
    np.testing.assert_allclose(nse["y"][1], [row["train_nse"] for row in history])
    loss = view.details.curves.lines["loss"].data
    assert loss["dash"] == ["dashed", "solid"]
    np.testing.assert_allclose(loss["y"][0], [row["train_loss"] for row in history])
    np.testing.assert_allclose(loss["y"][1], [row["validation_loss"] for row in history])
    shown = runs.live_map(TWO)
    assert shown is not None
    np.testing.assert_allclose(view.details.map.source.data["value"], shown.value / 1000)
    assert "kgC m⁻²" in view.details.map._bar.title
    assert list(view.details.map.source.data["profile"]) == shown.profile_id.astype(str).tolist()
    said = words(view)
    assert f"at {len(shown.value)} validation sites after epoch {EPOCHS}" in said
    assert f"NSE of the training sites: {units.number(history[-1]['train_nse'])}." in said
    assert "Done: NSE validation" in said
    assert "epoch 3/3" in said  # the log
    card = view.details.card.callback().getvalue()
    assert card == (runs.checkpoint(TWO) / "README.md").read_text(encoding="utf-8")


def test_the_table_of_epochs_is_filled_when_it_is_opened(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    table = view.details._folded[0]
    assert "epoch 3</th>" not in words(view)
    table.active = [0]
    said = words(view)
    last = runs.history(TWO)[-1]
    assert f"{EPOCHS} epochs" in said
    assert f"member 1, epoch 3</th><td>{last['train_loss']:#.4g}" in said


def test_long_trainings_are_thinned(state: PageState, runs: Runs) -> None:
    with (runs.folder / TWO / "metrics.jsonl").open("a") as file:
        for epoch in range(EPOCHS + 1, 5001):
            row = {"member": 0, "epoch": epoch, "train_loss": 0.1, "validation_nse": 0.5}
            file.write(json.dumps(row) + "\n")
    view = Training(state, runs=runs, allowed=True)
    x = view.details.curves.lines["nse"].data["x"][0]
    assert len(x) == 1000
    assert (x[0], x[-1]) == (1, 5000)
    view.details._folded[0].active = [0]
    assert "The latest 200 of 5,000 epochs" in words(view)


def test_several_runs_are_compared(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    view.table.chosen = [TWO, ONE]
    lines = view.details.curves.lines["nse"].data
    assert len(lines["x"]) == 4  # validation and training sites of each
    assert len(set(lines["colour"])) == 2
    said = words(view)
    assert "2 runs side by side" in said
    assert '<th scope="row">seed</th><td>7</td><td>0</td>' in said
    assert "NSE, test sites" in said
    assert offered(view) == set()
    view.table.chosen = [ONE]
    assert "2 runs side by side" not in words(view)
    assert len(view.details.curves.lines["nse"].data["x"]) == 2


def test_a_run_from_before_training_nse_was_counted(state: PageState, runs: Runs) -> None:
    file = runs.folder / TWO / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        del row["train_nse"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    view = Training(state, runs=runs, allowed=True)
    nse = view.details.curves.lines["nse"].data
    np.testing.assert_allclose(nse["y"], [[row["validation_nse"] for row in rows]])
    assert set(view.details.curves.marks["nse"].data["what"]) == {"validation"}
    assert "NSE of the training sites" not in words(view)


def test_more_runs_than_colours_are_told(state: PageState, runs: Runs) -> None:
    ids = [copied(runs, number, "done") for number in range(3, 9)]
    view = Training(state, runs=runs, allowed=True)
    view.table.chosen = [*ids, ONE]
    assert len(set(view.details.curves.lines["nse"].data["colour"])) == 6
    assert "Only the first 6 are compared" in words(view)


def test_a_choice_that_is_no_run_is_dropped(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    view.table.chosen = ["../../etc", ONE]
    assert view.table.chosen == [ONE]
    assert ONE in words(view)


def test_what_is_started_waits_in_the_list_of_everybody(
    state: PageState, opened: Opened, runs: Runs, waiting: None
) -> None:
    mine = Training(state, runs=runs, allowed=True)
    other = Training(PageState(opened), runs=Runs(runs.folder), allowed=False)
    mine.form.fields["epochs"].value = "2"
    mine.form.fields["seed"].value = "11"
    mine.form.where.value = "regions"
    mine.form.regions.value = ["Upper"]
    mine.form.submit()
    new = mine.table.rows[0]
    assert (new["state"], new["preset"], new["sites"]) == ("queued", "quick", "Upper")
    assert mine.table.chosen == [new["id"]]
    training = runs.config(new["id"]).training
    assert (training.epochs, training.seed, training.split.regions) == (2, 11, ("Upper",))
    assert runs.config(new["id"]).data == opened.data
    assert offered(mine) == {"cancel", "ask"}
    other._tick()
    assert other.table.rows == mine.table.rows
    mine.details.press("cancel")
    other._tick()
    assert mine.table.rows[0]["state"] == other.table.rows[0]["state"] == "cancelled"
    assert offered(mine) == {"resume", "ask"}
    mine.details.press("resume")
    assert mine.table.rows[0]["state"] == "queued"


def test_the_selection_can_be_trained_on(state: PageState, runs: Runs, waiting: None) -> None:
    view = Training(state, runs=runs, allowed=True)
    view.form.where.value = "selection"
    view.form.submit()
    assert "No site is selected" in view.form._answer.object
    state.selection.choose(range(5))
    assert "5 sites selected" in view.form._sites.object
    view.form.submit()
    assert "5 distinct places, too few for 10 folds" in view.form._answer.object
    assert len(runs.list()) == 2
    state.selection.choose(range(20))
    view.form.submit()
    assert runs.config(runs.list()[0].id).training.split.sites == tuple(
        str(5000 + site) for site in range(20)
    )


def test_wrong_fields_are_marked_and_nothing_starts(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    field = view.form.fields["epochs"]
    field.value = "0"
    assert field.error_state
    assert "from 1 to" in field.helper_text
    view.form.submit()
    assert "Mend the marked fields" in view.form._answer.object
    assert len(runs.list()) == 2
    view.form.preset.value = "paper"
    assert not field.error_state
    assert field.value == "50"
    assert view.form.bedrock.value == "published"


def test_a_run_is_deleted_only_after_a_second_word(state: PageState, runs: Runs) -> None:
    view = Training(state, runs=runs, allowed=True)
    view.details.press("delete")
    assert len(runs.list()) == 2
    view.details.press("ask")
    assert {"delete", "keep"} < offered(view)
    assert f"Delete {TWO}" in words(view)
    view.details.press("keep")
    assert "delete" not in offered(view)
    view.details.press("ask")
    view.table.chosen = [ONE]  # the answer to a question about another run
    view.details.press("delete")
    assert len(runs.list()) == 2
    view.details.press("ask")
    view.details.press("delete")
    assert [run.id for run in runs.list()] == [TWO]
    assert [row["id"] for row in view.table.rows] == [TWO]
    assert not view.details.panel.visible


def test_a_checkpoint_is_promoted_and_the_page_told(state: PageState, runs: Runs) -> None:
    told: list[str] = []
    view = Training(state, runs=runs, allowed=True, on_promote=told.append)
    view.details.press("promote")
    assert told == [TWO]
    assert runs.promoted() == TWO
    assert view.table.rows[0]["promoted"]
    assert offered(view) == {"demote"}
    view.details.press("delete")  # its button is not there
    assert len(runs.list()) == 2
    view.details.press("demote")
    assert runs.promoted() is None
    assert told == [TWO]


def test_a_page_that_cannot_take_it_leaves_the_list_alive(state: PageState, runs: Runs) -> None:
    shutil.rmtree(runs.folder / TWO / "checkpoint")
    view = Training(state, runs=runs, allowed=True)
    assert "promote" not in offered(view)
    view.details.press("promote")
    assert "there is no checkpoint" in words(view)[1:].lower()
    assert runs.promoted() is None
    view._tick()
    assert len(view.table.rows) == 2


def test_lost_and_failed_runs_say_why_and_what_to_do(state: PageState, runs: Runs) -> None:
    process = ProcessIdentity.of()
    assert process is not None
    gone = process.model_copy(update={"started": "1"}).model_dump()
    lost = copied(runs, 3, "running", process=gone)
    failed = copied(runs, 4, "failed", message="no <b>space</b> left on the disk")
    view = Training(state, runs=runs, allowed=True)
    assert view.table.chosen == [failed]
    assert "Failed: no &lt;b&gt;space&lt;/b&gt; left on the disk. Mend that and press Resume" in (
        words(view)
    )
    assert {"resume", "ask"} <= offered(view)
    view.table.chosen = [lost]
    assert "Lost: its process ended without a word" in words(view)
    assert "Resume" in words(view)
    assert {"resume", "ask"} <= offered(view)


def test_who_is_not_allowed_reads_everything_and_changes_nothing(
    state: PageState, runs: Runs, waiting: None
) -> None:
    stopped = copied(runs, 3, "cancelled")
    queued = copied(runs, 4, "queued", ticket=4)
    told: list[str] = []
    view = Training(state, runs=runs, allowed=False, on_promote=told.append)
    before = {run.id: (run.state, run.promoted) for run in runs.list()}
    assert "--allow-training" in view._note.object
    assert "BINN_TRAINERS" in view._note.object
    assert view._note.visible
    assert not view.form.button.visible
    for chosen in before:
        view.table.chosen = [chosen]
        assert offered(view) == set()
    view.table.chosen = [TWO]
    assert len(view.details.curves.lines["nse"].data["x"]) == 2
    assert view.details.card.visible

    def unchanged() -> bool:
        return {run.id: (run.state, run.promoted) for run in runs.list()} == before

    # what a forged message of the browser can reach: every button, clicked though not shown
    for button in (view.form.button, *view.details.buttons.values()):
        for chosen in before:
            view.table.chosen = [chosen]
            button.clicks += 1
            assert unchanged()
    for key in ("ask", "delete"):
        view.details.press(key)
    assert unchanged()
    view.form.submit()
    assert REFUSED in view.form._answer.object
    for what, chosen in (
        *(("cancel", queued), ("resume", stopped), ("delete", TWO)),
        *(("promote", TWO), ("demote", TWO)),
    ):
        view._act(what, chosen)
        assert REFUSED in view.details._answer.object
        assert unchanged()
    assert told == []
