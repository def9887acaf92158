"""Predict a file into a file: begin or resume, go through the chunks, write what came out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import binn
from binn.atomic import saving
from binn.datasets.blocks import BLOCK, blocks
from binn.datasets.storage import reading, stream_dataset
from binn.fingerprint import dataset_fingerprint
from binn.model import BINN, ROWS
from binn.prediction import CHUNK, COPIED, OBSERVED, attributes_of, coordinates, variables
from binn.site_inputs import On
from binn.streaming.partial import Partial
from binn.streaming.schedulers import on_cluster, on_threads
from binn.streaming.source import Source
from binn.streaming.target import Target, check_target, create
from binn.streaming.work import Result, Work
from binn.training.interruption import Interruption

__all__ = ["Stopped", "predict_to_file"]

_EVERY = 1.0  # seconds between two reports, and two saves
# what predictions read or copy beyond what a training reads
_ALSO = ("state", "biome", "cell_lon", "cell_lat", "cell_biome", "cell_covariates")

Report = Callable[[str], None]


class Stopped(Exception):
    """Somebody asked to stop; what is done is kept."""


def predict_to_file(
    models: Sequence[BINN],
    data: Path,
    out: Path,
    on: On = "site",
    definition: str = "stock",
    *,
    chunk: int = CHUNK,
    threads: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Predict every site or cell of a dataset that need not fit in memory.

    Until it is whole, the prediction is in the folder ``OUT.part``; if the program is stopped or
    fails, `resume` goes on with that one, and ends as if nothing had happened.

    Parameters
    ----------
    models : sequence of BINN
        As :func:`binn.predict`.
    data : Path
        Canonical dataset.
    out : Path
        NetCDF4 file, or Zarr folder if its suffix is ``.zarr``; replaced in one step at the end.
    on, definition
        As :func:`binn.predict`.
    chunk : int
        Rows predicted at once, rounded up to a multiple of 32; results do not depend on it.
    threads : int
        Of this process, without `scheduler`.
    scheduler : str, optional
        Address of a running Dask scheduler.
    resume : bool
        Go on with an unfinished prediction.
    report : callable
        Takes lines about the progress.

    Returns
    -------
    dict
        Attributes of the prediction.

    Raises
    ------
    InputError
        If the dataset is not canonical, cannot be predicted or resumed, or the disk is full.
    Stopped
        If SIGINT or SIGTERM came.
    """
    check_target(out)
    models = list(models)
    chunk = -(-chunk // ROWS) * ROWS
    with stream_dataset(data) as ds, Interruption() as interruption:
        source = Source(ds, data, models, on)
        described = variables(on, definition, len(models) > 1)
        task = _task(models, ds, data, on, definition, chunk)
        with Partial(out, task, resume, _shapes(described)) as partial:
            progress = _Progress(len(source.rows), partial.done.rows, on, report)
            work = Work(models, source.forcing, on, definition)
            pieces = source.pieces(chunk, partial.done.rows)
            if scheduler is None:
                results = on_threads(work, pieces, threads)
            else:
                results = on_cluster(work, pieces, scheduler, lambda: interruption.asked)
            _collect(results, partial, progress, interruption)
            done = partial.done
            skipped = ds.sizes[on] - len(source.rows) if on == "cell" else 0
            attributes = attributes_of(models, ds, definition, skipped, done.unknown)
            with saving("the prediction", out), create(out) as target:
                _write(target, source, partial, described, attributes, interruption)
            partial.remove()
    progress.say(finished=True)
    return attributes


def _task(
    models: list[BINN], ds: xr.Dataset, data: Path, on: On, definition: str, chunk: int
) -> dict[str, str]:
    """What must be the same when an unfinished prediction is resumed, by names for people."""
    weights = hashlib.sha256()
    for model in models:
        weights.update(model.config.model_dump_json().encode())
        for name, value in model.state_dict().items():
            weights.update(f"{name}{tuple(value.shape)}".encode())
            weights.update(value.detach().cpu().contiguous().numpy().tobytes())
    with reading(data):
        fingerprint = dataset_fingerprint(ds, _ALSO, BLOCK)
    return {
        "checkpoint": weights.hexdigest(),
        "dataset": fingerprint,
        "--on": on,
        "--definition": definition,
        "--chunk": str(chunk),
        "version of binn": binn.__version__,
    }


def _shapes(
    described: dict[str, tuple[tuple[str, ...], dict[str, Any]]],
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Leading dimension and shape of a row of each variable."""
    sizes = {name: len(_values(value)) for name, value in _fixed().items()}
    return {
        name: (dims[0], tuple(sizes[dim] for dim in dims[1:]))
        for name, (dims, _) in described.items()
    }


def _fixed() -> dict[str, Any]:
    return coordinates("site", np.empty(0, dtype=np.int64))


def _values(coordinate: Any) -> Any:
    return coordinate[1] if isinstance(coordinate, tuple) else coordinate


def _collect(
    results: Iterator[Result], partial: Partial, progress: _Progress, interruption: Interruption
) -> None:
    """Append all results; on any way out, what is there is saved."""
    saved = time.monotonic()
    try:
        for result in results:
            partial.append(result.values)
            partial.done.add(result.rows, result.observations, result.unknown)
            progress.done = partial.done.rows
            if time.monotonic() - saved > _EVERY:
                partial.save()
                progress.say()
                saved = time.monotonic()
            if interruption.asked:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        partial.save()
        raise Stopped(
            f"stopped at {progress.done} of {progress.total} {progress.on}s; the same command with "
            "--resume goes on"
        ) from None
    partial.save()


def _write(
    target: Target,
    source: Source,
    partial: Partial,
    described: dict[str, tuple[tuple[str, ...], dict[str, Any]]],
    attributes: dict[str, Any],
    interruption: Interruption,
) -> None:
    """All variables of the prediction, one after the other, a block at a time."""
    on, rows = source.on, source.rows
    fixed = coordinates(on, rows)
    sizes = {name: len(_values(value)) for name, value in fixed.items()} | {on: len(rows)}
    if on == "site":
        sizes["obs"] = partial.done.observations
    target.dimensions(sizes)
    target.attributes(attributes)
    for name, coordinate in fixed.items():
        values = np.asarray(_values(coordinate))
        about = coordinate[2] if isinstance(coordinate, tuple) else {}
        stored = values if values.dtype.kind in "iuf" else values.astype(object)
        target.variable(name, (name,), values.shape, values.dtype, about)[:] = stored
    for name, (dims, about) in described.items():
        shape = tuple(sizes[dim] for dim in dims)
        array = target.variable(name, dims, shape, np.dtype("<f8"), about)
        # multiples of what is compressed together
        step = max(1024, BLOCK // (8 * max(1, int(np.prod(shape[1:])))) // 1024 * 1024)
        for start in range(0, shape[0], step):
            stop = min(start + step, shape[0])
            array[start:stop] = partial.read(name, start, stop)
            target.check()
            _stop_if(interruption)
    for name in (*COPIED[on], *(OBSERVED if on == "site" else ())):
        _copy(target, source, name, sizes)
        _stop_if(interruption)


def _copy(target: Target, source: Source, name: str, sizes: dict[str, int]) -> None:
    """One variable of the dataset, for the rows that were predicted."""
    held = source.ds[name]
    dims = tuple(str(dim) for dim in held.dims)
    shape = tuple(sizes[dim] for dim in dims)
    array = target.variable(name, dims, shape, held.dtype, held.attrs)
    wanted = source.rows if dims[0] == source.on else np.arange(shape[0])
    with reading(source.path):
        for start, values in blocks(held, BLOCK):
            first, last = np.searchsorted(wanted, [start, start + len(values)])
            some = values[wanted[first:last] - start]
            some = some if some.dtype.kind in "iuf" else some.astype(str).astype(object)
            array[first:last] = some
            target.check()


def _stop_if(interruption: Interruption) -> None:
    if interruption.asked:
        raise Stopped(
            "stopped while the result was being written; the same command with --resume goes on"
        )


@dataclass
class _Progress:
    """How far it is and how long it will take, in a line.

    Attributes
    ----------
    total, done : int
        Rows.
    on : str
        What a row is.
    report : callable
        Takes the line.
    """

    total: int
    done: int
    on: str
    report: Report

    def __post_init__(self) -> None:
        self._began, self._before = time.monotonic(), self.done
        if self.done:
            self.report(f"resuming after {self.done} of {self.total} {self.on}s")

    def say(self, finished: bool = False) -> None:
        seconds = time.monotonic() - self._began
        line = f"{self.done}/{self.total} {self.on}s"
        if finished:
            self.report(f"{line} in {seconds:.0f} s")
            return
        new = self.done - self._before
        if new:
            line += f", {seconds * (self.total - self.done) / new:.0f} s left"
        self.report(line)
