"""Fit a model: from a configuration and a dataset to a checkpoint, interruptible and repeatable."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
import xarray as xr

from binn.errors import InputError
from binn.fingerprint import dataset_fingerprint
from binn.training.config import TrainingConfig
from binn.training.interruption import Interruption, wish_to_stop
from binn.training.ranks import Ranks
from binn.training.run_folder import RunConfig, RunFolder, now
from binn.training.saved_training import Fitted, Report, SavedTraining

__all__ = ["Fitted", "fit"]

_SAVE_EVERY = 10.0  # seconds between saves while nothing asks for one


def fit(
    config: TrainingConfig,
    ds: xr.Dataset,
    out: str | Path | None = None,
    *,
    device: str = "cpu",
    resume: bool = False,
    report: Report | None = None,
    test: bool = True,
    threads: int = 1,
    save_every: float = _SAVE_EVERY,
    interruption: Interruption | None = None,
    ranks: Ranks | None = None,
    data: str = "",
    live_map: str = "soc_stock",
) -> Fitted:
    """Train.

    The same configuration, dataset, program and machine give the same weights, bit for bit, also
    when the training is stopped and resumed in between.

    Parameters
    ----------
    config : TrainingConfig
        What to do.
    ds : xarray.Dataset
        Canonical dataset.
    out : path, optional
        Run folder (`binn.training.run_folder`); nothing is written without it. With it, Ctrl-C
        and SIGTERM save and return.
    device : str
        torch device.
    resume : bool
        Go on with the run in `out`.
    report : callable, optional
        Told one line an epoch.
    test : bool
        Whether the test sites are evaluated at the end.
    threads : int
        Threads of torch. A different number may change the last bits.
    save_every : float
        Seconds between saves.
    interruption : Interruption, optional
        An entered one, if the caller has to know of it too.
    ranks : Ranks, optional
        The processes that train together (`binn.training.ddp.joined`); this one alone otherwise.
        The first one writes `out` and reports.
    data : str
        Where the dataset is, to be written down: a run can then be resumed by its folder alone.
    live_map : str
        What ``last/map.npz`` shows at the validation sites (`binn.training.live_map`).

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        If data or options do not fit, training diverges, or `out` cannot be used or written.
    """
    ranks = ranks or Ranks()
    place = ranks.device(device)
    ranks.together(lambda: check_device(place))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_repeatable(threads, place))
        fingerprint = dataset_fingerprint(ds)
        first = ranks.same(fingerprint)
        ranks.together(lambda: _check_same_data(fingerprint, first))
        if out is None:
            say = report if ranks.first else None
            work = SavedTraining(config, ds, fingerprint, place, say, test, ranks=ranks)
            return work.run(lambda: False)
        wish = wish_to_stop(Path(out))
        asked = interruption or stack.enter_context(Interruption(wish))
        run_config = RunConfig(
            kind="run",
            training=config,
            data_fingerprint=fingerprint,
            device=device,
            threads=threads,
            save_every=save_every,
            data=data,
            live_map=live_map,
            created=now(),
        )
        run = ranks.lead(
            lambda: stack.enter_context(RunFolder(Path(out), run_config, resume, report))
        )
        say = None if run is None else run.say
        work = SavedTraining(config, ds, fingerprint, place, say, test, run, ranks)
        return work.run(lambda: ranks.any(asked.asked))


def _check_same_data(mine: str, first: str) -> None:
    if mine != first:
        raise InputError("this process reads another dataset than the first: give all the same")


def check_device(device: str) -> None:
    """Raise InputError unless torch can use the device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"the device {device!r} cannot be used here: {reason}") from None


@contextlib.contextmanager
def _repeatable(threads: int, device: str) -> Iterator[None]:
    """A fixed number of threads; the caller's random states are given back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=cuda):
            yield
    finally:
        torch.set_num_threads(before)
