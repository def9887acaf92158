"""Growing files of rows: read as they are now, whatever happened to them, and only what is new."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from binn.runs import rows
from binn.runs.rows import RowReader


def lines(*numbers: int) -> str:
    return "".join(json.dumps({"epoch": number}) + "\n" for number in numbers)


def epochs(reader: RowReader, file: Path) -> list[int]:
    return [row["epoch"] for row in reader.read(file)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(1, 2, 3))
    return path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that is parsed."""
    seen: list[str] = []
    loads = json.loads

    def noted(line: str) -> Any:
        seen.append(line)
        return loads(line)

    monkeypatch.setattr(rows.json, "loads", noted)
    return seen


def test_only_what_was_appended_is_read(file: Path, parsed: list[str]) -> None:
    reader = RowReader()
    assert epochs(reader, file) == [1, 2, 3]
    parsed.clear()
    assert epochs(reader, file) == [1, 2, 3]
    assert parsed == []
    with file.open("a") as more:
        more.write(lines(4) + '{"epo')
    assert epochs(reader, file) == [1, 2, 3, 4]
    assert [line for line in parsed if line.endswith("}")] == ['{"epoch": 4}']
    with file.open("a") as more:
        more.write('ch": 5}\nnot a row\n[6]\n' + lines(7))
    assert epochs(reader, file) == [1, 2, 3, 4, 5, 7]


def test_what_is_returned_may_be_changed(file: Path) -> None:
    reader = RowReader()
    reader.read(file).clear()
    assert epochs(reader, file) == [1, 2, 3]


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2, 9), (7, 8, 9, 10, 11)])
@pytest.mark.parametrize("replaced", [True, False])
def test_another_content_is_read_anew(
    file: Path, tmp_path: Path, numbers: tuple[int, ...], replaced: bool
) -> None:
    """Put in its place, as a resumed run does, or written over in place."""
    reader = RowReader()
    reader.read(file)
    if replaced:
        (tmp_path / "new").write_text(lines(*numbers))
        os.replace(tmp_path / "new", file)
    else:
        file.write_text(lines(*numbers))
    assert epochs(reader, file) == list(numbers)


def test_cut_in_the_middle_of_a_line_and_gone_on(file: Path) -> None:
    reader = RowReader()
    reader.read(file)
    os.truncate(file, file.stat().st_size - 4)
    assert epochs(reader, file) == [1, 2]
    file.write_text(lines(1, 2) + lines(3, 4, 5))
    assert epochs(reader, file) == [1, 2, 3, 4, 5]


def test_gone_and_back(file: Path) -> None:
    reader = RowReader()
    reader.read(file)
    file.unlink()
    assert reader.read(file) == []
    file.write_text(lines(4))
    assert epochs(reader, file) == [4]


def test_files_not_looked_at_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_MOST", 3)
    reader = RowReader()
    for number in range(5):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(lines(number))
        assert epochs(reader, path) == [number]
    assert len(reader._known) == 3
    assert epochs(reader, tmp_path / "0.jsonl") == [0]
