"""What outlives a kill -9: of the trainer, of the server; and a list of many runs."""

from __future__ import annotations

import os
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from run_processes import trained_past, wait_for
from training_tab import AGREE, MANY, button, open_tab, row, shows

import binn
from binn.clm5 import Forcing, solve, stock
from binn.runs import Limits, RunRequest, Runs
from binn.runs.record import process_of
from binn.training.run_folder import read_status

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPOCHS = 60
"""Of a training that is caught at work and may come to its end afterwards."""


def request(data: Path, **changes: object) -> RunRequest:
    """A training that saves after each epoch."""
    options = {"preset": "quick", "epochs": MANY, "batch_size": 4, "save_every": 0.0}
    return RunRequest.make(dataset=str(data), **(options | changes))


def signalled(runs: Runs, run_id: str, number: int) -> None:
    process = process_of(read_status(runs.folder / run_id))
    assert process is not None
    os.kill(process.pid, number)


def test_a_trainer_that_is_killed_is_lost_and_goes_on(  # type: ignore[no-untyped-def]
    visit, allowed: str, runs: Runs, synthetic_path: Path
) -> None:
    one = visit(allowed)
    open_tab(one)
    run = runs.start(request(synthetic_path, epochs=EPOCHS))
    saved = runs.folder / run / "last" / "resume.json"
    wait_for(lambda: saved.is_file() or runs.get(run).ended)
    signalled(runs, run, signal.SIGSTOP)  # it is at work as long as somebody has to look
    assert 0 < len(runs.history(run)) < EPOCHS
    row(one, run).click()
    one.until(lambda: shows(one, run, "running"), "the training to be in the list")
    one.until(lambda: button(one, "Cancel").count() == 1, "its buttons")

    signalled(runs, run, signal.SIGKILL)
    began = time.monotonic()
    one.until(lambda: shows(one, run, "lost"), "the page to say so", AGREE)
    assert time.monotonic() - began < AGREE
    one.page.get_by_text("Lost: its process ended without a word").wait_for()
    assert button(one, "Cancel").count() == 0
    button(one, "Resume").click()
    one.until(lambda: shows(one, run, "done"), "it to go on to its end", 300)
    assert [entry["epoch"] for entry in runs.history(run)] == list(range(1, EPOCHS + 1))
    words = runs.log(run).partition("resumed: member 1 of 1, ")[2]
    assert 0 < int(words.partition(" of ")[0]) < EPOCHS  # and not from the beginning
    one.page.get_by_text("Done: NSE validation").wait_for()


def test_a_server_that_is_killed_leaves_its_trainings_to_the_next(  # type: ignore[no-untyped-def]
    visit, serve, synthetic_path: Path, runs: Runs
) -> None:
    arguments = ("--data", synthetic_path, "--allow-training")
    url = serve(*arguments, BINN_RUNS=runs.folder)
    one = visit(url)
    open_tab(one)
    one.page.get_by_label("Epochs", exact=True).fill(str(MANY))
    button(one, "Start training").click()
    one.until(runs.read_all, "the run to be in the folder")
    (run,) = (found.id for found in runs.read_all())
    one.until(lambda: shows(one, run, "running"), "the page to show it")
    reached = trained_past(runs, run, 1).epoch

    serve.kill(url)
    one.page.context.close()
    one.errors.clear()  # it complained, rightly, of having lost its server
    trained_past(runs, run, reached + 1)  # it did not notice

    two = visit(serve(*arguments, BINN_RUNS=runs.folder))
    open_tab(two)
    two.until(lambda: shows(two, run, "running"), "the next server to show it")
    two.until(lambda: len(two.data("run-nse-marks")["x"]) > 2, "its curves")
    button(two, "Cancel").click()
    two.until(lambda: shows(two, run, "cancelled"), "it to save and stop", 120)
    epochs = [entry["epoch"] for entry in runs.history(run)]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > reached


