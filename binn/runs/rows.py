"""Rows of growing files of JSON lines: of a file that was read before, only what is new is read."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["RowReader"]

_MOST = 64
"""Files that are remembered: the runs that are looked at, each fold for itself."""


@dataclass
class _Known:
    """What was read of a file: whole lines, up to a place in it.

    The last of these lines is kept as it stood: a file that was replaced or cut and has grown again
    may be as long as before and have the same number, but it does not hold this line there.
    """

    file: tuple[int, int]
    upto: int = 0
    last: bytes = b""
    rows: list[dict[str, Any]] = field(default_factory=list)


class RowReader:
    """Reads files of JSON lines again and again; may be used by several threads."""

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}
        self._lock = threading.Lock()

    def read(self, path: Path) -> list[dict[str, Any]]:
        """Rows of a file; half a line, and a missing file, are left out.

        Parameters
        ----------
        path : Path
            Lines are appended to it, or it is replaced or cut.

        Returns
        -------
        list of dict
            A list of its own; the dicts are shared and must not be changed.
        """
        with self._lock:
            known = self._known.pop(path, None)
            try:
                with path.open("rb") as file:
                    known, rest = _go_on(file, known)
            except OSError:
                return []
            self._known[path] = known
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            # a last line without its end may be whole: it counts now, and is read again
            return [*known.rows, *_rows(rest)]


def _go_on(file: BinaryIO, known: _Known | None) -> tuple[_Known, bytes]:
    """What is known of a file now, and what stands behind its last whole line."""
    about = os.fstat(file.fileno())
    name = (about.st_dev, about.st_ino)
    if known is None or known.file != name or not _still_there(file, known):
        known = _Known(name)
        file.seek(0)
    whole, _, rest = file.read().rpartition(b"\n")
    if whole:
        known.rows += _rows(whole)
        known.upto += len(whole) + 1
        known.last = whole.rpartition(b"\n")[2] + b"\n"
    return known, rest


def _still_there(file: BinaryIO, known: _Known) -> bool:
    """Whether the last line that was read stands where it stood; leaves the file behind it."""
    file.seek(known.upto - len(known.last))
    return file.read(len(known.last)) == known.last


def _rows(lines: bytes) -> list[dict[str, Any]]:
    rows = []
    for line in lines.decode("utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows
