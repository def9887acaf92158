"""`binn experiment`: results as JSON, in the form the page reads; nothing is overwritten."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from binn.cli import main
from binn.parameters import KEYS

SIZE = ["--sites", "2", "--draws", "16", "--values", "3"]


def test_sensitivity_as_a_user_runs_it(synthetic_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "sites.nc"
    shutil.copy(synthetic_file, data)
    command = [sys.executable, "-m", "binn", "experiment", "sensitivity", str(data), *SIZE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "sensitivity.json").read_text()) == found
    assert set(found) == {
        "SOC stock, conserving: first order",
        "SOC stock, conserving: total",
        "as the paper defines it",
    }
    for test in found.values():
        assert list(test["s"]) == list(KEYS)
        assert test["sites"] == 2
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 1
    assert "is there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sites", "1000"], "1000 sites are asked for, but the dataset has 60"),
        (["--draws", "100"], "no power of 2"),
        (["--out", "result.txt"], "name it .json"),
        (["--out", "no/result.json"], "does not exist"),
    ],
)
def test_sensitivity_says_what_is_wrong(
    arguments: list[str],
    words: str,
    synthetic_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--out" not in arguments:
        arguments = [*arguments, "--out", "result.json"]
    assert main(["experiment", "sensitivity", str(synthetic_file), *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_recovery_needs_known_parameters(
    synthetic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "recovery.json")
    assert main(["experiment", "recovery", str(synthetic_file), "--out", out]) == 1
    assert "knows no true parameters" in capsys.readouterr().err


@pytest.mark.slow
def test_cross_validation_compares_with_baselines(
    synthetic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cross_validation.json"
    arguments = ["--preset", "quick", "--epochs", "1", "--out", str(out)]
    assert main(["experiment", "cross-validation", str(synthetic_file), *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == found
    assert set(found["scores"]) == {"BINN", "depth mean", "one parameter vector", "random forest"}
    assert set(found["gaps"]) == set(found["scores"]) - {"BINN"}
    assert found["scores"]["BINN"]["n"] == found["scores"]["random forest"]["n"]