def test_the_queue_moves_on_though_no_page_is_open(  # type: ignore[no-untyped-def]
    serve, synthetic_path: Path, runs: Runs
) -> None:
    """The trainer that is killed cannot start the next one, and nobody looks; the server does."""
    runs.set_limits(Limits(runs=1, threads=2))
    url = serve("--data", synthetic_path, "--allow-training", BINN_RUNS=runs.folder)
    with urllib.request.urlopen(url, timeout=120) as page:  # and no browser to go with it
        assert page.status == 200
    busy = runs.start(request(synthetic_path))
    waiting = runs.start(request(synthetic_path, epochs=2))
    trained_past(runs, busy, 1)
    assert runs.get(waiting).state == "queued"
    signalled(runs, busy, signal.SIGKILL)
    wait_for(lambda: runs.get(waiting).state == "done")  # `get` looks and moves nothing
    assert runs.get(busy).state == "lost"


def test_fifty_runs_are_all_within_reach(  # type: ignore[no-untyped-def]
    visit, serve, synthetic_path: Path, checkpoint: Path, runs: Runs
) -> None:
    ids = [f"{number:04d}-quick-{number:04d}" for number in range(50, 0, -1)]
    for run in ids:
        shutil.copytree(checkpoint.parent, runs.folder / run)
    one = visit(serve("--data", synthetic_path, BINN_RUNS=runs.folder))
    open_tab(one)
    one.page.get_by_text("50 trainings", exact=True).wait_for()
    shown = one.page.locator("tr[data-run]")
    assert shown.evaluate_all("rows => rows.map(row => row.dataset.run)") == ids
    for run in (ids[-1], ids[25], ids[0]):
        row(one, run).click()  # scrolls there
        one.until(
            lambda run=run: set(one.data("run-nse-marks")["run"]) == {run}, f"the curves of {run}"
        )
    # side by side, by keyboard
    for run in ids[-2:]:
        one.page.get_by_label(f"Look at run {run}").press("Space")
    one.page.get_by_text("3 runs side by side").wait_for()
    one.until(
        lambda: set(one.data("run-nse-marks")["run"]) == {ids[0], *ids[-2:]}, "all their curves"
    )


def test_all_folds_become_the_page_s_checkpoint(  # type: ignore[no-untyped-def]
    visit, allowed: str, runs: Runs, synthetic_path: Path
) -> None:
    run = runs.start(request(synthetic_path, epochs=2, folds=2, all_folds=True))
    one = visit(allowed)
    open_tab(one)
    row(one, run).click()
    one.until(lambda: shows(one, run, "done"), "all folds to be done", 300)
    one.until(lambda: button(one, "Use this checkpoint").count() == 1, "its buttons")
    with one.page.expect_download() as card:
        button(one, "Model card").click()
    text = Path(card.value.path()).read_text(encoding="utf-8")
    for folder in runs.checkpoints(run):
        assert (folder / "README.md").read_text(encoding="utf-8") in text
    button(one, "Use this checkpoint").click()
    one.page.wait_for_url(f"**checkpoint={run}*folds*")
    assert runs.promoted() == run
    dataset = binn.open_dataset(synthetic_path)
    models = binn.load_ensemble(runs.folder / run)
    assert len(models) == 2
    parameters = np.median([model.physical(dataset) for model in models], axis=0)
    soc = solve(parameters, Forcing.from_dataset(dataset)).soc
    expected = stock(soc, 0.0, 1.0).numpy() / 1000

    def drawn(there) -> bool:  # type: ignore[no-untyped-def]
        return np.allclose(there.data("sites")["value"], expected, rtol=1e-6)

    one.page.get_by_role("tab", name="Explore", exact=True).click()
    one.settled()
    one.until(lambda: drawn(one), "the map of the median of the folds")
    # who comes later, and who was given the link, see the same
    for address in (allowed, one.page.url.replace("tab=training", "tab=explore")):
        two = visit(address)
        two.settled()
        two.until(lambda two=two: drawn(two), "the same map")
        chooser = two.page.get_by_role("combobox", name="Checkpoint").first
        assert f"{run} (folds)" in chooser.inner_text()
