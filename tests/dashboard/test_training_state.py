"""Who may train, what the form understands, and what is said of runs: all without a screen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from binn.errors import InputError
from binn.runs import Run
from binn.training.config import OptimiserConfig, TrainingConfig
from binn.training.presets import PRESETS, preset
from binn.training.run_folder import RunConfig
from dashboard.settings import Settings
from dashboard.state.errands import Errands
from dashboard.state.job_comparison import curves, differences, same_loss, scores
from dashboard.state.job_form import (
    NUMBERS,
    check_sites,
    preset_values,
    request_of,
    site_options,
)
from dashboard.state.job_words import duration, row_of, score_of, state_sentence
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.permission import may_train
from dashboard.state.work import Lane


def typed(name: str = "quick", **changes: str) -> dict[str, str]:
    values = preset_values(name)
    return {key: NUMBERS[key].written(values[key]) for key in NUMBERS} | changes


@pytest.mark.parametrize(
    ("switched_on", "user", "trainers", "expected"),
    [
        (True, None, "", True),
        (True, "somebody", "ada", True),
        (False, None, "", False),
        (False, None, "ada,grace", False),
        (False, "", ",", False),
        (False, "", "", False),
        (False, "ada", "", False),
        (False, "ada", "ada", True),
        (False, "grace", " ada , grace ", True),
        (False, "ad", "ada", False),
        (False, "ada,grace", "ada,grace", False),
    ],
)
def test_who_may_train(switched_on: bool, user: str | None, trainers: str, expected: bool) -> None:
    settings = Settings(allow_training=switched_on)
    assert may_train(settings, user, {"BINN_TRAINERS": trainers}) is expected


def test_without_trainers_in_the_environment_nobody_may() -> None:
    assert not may_train(Settings(), "ada", {})


def test_errands_are_done_one_after_the_other_and_none_is_dropped() -> None:
    turns: SimpleQueue[Callable[[], None]] = SimpleQueue()
    done: list[int] = []
    said: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        errands = Errands(Lane(executor, turns.put))

        def fail() -> None:
            raise InputError("that cannot be done")

        errands.add(lambda: 1, done.append, said.append)
        errands.add(fail, done.append, said.append)
        errands.add(lambda: 3, done.append, said.append)
        assert not errands.idle
        while not errands.idle:
            turns.get(timeout=30)()
    assert done == [1, 3]
    assert said == ["that cannot be done"]


def test_an_errand_that_goes_wrong_on_the_page_does_not_stop_the_others() -> None:
    errands, done = Errands(Lane()), []

    def broken(_: object) -> None:
        raise RuntimeError("a view broke")

    with pytest.raises(RuntimeError):
        errands.add(lambda: 1, broken, done.append)
    errands.add(lambda: 2, done.append, done.append)
    assert errands.idle
    assert done == [2]


def test_bounds_of_the_form_are_those_of_the_schema() -> None:
    for key, number in NUMBERS.items():
        low = {"epochs": 1, "members": 1, "seed": 0, "batch_size": 2, "folds": 2}.get(key)
        if low is None:
            continue
        assert number.read(str(low)) == low
        with pytest.raises(InputError, match=f"whole number from {low} to"):
            number.read(str(low - 1))
    assert NUMBERS["members"].read("100") == 100
    with pytest.raises(InputError, match="from 1 to 100"):
        NUMBERS["members"].read("101")
    assert NUMBERS["learning_rate"].read("1e-3") == 0.001
    for wrong in ("0", "-1", "1.5", "nan", "inf", "", "fast"):
        with pytest.raises(InputError, match="a number above 0, at most 1"):
            NUMBERS["learning_rate"].read(wrong)
    for wrong in ("", "two", "1.5", "1e3", "nan"):
        with pytest.raises(InputError, match="whole number"):
            NUMBERS["epochs"].read(wrong)
    assert NUMBERS["learning_rate"].description == (
        OptimiserConfig.model_fields["learning_rate"].description
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_form_left_alone_asks_for_the_preset(name: str) -> None:
    bedrock = preset_values(name)["bedrock"]
    request, faults = request_of("demo", name, typed(name), bedrock=bedrock)
    assert faults == {}
    assert request is not None
    assert request.training() == preset(name)


def test_the_form_asks_for_what_stands_in_it() -> None:
    request, _ = request_of(
        "demo",
        "quick",
        typed(epochs="7", members="2", seed="5", batch_size="16", learning_rate="0.02", folds="4"),
        bedrock="published",
        all_folds=True,
        regions=("Ohio",),
        live_map="residence_time",
    )
    assert request is not None
    training = request.training()
    assert (training.epochs, training.members, training.seed) == (7, 2, 5)
    assert (training.batch_size, training.optimiser.learning_rate) == (16, 0.02)
    assert (training.split.folds, training.split.regions) == (4, ("Ohio",))
    assert (training.bedrock, request.all_folds) == ("published", True)
    assert request.live_map == "residence_time"


def test_every_wrong_field_has_its_sentence() -> None:
    request, faults = request_of("demo", "quick", typed(epochs="0", folds="x"))
    assert request is None
    assert set(faults) == {"epochs", "folds"}
    request, faults = request_of("demo", "quick", typed(), live_map="no such thing")
    assert request is None
    assert "live_map" in faults[""]


def test_sites_are_all_or_of_regions_or_the_selection(opened: Opened) -> None:
    state = PageState(opened)
    assert site_options(state, "all", ("Upper",)) == {}
    assert site_options(state, "regions", ("Upper",)) == {"regions": ("Upper",)}
    with pytest.raises(InputError, match="at least one"):
        site_options(state, "regions", ())
    with pytest.raises(InputError, match="No site is selected"):
        site_options(state, "selection", ())
    state.selection.choose([3, 7])
    assert site_options(state, "selection", ()) == {"sites": ("5003", "5007")}


def test_too_few_sites_for_the_folds_are_told_before_anything_starts(opened: Opened) -> None:
    few, _ = request_of("demo", "quick", typed(), sites=("5003", "5007"))
    enough, _ = request_of("demo", "quick", typed(), regions=("Upper",))
    assert few is not None
    assert enough is not None
    with pytest.raises(InputError, match="2 distinct places, too few for 10 folds"):
        check_sites(opened.dataset, few)
    check_sites(opened.dataset, enough)


def a_run(state: str, **more: Any) -> Run:
    known = {"epoch": 3, "epochs": 10, "member": 1, "members": 1, "preset": "quick"}
    return Run(id="0001-quick-ab12", state=state, path="/nowhere", **{**known, **more})


def test_every_state_says_what_is_going_on_and_what_to_do() -> None:
    first, second = a_run("queued", ticket=4), a_run("queued", ticket=5)
    runs = (second, first, a_run("running"))
    assert state_sentence(second, runs) == (
        "Waits for its turn: 1 running, 1 before it in the queue."
    )
    assert "no room on disk" in state_sentence(a_run("queued", message="no room on disk"))
    running = a_run("running", eta_seconds=150.0, members=2)
    assert state_sentence(running) == (
        "Trains: member 1 of 2, epoch 3 of 10, about 2 min left."
    )  # fmt: skip
    assert state_sentence(a_run("running", stopping=True)) == "Saves and stops."
    assert state_sentence(a_run("running", epoch=0)) == "Starts: reads the data."
    done = a_run("done", scores={"validation": 0.5, "test": 0.25})
    assert state_sentence(done) == "Done: NSE validation 0.500, test 0.250."
    for state in ("cancelled", "lost", "failed"):
        run = a_run(state, message="the disk is full")
        assert "Resume" in state_sentence(run)
        assert "Resume" not in state_sentence(run, allowed=False)
        assert state_sentence(run).count("..") == 0
    assert "killed" in state_sentence(a_run("lost"))
    assert state_sentence(a_run("failed", message="the disk is full.")).startswith(
        "Failed: the disk is full. "
    )


def test_a_row_holds_what_the_list_shows() -> None:
    run = a_run(
        "running",
        dataset="/data/conus.nc",
        progress=0.3,
        eta_seconds=42.4,
        best_nse=0.4567,
        began="2026-01-02T03:04:05+00:00",
        stopping=True,
    )
    row = row_of(run)
    assert row["state"] == "stopping"
    assert (row["dataset"], row["epochs"], row["left"]) == ("conus.nc", "3 of 10", "42 s")
    assert (row["progress"], row["started"]) == (0.3, "2026-01-02 03:04")
    assert row["score"] == "0.457 validation"
    assert score_of(a_run("done", scores={"validation": 0.5, "test": 0.25})) == "0.250 test"
    assert row_of(a_run("running", kind="folds", fold=2, folds=5))["epochs"] == "fold 2 of 5 done"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "1 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h"), (259200, "3.0 d")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def rows(member: int, epochs: range, **more: Any) -> list[dict[str, Any]]:
    return [
        {"member": member, "epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 2 / epoch,
         "validation_nse": 1 - 1 / epoch, **more}
        for epoch in epochs
    ]  # fmt: skip


def test_curves_are_one_a_member_and_a_repeated_epoch_counts_once() -> None:
    found = curves([*rows(0, range(1, 4)), *rows(0, range(3, 5)), *rows(1, range(1, 3))])
    assert [(curve.fold, curve.member) for curve in found] == [(None, 0), (None, 1)]
    np.testing.assert_array_equal(found[0].epoch, [1, 2, 3, 4])
    np.testing.assert_allclose(found[0].series["validation_nse"], [0, 1 / 2, 2 / 3, 3 / 4])
    assert [curve.fold for curve in curves(rows(0, range(1, 3), fold=4))] == [4]
    odd = curves([{"member": 0, "epoch": 1, "train_loss": None}, {"nothing": 1}])
    assert len(odd) == 1
    assert np.isnan(odd[0].series["train_loss"]).all()
    assert curves([]) == []


def test_only_options_that_differ_are_compared() -> None:
    def config(training: TrainingConfig, **more: Any) -> RunConfig:
        return RunConfig(kind="run", training=training, data_fingerprint="", **more)

    quick = preset("quick")
    other = quick.changed(seed=3, optimiser={"learning_rate": 0.02}, split={"regions": ("Ohio",)})
    pair = {"a": config(quick, created="1"), "b": config(other, created="2")}
    assert {name: values for name, *values in differences(pair)} == {
        "seed": ["0", "3"],
        "optimiser.learning_rate": ["0.003", "0.02"],
        "split.regions": ["all", "Ohio"],
    }
    assert same_loss(pair)
    assert not same_loss({**pair, "c": config(preset("paper"))})
    assert differences({"a": config(quick), "b": config(quick)}) == []
    ids = tuple(str(number) for number in range(500))
    many = {"a": config(quick), "b": config(quick.changed(split={"sites": ids}))}
    assert differences(many) == [("split.sites", "all", "500 values")]
    also = {"a": config(quick), "b": config(quick.changed(split={"sites": ids[1:]}))}
    both = {"a": also["b"], "b": many["b"]}
    assert differences(both) == [("split.sites", "499 values", "500 values")]


def test_scores_nobody_has_are_left_out() -> None:
    one = a_run("done", best_nse=0.5, scores={"test": 0.4})
    found = scores([one, a_run("running", best_nse=0.6)])
    assert found == [
        ("NSE, validation sites, best epoch", "0.500", "0.600"),
        ("NSE, test sites", "0.400", ""),
    ]
