"""Bad input of the importer: one clear sentence each, and what was there is untouched."""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from binn.cli import main
from binn.datasets.authors_layout import COLUMNS, MONTHLY, PROFILES
from binn.errors import InputError

Fault = Callable[[Path], None]
TRAINING = "Training_Data"


def _cut(name: str, to: int) -> Fault:
    def fault(root: Path) -> None:
        path = root / name
        path.write_bytes(path.read_bytes()[:to])

    return fault


def _write(name: str, content: bytes) -> Fault:
    return lambda root: (root / name).write_bytes(content) and None


def _table(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Fault:
    def fault(root: Path) -> None:
        values = np.loadtxt(root / name, delimiter=",", ndmin=2)
        changed = change(values)
        np.savetxt(root / name, values if changed is None else changed, delimiter=",")

    return fault


def _array(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Fault:
    def fault(root: Path) -> None:
        values = np.load(root / name)
        changed = change(values)
        np.save(root / name, values if changed is None else changed)

    return fault


def _set(index: tuple[object, ...], value: float) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        values[index] = value

    return change


def _replace_text(name: str, row: int, column: int, text: str) -> Fault:
    def fault(root: Path) -> None:
        path = root / name
        lines = path.read_text().splitlines()
        cells = lines[row].split(",")
        cells[column] = text
        lines[row] = ",".join(cells)
        path.write_text("\n".join(lines))

    return fault


def _objects(root: Path) -> None:
    values = np.array([{"a": 1}], dtype=object)
    np.save(root / TRAINING / "model_force_xin.npy", values, allow_pickle=True)


_ENV = f"{TRAINING}/env_info.txt"
_TEMPERATURE = f"{TRAINING}/model_force_soil_temp_profile.npy"
_PH = COLUMNS.index("pH_Water_0cm")
_ESA = COLUMNS.index("ESA_Land_Cover")

FAULTS: dict[str, tuple[Fault, str]] = {
    "missing table": (
        lambda root: (root / _ENV).unlink(),
        r"env_info\.txt is missing",
    ),
    "missing array": (
        lambda root: (root / _TEMPERATURE).unlink(),
        r"model_force_soil_temp_profile\.npy is missing",
    ),
    "missing prediction folder": (
        lambda root: shutil.rmtree(root / "Prediction_Data"),
        "holds no folders Training_Data and Prediction_Data",
    ),
    "empty table": (_write(_ENV, b""), r"env_info\.txt is empty"),
    "pointer of Git LFS": (
        _write(_TEMPERATURE, b"version https://git-lfs.github.com/spec/v1\noid sha256:0"),
        r"soil_temp_profile\.npy only points to the data \(Git LFS\)",
    ),
    "truncated array": (_cut(_TEMPERATURE, 5000), r"soil_temp_profile\.npy is cut short"),
    "truncated header": (_cut(_TEMPERATURE, 40), r"soil_temp_profile\.npy is cut short"),
    "no array": (_write(_TEMPERATURE, b"hello"), r"soil_temp_profile\.npy is not a \.npy file"),
    "pickle": (_objects, "holds pickled objects, which are not loaded"),
    "array of another shape": (
        _array(_TEMPERATURE, lambda values: values[:, :19]),
        r"has shape \(8, 19, 12\) instead of \(row, 20, 12\)",
    ),
    "fewer columns": (
        _table(_ENV, lambda values: values[:, :-1]),
        r"env_info\.txt has 37 columns instead of 38",
    ),
    "a shorter row": (
        lambda root: (root / _ENV).write_text((root / _ENV).read_text() + "1,2,3\n"),
        r"env_info\.txt has 3 columns in row 9 instead of 38",
    ),
    "fewer months": (
        _table(f"{TRAINING}/model_force_input_vector_cwd.txt", lambda values: values[:, :11]),
        r"input_vector_cwd\.txt has 11 columns instead of 12",
    ),
    "fewer forcing rows": (
        _table(f"{TRAINING}/model_force_nbedrock.txt", lambda values: values[:-1]),
        r"model_force_nbedrock\.txt has 7 rows",
    ),
    "fewer array rows": (
        _array(_TEMPERATURE, lambda values: values[:-2]),
        r"soil_temp_profile\.npy has 6 rows",
    ),
    "fewer observation rows": (
        _table(f"{TRAINING}/obs_soc_depth.txt", lambda values: values[:-1]),
        r"obs_soc_depth\.txt has 7 rows, env_info\.txt has 8",
    ),
    "other observation columns": (
        _table(f"{TRAINING}/obs_soc_depth.txt", lambda values: values[:, :-1]),
        r"obs_soc_NY\.txt has 12 columns, obs_soc_depth\.txt has 11",
    ),
    "fewer limits": (
        _table(f"{TRAINING}/col_max_min.txt", lambda values: values[:-1]),
        r"col_max_min\.txt has 37 rows instead of 38",
    ),
    "text": (
        _replace_text(_ENV, 2, 4, "n/a"),
        r"env_info\.txt holds 'n/a', which is no number, in row 3, column 5",
    ),
    "all forcing missing": (
        _array(_TEMPERATURE, _set((slice(None), 0, 0), np.nan)),
        r"no profile of .* is usable: missing forcing \(8\)",
    ),
    "all covariates missing": (
        _table(_ENV, _set((slice(None), _PH), np.nan)),
        r"no profile of .* is usable: missing covariates \(8\)",
    ),
    "degrees Celsius": (
        _array(_TEMPERATURE, lambda values: values - 273.15),
        r"soil temperature\): .* K in row 1 and 7 more is unphysical \(allowed: 180 to 350 K\)",
    ),
    "infinite litter": (
        _table(f"{TRAINING}/model_force_input_vector_litter2.txt", _set((4, 5), np.inf)),
        r"cellulose litter\): inf gC m-2 month-1 in row 5 is unphysical",
    ),
    "negative litter": (
        _table(f"{TRAINING}/model_force_input_vector_litter2.txt", _set((4, 5), -1.0)),
        r"cellulose litter\): -1 gC m-2 month-1 in row 5 is unphysical",
    ),
    "negative SOC": (
        _table(f"{TRAINING}/obs_soc_NY.txt", _set((3, 0), -2.0)),
        r"observed soil organic carbon\): -2 gC m-3 in row 4 is unphysical",
    ),
    "impossible pH": (
        _table(_ENV, _set((6, _PH), 700.0)),
        r"pH_Water_0cm\): 700 pH\*10 in row 7 is unphysical",
    ),
    "half a category": (
        _table(_ENV, _set((6, _ESA), 3.5)),
        r"ESA_Land_Cover\): 3\.5 in row 7 is no category number",
    ),
    "latitude past the pole": (
        _table(_ENV, _set((1, 1), 95.0)),
        r"Lat\): 95 degrees_north in row 2 is unphysical",
    ),
    "bedrock that moves": (
        _table(f"{TRAINING}/model_force_nbedrock.txt", _set((0, 3), 6.0)),
        r"1 rows change from month to month \(first: row 1\)",
    ),
    "half a layer": (
        _table(f"{TRAINING}/model_force_nbedrock.txt", _set((2,), 7.5)),
        "row 3 is no whole layer number",
    ),
    "the same profile twice": (
        _table(f"{TRAINING}/profile_id.txt", _set((3, 0), 1000.0)),
        r"profile_id\.txt: 1000 in row 4 was there before",
    ),
    "unphysical prediction point": (
        _array("Prediction_Data/model_force_pred_xin.npy", _set((2, 0, 0), 7.0)),
        r"nitrogen scalar.*: 7 in row 3 is unphysical",
    ),
}


def test_no_file_of_the_layout_is_optional(small_source: Path) -> None:
    from binn.datasets.authors import import_authors_demo

    files = sorted(path for path in small_source.rglob("*") if path.is_file())
    assert len(files) == 7 + 2 * len(MONTHLY | PROFILES)
    for path in files:
        aside = path.with_suffix(".aside")
        path.rename(aside)
        with pytest.raises(InputError, match=f"{path.name} is missing"):
            import_authors_demo(small_source)
        aside.rename(path)


def test_a_table_saved_on_windows_is_the_same(small_source: Path) -> None:
    from binn.datasets.authors import import_authors_demo

    as_it_was, _ = import_authors_demo(small_source)
    for path in small_source.rglob("*.txt"):
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    again, _ = import_authors_demo(small_source)
    assert again.drop_attrs(deep=False).identical(as_it_was.drop_attrs(deep=False))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_sentence_and_nothing_is_lost(
    small_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / "out.nc"
    assert main(["import", "authors-demo", str(small_source), str(out)]) == 0
    before = out.read_bytes()
    capsys.readouterr()
    fault, words = FAULTS[name]
    fault(small_source)
    assert main(["import", "authors-demo", str(small_source), str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    last = printed.err.splitlines()[-1]
    assert last.startswith("binn: error: ")
    assert re.search(words, last), last
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clone", "out.nc"]
