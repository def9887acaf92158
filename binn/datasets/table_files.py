"""Tables of other people, CSV or Parquet, read a piece at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from binn.datasets.table_mapping import TableMapping
from binn.errors import InputError

__all__ = ["pieces"]

_PIECE = 100_000
_PARQUET = (".parquet", ".pq")


def pieces(path: Path, mapping: TableMapping) -> Iterator[pd.DataFrame]:
    """The columns of the mapping, some rows at a time.

    Parameters
    ----------
    path : Path
        The table.
    mapping : TableMapping
        Which columns, and how to read the file.

    Yields
    ------
    DataFrame
        Columns of a CSV file as text.

    Raises
    ------
    InputError
        When the file cannot be read or lacks a column.
    """
    try:
        with path.open("rb") as stream:
            parquet = path.suffix.lower() in _PARQUET or stream.read(4) == b"PAR1"
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if parquet:
        yield from _parquet(path, mapping)
    else:
        yield from _csv(path, mapping)


def _parquet(path: Path, mapping: TableMapping) -> Iterator[pd.DataFrame]:
    missing = [str(value) for value in mapping.file.get("missing", [])]
    try:
        with pq.ParquetFile(path) as file:
            _require(path, list(file.schema_arrow.names), mapping)
            for batch in file.iter_batches(batch_size=_PIECE, columns=mapping.columns):
                piece = batch.to_pandas()
                yield piece.mask(piece.astype(str).isin(missing)) if missing else piece
    except (pa.ArrowInvalid, pa.ArrowIOError, OSError) as error:
        raise InputError(f"{path} is no whole Parquet file: write or download it again") from error


def _csv(path: Path, mapping: TableMapping) -> Iterator[pd.DataFrame]:
    tabs = path.name.lower().endswith((".tsv", ".tab", ".tsv.gz"))
    options: dict[str, Any] = {
        "sep": mapping.file.get("delimiter", "\t" if tabs else ","),
        "encoding": mapping.file.get("encoding", "utf-8-sig"),
        "skipinitialspace": True,
    }
    try:
        header = list(pd.read_csv(path, nrows=0, **options).columns)
        _require(path, header, mapping)
        parts = pd.read_csv(
            path,
            # all columns: with fewer, pandas takes rows of too many cells for good ones
            index_col=False,
            dtype=str,
            na_values=[str(value) for value in mapping.file.get("missing", [])],
            chunksize=_PIECE,
            **options,
        )
        with parts:
            while (part := _next(parts)) is not None:
                yield part[mapping.columns]
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty") from error
    except (
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        UnicodeError,
        LookupError,
        EOFError,
        OSError,
    ) as error:
        why = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a table: {why}") from error


def _next(parts: Iterator[pd.DataFrame]) -> pd.DataFrame | None:
    """The next piece; what pandas only warns of (cells without a column) is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(parts, None)


def _require(path: Path, header: list[str], mapping: TableMapping) -> None:
    """Refuse a table without a column of the mapping."""
    absent = [column for column in mapping.columns if column not in header]
    if absent:
        hint = ""
        if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
            hint = "; perhaps its delimiter is another: set file.delimiter in the mapping"
        held = ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")
        raise InputError(
            f"{path} has no column {', '.join(absent)} (named in the mapping); it has {held}{hint}"
        )
