"""Bad input of the bundle importer: one clear sentence each, and what was there is untouched."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import authors_bundle as bundles
import h5py
import numpy as np
import pytest
import scipy.io

from binn.cli import main
from binn.datasets.authors_bundle import import_authors_bundle
from binn.datasets.authors_bundle_layout import FORCING
from binn.errors import InputError

Fault = Callable[[Path], object]


def _wosis(root: Path, pattern: str) -> Path:
    return next((root / bundles.WOSIS).glob(pattern))


def _rename(path: Path, old: str) -> None:
    with h5py.File(path, "r+") as file:
        file.move(old, "other")


def _cut(path: Path, part: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _other_grid(root: Path, name: str) -> None:
    bundles.field_path(root, name).unlink()
    bundles.write_field(bundles.make(), root, name, shape=(192, 288))


def _csv(root: Path, start: str, text: Callable[[str], str]) -> None:
    path = root / f"PRODA_Results/{start}_{bundles.PRODA}_2.csv"
    path.write_text(text(path.read_text()))


def _old_matlab(path: Path, name: str, values: np.ndarray, part: float) -> None:
    scipy.io.savemat(path, {name: values})
    _cut(path, part)


PROFILES, LAYERS, ENV = "soc_profile_*", "soc_data_integrate_*", "*env_info.mat"


def _two_of_a_kind(root: Path) -> None:
    """Neither has the authors' own name, and they differ."""
    path = _wosis(root, ENV)
    path.rename(path.with_name("old_env_info.mat"))
    _put(path.with_name("new_env_info.mat"), b"x")


FAULTS: dict[str, tuple[Fault, str]] = {
    "no profiles": (
        lambda r: _wosis(r, PROFILES).unlink(),
        r"lacks the WoSIS profiles: there is no file soc_profile_.*\.nc",
    ),
    "no layers": (lambda r: _wosis(r, LAYERS).unlink(), "lacks the WoSIS layers"),
    "no covariates": (lambda r: _wosis(r, ENV).unlink(), "lacks the covariates of the profiles"),
    "no field": (
        lambda r: bundles.field_path(r, "water").unlink(),
        r"lacks the CESM2 field W_SCALAR",
    ),
    "no variable in the profiles": (
        lambda r: _rename(_wosis(r, PROFILES), "soc_profile_info"),
        r"soc_profile_.*\.nc has no variable soc_profile_info; it holds other",
    ),
    "no variable in the covariates": (
        lambda r: _rename(_wosis(r, ENV), "EnvInfo"),
        r"env_info\.mat has no variable EnvInfo; it holds other",
    ),
    "no variable in a field": (
        lambda r: _rename(bundles.field_path(r, "sand"), "var_record_monthly_mean"),
        r"CELLSAND\.mat has no variable var_record_monthly_mean; it holds other",
    ),
    "no variable in a filter": (
        lambda r: _rename(_wosis(r, "*para_gr*"), "para_gr"),
        r"para_gr\.mat has no variable para_gr",
    ),
    "half of the profiles": (
        lambda r: _cut(_wosis(r, PROFILES)),
        r"soc_profile_.*\.nc is cut short or damaged: download it again",
    ),
    "half of a field": (
        lambda r: _cut(bundles.field_path(r, "temperature")),
        r"TSOI\.mat is cut short or damaged: download it again",
    ),
    "the start of a field": (
        lambda r: _cut(bundles.field_path(r, "temperature"), 0.03),
        r"TSOI\.mat is cut short or damaged: download it again",
    ),
    "half of an old MATLAB file": (
        lambda r: _old_matlab(_wosis(r, ENV), "EnvInfo", np.ones((12, 81)), 0.5),
        r"env_info\.mat is cut short or damaged: download it again",
    ),
    "an empty field": (
        lambda r: _put(bundles.field_path(r, "cwd"), b""),
        r"CWD_INPUT_ACC_VECTOR\.mat is empty",
    ),
    "a pointer of Git LFS": (
        lambda r: _put(_wosis(r, ENV), b"version https://git-lfs.github.com/spec/v1\noid ..."),
        r"env_info\.mat only points to the data \(Git LFS\): run `git lfs pull`",
    ),
    "a web page": (
        lambda r: _put(_wosis(r, ENV), b"<!DOCTYPE html><html>"),
        r"env_info\.mat is a web page, not the data",
    ),
    "something else": (
        lambda r: _put(_wosis(r, ENV), b"PK\x03\x04 a zip file"),
        r"env_info\.mat is neither a MATLAB nor a NetCDF file",
    ),
    "another grid": (
        lambda r: _other_grid(r, "nitrogen"),
        r"FPI_vr\.mat is of another grid: .* shape \(12, 20, 288, 192\) instead of "
        r"\(12, layer, 576, 384\)",
    ),
    "another grid without layers": (
        lambda r: _other_grid(r, "altmax"),
        r"ALTMAX\.mat is of another grid: .* instead of \(12, 576, 384\)",
    ),
    "fewer columns": (
        lambda r: bundles.change(_wosis(r, ENV), "EnvInfo", lambda v: v[:-1]),
        r"EnvInfo has shape \(80, 12\), which is \(12, 81\) neither as it is nor transposed",
    ),
    "covariates of other profiles": (
        lambda r: bundles.change(_wosis(r, ENV), "EnvInfo", lambda v: v[:, :-1]),
        r"EnvInfo has shape \(81, 11\), which is \(12, 81\) neither",
    ),
    "covariates in another order": (
        lambda r: bundles.change(_wosis(r, ENV), "EnvInfo", lambda v: v[:, ::-1]),
        r"env_info\.mat belongs to other profiles: coordinates of \d+ of \d+ are not those of",
    ),
    "a filter of other profiles": (
        lambda r: bundles.change(_wosis(r, "*stat_r2*"), "stat_r2", lambda v: v[:, :-1]),
        r"stat_r2 has shape \(3, 11\), which is \(12, any\) neither",
    ),
    "eligible rows that are not there": (
        lambda r: bundles.change(_wosis(r, "eligible*"), "eligible_loc_0", lambda v: v + 5),
        r"eligible.*: 13 at place 8 is no row from 1 to 12",
    ),
    "text": (
        lambda r: bundles.change(_wosis(r, ENV), "EnvInfo", lambda v: v.astype("S8")),
        r"env_info\.mat: EnvInfo is no array of numbers",
    ),
    "all covariates missing": (
        lambda r: bundles.change(_wosis(r, ENV), "EnvInfo", lambda v: v * np.nan),
        r"no profile of .* is usable: missing covariates \(12\)",
    ),
    "all SOC missing": (
        lambda r: bundles.change(_wosis(r, LAYERS), "data_soc_integrate", _without_soc),
        r"no profile of .* is usable: no observation \(12\)",
    ),
    "a field of nothing": (
        lambda r: bundles.change(
            bundles.field_path(r, "oxygen"), "var_record_monthly_mean", lambda v: v * np.nan
        ),
        r"no profile of .* is usable: missing forcing \(12\)",
    ),
    "degrees Celsius": (
        lambda r: bundles.change(
            bundles.field_path(r, "temperature"), "var_record_monthly_mean", lambda v: v - 273.15
        ),
        r"no profile of .* is usable: unphysical forcing \(12\)",
    ),
    "another country": (
        lambda r: bundles.change(_wosis(r, PROFILES), "soc_profile_info", _elsewhere),
        r"no profile of .* is usable: not in the US \(country_id 156\) \(12\)",
    ),
    "the same profile twice": (
        lambda r: bundles.change(_wosis(r, PROFILES), "soc_profile_info", _twice),
        r"soc_profile_.*: profile_id \d+ in row 2 was there before",
    ),
    "limits the wrong way round": (
        lambda r: bundles.change(_wosis(r, "*col_max*"), "col_max_min", lambda v: v[::-1]),
        r"col_max_min\.mat: the minimum of Elevation is above its maximum",
    ),
    "two files of one kind": (
        _two_of_a_kind,
        r"holds 2 files of one kind, .*env_info\.mat and .*env_info\.mat: keep the one",
    ),
    "one file of a PRODA run": (
        lambda r: (r / f"PRODA_Results/nn_para_result_full_{bundles.PRODA}_2.csv").unlink(),
        r"lacks nn_para_result_full_.*_2\.csv",
    ),
    "half a PRODA file": (
        lambda r: _csv(r, "nn_para_result_full", lambda t: t[: t.index("\n") + 40]),
        r"nn_para_result_full_.*_2\.csv has \d+ columns in row \d+ instead of 21",
    ),
    "fewer PRODA lines": (
        lambda r: _csv(r, "nn_site_loc_full", lambda t: "".join(t.splitlines(True)[:-1])),
        r"nn_para_result_full_.* has 12 lines, nn_site_loc_full_.* has 11",
    ),
    "a PRODA file with a header": (
        lambda r: _csv(
            r, "nn_para_result_full", lambda t: ",".join("abcdefghijklmnopqrstu") + "\n" + t
        ),
        r"holds 'a', which is no number, in row 1, column 1",
    ),
}


