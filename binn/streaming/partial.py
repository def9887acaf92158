"""An unfinished prediction: a folder beside the target that survives whatever stops the program.

One file a variable holds the rows done so far, back to back, as little-endian float64; it is only
ever appended to. `journal.json` says what is being predicted, and how many rows are safe on the
disk; it is replaced in one step after they are. Whatever stands behind them is cut off on resuming.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from binn.atomic import saving, write_file
from binn.errors import InputError

__all__ = ["Done", "Partial", "partial_path"]

_JOURNAL = "journal.json"
_FORMAT = 1


def partial_path(out: Path) -> Path:
    """Where the unfinished prediction of `out` is."""
    return out.with_name(out.name + ".part")


@dataclass
class Done:
    """How far a prediction is.

    Attributes
    ----------
    rows, observations : int
        Done so far.
    unknown : dict
        Categories that training did not know: covariate to {code: rows}.
    """

    rows: int = 0
    observations: int = 0
    unknown: dict[str, dict[int, int]] = field(default_factory=dict)

    def add(self, rows: int, observations: int, unknown: dict[str, dict[int, int]]) -> None:
        """Count another chunk."""
        self.rows += rows
        self.observations += observations
        for name, codes in unknown.items():
            held = self.unknown.setdefault(name, {})
            for code, count in codes.items():
                held[int(code)] = held.get(int(code), 0) + count


class Partial:
    """The folder of an unfinished prediction, open for writing by one process.

    Parameters
    ----------
    out : Path
        The target.
    task : mapping of str to str
        What is predicted, and from what: by a name for people, what must be the same on resuming.
    resume : bool
        Whether to go on with what is there.
    shapes : mapping of str to (str, tuple of int)
        Of each variable, the leading dimension ("obs" or another) and the shape of a row.

    Raises
    ------
    InputError
        If there is nothing to resume, something unfinished is in the way, it belongs to another
        task, or another process is writing it.
    """

    def __init__(
        self,
        out: Path,
        task: Mapping[str, str],
        resume: bool,
        shapes: Mapping[str, tuple[str, tuple[int, ...]]],
    ) -> None:
        self.out, self.path, self.task = out, partial_path(out), dict(task)
        self.shapes = dict(shapes)
        self._files: dict[str, IO[bytes]] = {}
        begun = (self.path / _JOURNAL).exists()
        if begun and not resume:
            raise InputError(
                f"{self.path} holds an unfinished prediction: give --resume to go on with it, or "
                "remove it"
            )
        if resume and not begun:
            raise InputError(f"there is no unfinished prediction {self.path}: leave out --resume")
        if self.path.exists() and not self.path.is_dir():
            raise InputError(
                f"{self.path} is in the way: move it, the unfinished prediction goes there"
            )
        self.done = self._read_journal() if begun else Done()
        with saving("the prediction", self.path):
            self.path.mkdir(exist_ok=True)
            self._lock = (self.path / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InputError(f"another process is writing the prediction {self.out}") from None
        if begun:
            self.done = self._read_journal()  # nobody changes it from now on
        self._open()

    def append(self, values: Mapping[str, NDArray[np.float64]]) -> None:
        """Add the values of a chunk; they count when `save` has been called.

        Raises
        ------
        InputError
            If the disk is full; what was saved before is intact.
        """
        with saving("the prediction", self.path):
            for name in self.shapes:
                self._files[name].write(np.ascontiguousarray(values[name], dtype="<f8").data)

    def save(self) -> None:
        """Make sure that what was appended is on the disk, and say so in the journal.

        Raises
        ------
        InputError
            If it cannot be; what was saved before is intact.
        """
        with saving("the prediction", self.path):
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
            text = json.dumps({"format": _FORMAT, "task": self.task, **asdict(self.done)}, indent=1)
            write_file(self.path / _JOURNAL, text.encode())

    def read(self, name: str, start: int, stop: int) -> NDArray[np.float64]:
        """Values of some rows (or observations) of one variable."""
        _, shape = self.shapes[name]
        each = int(np.prod(shape, dtype=np.int64))
        values = np.fromfile(
            self._file(name), dtype="<f8", count=(stop - start) * each, offset=8 * start * each
        )
        return values.reshape(stop - start, *shape)

    def remove(self) -> None:
        """Remove the folder, when the target is whole."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            try:
                file.close()
            except OSError:
                # a full disk, said already: what the journal counts is safe
                continue
        self._lock.close()

    def __enter__(self) -> Partial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, InputError) and self.done.rows == 0:
            self.remove()  # nothing is lost, and nothing stands in the way of another try
        self.close()

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.f8"

    def _open(self) -> None:
        """Open the files at the end of what is safe."""
        for name, (dim, shape) in self.shapes.items():
            rows = self.done.observations if dim == "obs" else self.done.rows
            safe = 8 * rows * int(np.prod(shape, dtype=np.int64))
            with saving("the prediction", self.path):
                file = self._file(name).open("ab")
                self._files[name] = file
                if file.tell() < safe:
                    self.close()
                    raise InputError(
                        f"the unfinished prediction {self.path} is damaged "
                        f"({self._file(name).name} is too short): remove it and begin again"
                    )
                file.truncate(safe)
        if not (self.path / _JOURNAL).exists():
            self.save()

    def _read_journal(self) -> Done:
        try:
            held: dict[str, Any] = json.loads((self.path / _JOURNAL).read_text(encoding="utf-8"))
            task, version = held["task"], held["format"]
            done = Done(
                int(held["rows"]),
                int(held["observations"]),
                {n: {int(c): k for c, k in codes.items()} for n, codes in held["unknown"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                f"the unfinished prediction {self.path} is damaged: remove it and begin again"
            ) from None
        other = [name for name in self.task if task.get(name) != self.task[name]]
        if version != _FORMAT or other:
            raise InputError(
                f"the unfinished prediction {self.path} cannot be resumed: it was begun with "
                f"another {' and another '.join(other) or 'format'}; give the same, or remove it"
            )
        return done
