"""Training in the page: started, seen by everybody, reloaded, cancelled, resumed, used, refused."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from training_tab import AGREE, MANY, button, open_tab, percent, row, shows, start

import binn
from binn.clm5 import Forcing, solve, stock
from binn.runs import Runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FORGE = """label => {
  let count = 0
  for (const model of Bokeh.documents[0]._all_models.values()) {
    if (model.data?.label === label) { model.data.setv({clicks: 1}); count += 1 }
  }
  return count
}"""


def test_from_the_form_to_the_page_s_checkpoint(  # type: ignore[no-untyped-def]
    visit, allowed: str, runs: Runs, synthetic_path: Path
) -> None:
    one = visit(allowed)
    open_tab(one)
    one.page.get_by_text("No training here yet").wait_for()
    one.page.get_by_label("Epochs", exact=True).fill("0")
    one.page.get_by_label("Members", exact=True).focus()
    one.page.get_by_text("Must be a whole number from 1 to 100,000.").wait_for()
    run = start(one, runs, 3)
    one.until(lambda: shows(one, run, "done"), "the training to end", 120)
    assert percent(one, run) == 100
    history = runs.history(run)
    one.until(lambda: len(one.data("run-nse-marks")["x"]) == 6, "three epochs on two curves")
    drawn = one.data("run-nse-marks")
    for what in ("validation", "training"):
        shown = [y for y, kind in zip(drawn["y"], drawn["what"], strict=True) if kind == what]
        key = {"validation": "validation_nse", "training": "train_nse"}[what]
        np.testing.assert_allclose(shown, [entry[key] for entry in history])
    shown = runs.live_map(run)
    assert shown is not None
    np.testing.assert_allclose(one.data("run-sites")["value"], shown.value / 1000)
    one.page.get_by_text("Done: NSE validation").wait_for()
    with one.page.expect_download() as card:
        button(one, "Model card").click()
    text = Path(card.value.path()).read_text(encoding="utf-8")
    assert text == (runs.checkpoint(run) / "README.md").read_text(encoding="utf-8")
    button(one, "Use this checkpoint").click()
    one.page.wait_for_url(f"**checkpoint={run}**")
    assert runs.promoted() == run
    dataset = binn.open_dataset(synthetic_path)
    parameters = binn.load_checkpoint(runs.checkpoint(run)).physical(dataset)
    soc = solve(parameters, Forcing.from_dataset(dataset)).soc
    one.page.get_by_role("tab", name="Explore", exact=True).click()
    one.settled()
    expected = stock(soc, 0.0, 1.0).numpy() / 1000
    one.until(
        lambda: np.allclose(one.data("sites")["value"], expected, rtol=1e-6),
        "the map of the new checkpoint",
    )


def test_all_browsers_agree_through_reload_cancel_and_resume(  # type: ignore[no-untyped-def]
    visit, allowed: str, runs: Runs
) -> None:
    first = visit(allowed)
    open_tab(first)
    run = start(first, runs, MANY)
    first.until(lambda: shows(first, run, "running"), "the training to run")
    first.until(lambda: len(first.data("run-nse-marks")["x"]) > 1, "the first epochs", 120)
    first.page.get_by_text("Trains: epoch").wait_for()
    first.page.reload()
    open_tab(first)
    first.until(lambda: shows(first, run, "running"), "the training to be there after a reload")
    second = visit(allowed)
    open_tab(second)
    second.until(lambda: shows(second, run, "running"), "the other browser to see it")
    button(second, "Cancel").click()
    second.until(lambda: runs.get(run).state == "cancelled", "the trainer to save and stop")
    began = time.monotonic()
    for one in (first, second):
        one.until(lambda one=one: shows(one, run, "cancelled"), "both to agree", AGREE)
    assert time.monotonic() - began < AGREE
    reached = runs.get(run).epoch
    assert 0 < reached < MANY
    button(first, "Resume").click()
    second.until(lambda: shows(second, run, "running"), "the other browser to see it run again")
    first.until(lambda: runs.get(run).epoch > reached, "it to go on from there", 120)
    button(first, "Cancel").click()
    first.until(lambda: shows(first, run, "cancelled"), "it to stop again")
    epochs = [entry["epoch"] for entry in runs.history(run)]
    assert epochs == list(range(1, len(epochs) + 1))  # no epoch twice, none left out
    button(first, "Delete").click()
    assert len(runs.list()) == 1
    button(first, "Delete for good").click()
    second.until(lambda: row(second, run).count() == 0, "it to be gone for both")
    assert runs.list() == ()


def test_a_visitor_of_a_public_server_reads_and_changes_nothing(  # type: ignore[no-untyped-def]
    visit, serve, synthetic_path: Path, checkpoint: Path, runs: Runs
) -> None:
    shutil.copytree(checkpoint.parent, runs.folder / "0001-quick-0001")
    one = visit(serve("--data", synthetic_path, BINN_RUNS=runs.folder))
    open_tab(one)
    one.page.get_by_text("Training is switched off on this server").first.wait_for()
    row(one, "0001-quick-0001").wait_for()
    one.until(lambda: len(one.data("run-nse-marks")["x"]) == 4, "its curves")
    forged = ("Start training", "Delete", "Delete for good", "Use this checkpoint", "Resume")
    for name in (*forged, "Cancel"):
        assert button(one, name).count() == 0, name
    # what hidden buttons would send
    clicked = sum(one.page.evaluate(FORGE, name) for name in forged)
    assert clicked >= 1
    one.page.wait_for_timeout(3000)
    assert [run.id for run in runs.list()] == ["0001-quick-0001"]
    assert runs.promoted() is None


def test_on_a_phone_nothing_is_wider_than_the_screen(  # type: ignore[no-untyped-def]
    visit, serve, synthetic_path: Path, checkpoint: Path, runs: Runs
) -> None:
    shutil.copytree(checkpoint.parent, runs.folder / "0001-quick-0001")
    one = visit(serve("--data", synthetic_path, BINN_RUNS=runs.folder), 390, 844)
    one.settled()
    one.page.get_by_role("tab", name="Training", exact=True).click()
    row(one, "0001-quick-0001").wait_for()
    one.until(lambda: len(one.data("run-nse-marks")["x"]) == 4, "its curves")
    overflow = "() => document.documentElement.scrollWidth - window.innerWidth"
    assert one.page.evaluate(overflow) <= 0