def _without_soc(values: np.ndarray) -> None:
    values[6] = np.nan


def _elsewhere(values: np.ndarray) -> None:
    values[2] = 3


def _twice(values: np.ndarray) -> None:
    values[0, 1] = values[0, 0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return bundles.write(bundles.make(), tmp_path / "source")


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_sentence(source: Path, name: str) -> None:
    fault, words = FAULTS[name]
    fault(source)
    with pytest.raises(InputError, match=words) as caught:
        import_authors_bundle(source)
    assert "\n" not in str(caught.value)


def test_every_field_of_the_run_is_needed(source: Path) -> None:
    for name, field in FORCING.items():
        path = bundles.field_path(source, name)
        aside = path.with_suffix(".aside")
        path.rename(aside)
        with pytest.raises(InputError, match=f"lacks the CESM2 field {field}:"):
            import_authors_bundle(source)
        aside.rename(path)


def test_nothing_that_was_there_is_lost(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nc"
    assert main(["import", "authors-bundle", str(source), str(out)]) == 0
    before = out.read_bytes()
    capsys.readouterr()
    _cut(bundles.field_path(source, "water"))
    assert main(["import", "authors-bundle", str(source), str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.match(r"binn: error: .*W_SCALAR\.mat is cut short", printed.err.splitlines()[-1])
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.nc", "source"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        import_authors_bundle(tmp_path / "none")


def test_the_command_tells_what_each_filter_left_out(source: Path, tmp_path: Path) -> None:
    with h5py.File(_wosis(source, "*para_gr*"), "r+") as file:
        file["para_gr"][:, 3:9] = 2.0
    out = tmp_path / "out.nc"
    command = [sys.executable, "-m", "binn", "import", "authors-bundle", str(source), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    for words in (
        "profiles: 6 kept of 12 read",
        "filter 1, in the US (country_name 156): leaves out 0 of 12 profiles",
        "filter 4, with a mean Gelman-Rubin statistic below 1.05: leaves out 6 of 12 profiles",
        "filter 5, with a mean R2 of the chains above 0: leaves out 0 of 6 profiles",
        "and 1 more: `binn info --json` lists them",
    ):
        assert words in done.stderr
    content = out.read_bytes()
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert out.read_bytes() == content
