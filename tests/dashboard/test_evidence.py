"""Files of experiments beside a dataset: shown as what they are, or only named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from page_data import write_synthetic

from binn.cli import main
from binn.parameters import KEYS
from dashboard.state.evidence import gather
from dashboard.state.experiments import (
    read_folds,
    read_history,
    read_json,
    read_methods,
    read_parameters,
)
from dashboard.state.library import Library
from dashboard.state.page_state import PageState
from dashboard.views.evaluation import Evaluation
from dashboard.views.evaluation.measured import draw_folds, draw_history
from dashboard.views.evaluation.outcomes import draw_by_parameter, draw_methods

SCORES = {"nse": 0.5, "r": 0.7, "rmse": 3000.0, "bias": -10.0, "n": 40}


def test_folds_are_read_and_drawn(tmp_path: Path) -> None:
    each = [{"fold": k, "sites": 5, **SCORES, "nse": 0.1 * k} for k in range(3)]
    (tmp_path / "metrics.json").write_text(json.dumps({**SCORES, "folds": each}))
    found = read_folds(tmp_path / "metrics.json", "mine")
    assert [one["nse"] for one in found.each] == [0.0, 0.1, 0.2]
    drawn = draw_folds([found])
    (figure,) = drawn.figures
    source = figure.renderers[0].data_source
    assert list(source.data["nse"]) == [0.0, 0.1, 0.2]
    assert list(source.data["rmse"]) == [3.0] * 3
    assert "3 folds" in drawn.words
    assert "pooled" in drawn.table


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"folds": []}', '{"folds": [{"nse": 1}], "nse": 1}', '{"folds": "ten"}'],
)
def test_what_are_not_folds_is_not_shown_as_such(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    assert read_folds(tmp_path / "metrics.json", "x") is None
    assert read_folds(tmp_path / "nothing.json", "x") is None


def test_a_history_that_is_being_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    rows = [
        {"member": 0, "epoch": k, "train_loss": 1 / k, "validation_nse": 0.2 * k} for k in (1, 2, 3)
    ]
    text = "\n".join(map(json.dumps, rows)) + '\n{"epoch": 4, "tra'
    (tmp_path / "history.jsonl").write_text(text)
    found = read_history(tmp_path / "history.jsonl", "mine")
    assert found.rows == rows
    drawn = draw_history([found])
    assert "best validation NSE 0.600 in epoch 3" in drawn.words
    lines = {
        line.data_source.name: line.data_source for fig in drawn.figures for line in fig.renderers
    }
    assert list(lines["evaluation-history-train-loss-0-0"].data["value"]) == [1, 0.5, 1 / 3]
    dashes = [line.glyph.line_dash for fig in drawn.figures for line in fig.renderers]
    assert dashes == [[6], []]  # as in the Training tab: training dashed, validation solid
    assert "evaluation-history-validation-loss-0-0" not in lines  # there is none
    assert "evaluation-history-train-nse-0-0" not in lines
    assert "The NSE of training sites was not written down by mine." in drawn.words
    found.rows[1]["train_nse"] = 0.3
    drawn = draw_history([found])
    lines = {
        line.data_source.name: line.data_source for fig in drawn.figures for line in fig.renderers
    }
    drawn_nse = lines["evaluation-history-train-nse-0-0"].data["value"]
    np.testing.assert_array_equal(drawn_nse, [np.nan, 0.3, np.nan])
    assert "not written down" not in drawn.words
    (tmp_path / "history.jsonl").write_text("no json\n")
    assert read_history(tmp_path / "history.jsonl", "x") is None


NUMBERS = dict.fromkeys(KEYS[:3], 0.25)


@pytest.mark.parametrize(
    ("content", "series"),
    [
        (NUMBERS, {"": NUMBERS}),
        ({"one test": NUMBERS}, {"one test": NUMBERS}),
        ({"one test": {"r": NUMBERS, "nse": 0.7, "sites": 12}}, {"one test": NUMBERS}),
        ({"a": {KEYS[0]: None}}, {"a": {KEYS[0]: None}}),
    ],
)
def test_results_by_parameter_are_read(content: object, series: object) -> None:
    found = read_parameters("recovery.json", content)
    assert found.series == series
    assert "r" in found.measure
    assert found.title == "Recovery of known parameters"
    assert read_parameters("recovery-old.json", content).title == f"{found.title} (old)"
    assert read_parameters("sensitivity-2.json", content).measure.startswith("Sensitivity")
    assert read_parameters("other.json", content) is None
    if "one test" in series and isinstance(content["one test"].get("r"), dict):
        assert found.notes["one test"] == "NSE 0.700, 12 sites"
    drawn = draw_by_parameter(found)
    assert drawn.figures[0].title.text == found.title
    for (_, numbers), renderer in zip(series.items(), drawn.figures[0].renderers, strict=True):
        data = renderer.data_source.data
        known = {key: value for key, value in numbers.items() if value is not None}
        assert dict(zip(data["key"], data["value"], strict=True)) == known


def test_a_comparison_of_methods_is_read_and_drawn() -> None:
    scored = {**SCORES, "nse_mean": 0.48, "nse_sd": 0.05}
    gap = {"nse": 0.1, "low": -0.02, "high": 0.2, "fold_mean": 0.1, "fold_sd": 0.1, "ahead": 8}
    content = {"scores": {"BINN": scored, "forest": scored}, "gaps": {"forest": gap}}
    found = read_methods("cross-validation.json", content)
    drawn = draw_methods(found)
    data = drawn.figures[0].renderers[0].data_source.data
    assert data["method"] == ["BINN", "forest"]
    np.testing.assert_allclose(data["low"], [0.43, 0.43])
    assert "0.10 of NSE ahead of forest" in drawn.words
    assert read_methods("other.json", content) is None
    assert read_methods("cross-validation.json", {**content, "gaps": {"forest": {}}}) is None
    assert read_methods("cross-validation.json", {"scores": {}, "gaps": {}}) is None


@pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
def test_what_an_experiment_writes_is_shown(tmp_path: Path) -> None:
    """The command and the page agree about the form."""
    data = write_synthetic(tmp_path / "mine.nc")
    size = ["--sites", "2", "--draws", "16", "--values", "3"]
    assert main(["experiment", "sensitivity", str(data), *size]) == 0
    (found,) = gather(Library().open(str(data), ())).by_parameter
    stored = json.loads((tmp_path / "sensitivity.json").read_text())
    assert found.series.keys() == stored.keys()
    for name, test in stored.items():
        for key, value in test["s"].items():
            known = value is not None and np.isfinite(value)
            assert found.series[name][key] == (value if known else None)
        assert "2 sites" in found.notes[name]


@pytest.mark.parametrize(
    "content", [[], {}, {"x": 1}, {"x": {}}, {"x": {"nse": 0.5}}, {KEYS[0]: "high"}, {"x": [1]}]
)
def test_results_of_another_kind_are_not_shown_as_such(content: object) -> None:
    assert read_parameters("recovery.json", content) is None


@pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
def test_what_lies_beside_a_dataset_is_sorted(tmp_path: Path) -> None:
    data = write_synthetic(tmp_path / "mine.nc")
    files = {
        "recovery.json": json.dumps({"test": NUMBERS}),
        "recovery-old.json": json.dumps({"test": "well"}),
        "training.json": "{broken",
        "<b>odd</b>.json": "{}".replace("/", ""),
    }
    for name, content in files.items():
        (tmp_path / name.replace("/", "-")).write_text(content)
    opened = Library().open(str(data), ())
    found = gather(opened)
    assert [one.file for one in found.by_parameter] == ["recovery.json"]
    assert [name.split(" (")[0] for name in found.others] == [
        "<b>odd<-b>.json",
        "recovery-old.json",
        "training.json",
    ]
    state = PageState(opened)
    state.results.start()
    body = Evaluation(state)._before.objects
    assert "&lt;b&gt;odd" in body[-1].object
    write_synthetic(tmp_path / "another.nc")  # now nobody knows whose results these are
    assert not gather(opened).by_parameter
    assert not gather(opened).others


def test_a_json_file_that_is_none_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path) is None
