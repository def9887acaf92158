"""What an import left out and noticed: told to the user, and kept in the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import xarray as xr

from binn.datasets.schema import variable

__all__ = ["LeftOut", "Report"]

_NOUNS = {"site": "profile", "observation": "observation", "point": "prediction point"}
#: names of columns shown before "and n more"; the file has them all
_SHOWN = 6
_FIELDS = ("table", "row", "id", "reason", "detail")


@dataclass(frozen=True)
class LeftOut:
    """One row of the source that did not come along, or one observation of a row that did.

    Attributes
    ----------
    table
        "site", "observation" or "point" (where to predict).
    row
        Row of the source file, counted from 1.
    id
        Profile or grid point, as the source numbers it.
    reason
        "missing covariates", "missing forcing", "no observation", "zero SOC", ...
    detail
        Which columns, which depth.
    """

    table: str
    row: int
    id: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        noun = "point" if self.table == "point" else "profile"
        names = self.detail.split(", ")
        if len(names) > _SHOWN:
            names = [*names[: _SHOWN - 1], f"and {len(names) - _SHOWN + 1} more"]
        detail = f" ({', '.join(names)})" if self.detail else ""
        return f"row {self.row}, {noun} {self.id}: {self.reason}{detail}"


@dataclass
class Report:
    """Everything an import has to say.

    Attributes
    ----------
    read, kept
        Number of rows by table ("site", "observation", "point").
    left_out
        One entry a row and reason: a row that fails twice is listed twice.
    notes
        Sentences about what was kept but should be known.
    numbers
        Counts behind the notes, by name.
    """

    read: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of left-out rows by (table, reason)."""
        return dict(Counter((entry.table, entry.reason) for entry in self.left_out))

    def lines(self, most: int | None = None) -> list[str]:
        """The report for reading: totals, then each row by number and reason, then notes.

        Parameters
        ----------
        most : int, optional
            How many rows a reason shows; all without it. The file always holds them all.
        """
        lines = [
            f"{_NOUNS[table]}s: {self.kept[table]} kept of {number} read"
            for table, number in self.read.items()
        ]
        if self.left_out:
            lines.append("left out (rows counted from 1):")
        for (table, reason), number in self.counts().items():
            lines.append(f"  {reason}: {number} {_NOUNS[table]}{'s' if number > 1 else ''}")
            entries = (e for e in self.left_out if (e.table, e.reason) == (table, reason))
            lines += [f"    {entry}" for entry in islice(entries, most)]
            if most is not None and number > most:
                lines.append(f"    and {number - most} more: `binn info --json` lists them")
        return lines + [f"note: {note}" for note in self.notes]

    def store(self, ds: xr.Dataset) -> None:
        """Write the report into a dataset: `left_out_*` variables, counts and notes."""
        for table, number in self.read.items():
            ds.attrs[f"{table}s_read"] = number
            ds.attrs[f"{table}s_kept"] = self.kept[table]
        ds.attrs |= self.numbers
        ds.attrs["notes"] = "\n".join(self.notes)
        if not self.left_out:  # NetCDF has no fixed dimension of length 0
            return
        for name in _FIELDS:
            entry = variable(f"left_out_{name}")
            values = np.array([getattr(row, name) for row in self.left_out])
            attrs = {"units": entry.units, "long_name": entry.long_name, "provenance": "derived"}
            ds[entry.name] = (entry.dims, values, attrs)

    @classmethod
    def of(cls, ds: xr.Dataset) -> Report:
        """The report that :meth:`store` put into a dataset."""
        tables = [
            key.removesuffix("s_read") for key in map(str, ds.attrs) if key.endswith("s_read")
        ]
        report = cls(
            read={table: int(ds.attrs[f"{table}s_read"]) for table in tables},
            kept={table: int(ds.attrs[f"{table}s_kept"]) for table in tables},
            notes=[line for line in str(ds.attrs.get("notes", "")).split("\n") if line],
        )
        report.numbers = {
            str(key): int(value)
            for key, value in ds.attrs.items()
            if str(key).endswith(("_read", "_kept")) and str(key)[:-6] not in tables
        }
        if "left_out_row" in ds:
            columns = [ds[f"left_out_{name}"].values.tolist() for name in _FIELDS]
            report.left_out = [LeftOut(*row) for row in zip(*columns, strict=True)]
        return report
