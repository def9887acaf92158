"""Fit a model: from a configuration and a dataset to a checkpoint, interruptible and repeatable."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from binn.atomic import saving, write_folder
from binn.checkpoint import CheckpointConfig, DataRecord, SplitRecord, checkpoint_files
from binn.errors import InputError
from binn.evaluation import evaluate
from binn.fingerprint import dataset_fingerprint
from binn.model import BINN
from binn.training.config import TrainingConfig
from binn.training.interruption import Interruption, wish_to_stop
from binn.training.live_map import LiveMap
from binn.training.ranks import Ranks
from binn.training.run_folder import RunConfig, RunFolder, now
from binn.training.split import Split
from binn.training.state import TrainerState, previous, resume_state
from binn.training.trainer import Trainer

__all__ = ["Fitted", "fit"]

Report = Callable[[str], None]
"""Told one line at a time."""

_SAVE_EVERY = 10.0  # seconds between saves while nothing asks for one
_PACE = 10  # epochs whose time says how long the others will take


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes
    ----------
    model : BINN
        Best weights of every member, in eval mode.
    config : TrainingConfig
        What was asked for.
    split : Split
        Which sites trained, validated and test.
    metrics : dict
        Scores by part, as `binn.evaluation.score`: "validation", and "test" if it was looked at.
    history : list of dict
        One entry an epoch, over all members.
    complete : bool
        False if somebody asked to stop before the end.
    """

    model: BINN
    config: TrainingConfig
    split: Split
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    complete: bool


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
            work = _Fit(config, ds, fingerprint, place, say, test, ranks=ranks)
            return work.run(lambda: False)
        wish = wish_to_stop(Path(out))
        asked = interruption or stack.enter_context(Interruption(wish))
        run_config = RunConfig(
            kind="run",
            training=config,
            data_fingerprint=fingerprint,
            device=device,
            threads=threads,
            data=data,
            live_map=live_map,
            created=now(),
        )
        run = ranks.lead(
            lambda: stack.enter_context(RunFolder(Path(out), run_config, resume, report))
        )
        say = None if run is None else run.say
        work = _Fit(config, ds, fingerprint, place, say, test, run, save_every, ranks)
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


class _Fit:
    """One training and where it is saved."""

    def __init__(
        self,
        config: TrainingConfig,
        ds: xr.Dataset,
        fingerprint: str,
        device: str,
        report: Report | None,
        test: bool,
        run: RunFolder | None = None,
        save_every: float = _SAVE_EVERY,
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.ds, self.test = config, ds, test
        self.say: Report = report or (lambda _line: None)
        self.folder, self.save_every = run, save_every  # without a folder nothing is written
        self.ranks = ranks or Ranks()
        self.ranks.lead(self._begin)
        shown = self.ranks.same(run.config.live_map if run is not None else None)
        self.trainer = self.ranks.together(lambda: Trainer(config, ds, device, self.ranks, shown))
        split = self.trainer.split
        self.split_record = SplitRecord(
            rule=config.split,
            sites={
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
            },
            digest=split.digest(),
        )
        self.data_record = DataRecord(
            fingerprint=fingerprint,
            title=str(ds.attrs.get("title", "")),
            sites=ds.sizes["site"],
            observations=ds.sizes["obs"],
        )
        state = self.ranks.same_state(self.ranks.lead(self._saved_state))
        if state is not None:
            self.trainer.restore(state)
            self.say(f"resumed: {self._where()}")
        self.ranks.lead(self._list_epochs)
        # what can be gone on from exactly: the end of the last finished epoch
        self.safe = self.trainer.state() if run is not None else None
        self.saved = time.monotonic()

    def _begin(self) -> None:
        if self.folder is not None:
            self.folder.status("running", message="preparing")

    def _saved_state(self) -> TrainerState | None:
        return None if self.folder is None else resume_state(self.folder.last)

    def _list_epochs(self) -> None:
        if self.folder is not None:
            self.folder.rewrite_epochs(self.trainer.history)

    def run(self, stop: Callable[[], bool]) -> Fitted:
        """Train to the end, or until `stop` says so."""
        trainer = self.trainer
        sites = self.split_record.sites
        together = f"; {self.ranks.size} processes" if self.ranks.size > 1 else ""
        self.say(
            f"{sites['train']} sites train, {sites['validation']} validate, {sites['test']} test "
            f"(fold {self.config.split.fold} of {self.config.split.folds}); "
            f"{self.config.members} member(s) of {self.config.epochs} epochs{together}"
        )
        while not trainer.finished:
            if trainer.member_finished:
                trainer.finish_member()
            elif stop() or not trainer.run_epoch(stop):
                return self._cancelled()
            else:
                self.ranks.lead(self._tell)
            self.ranks.lead(self._keep)
        return self._finish()

    def _keep(self) -> None:
        """Hold the state that the training can go on from, and save it now and then."""
        if self.folder is None:
            return
        self.safe = self.trainer.state()
        if time.monotonic() - self.saved >= self.save_every:
            self._save(self.safe)
            self.saved = time.monotonic()

    def _where(self) -> str:
        trainer = self.trainer
        if trainer.finished:
            return "all members are trained"
        return (
            f"member {trainer.member + 1} of {self.config.members}, "
            f"{trainer.epoch} of {self.config.epochs} epochs done"
        )

    def _tell(self) -> None:
        row = self.trainer.history[-1]
        self.say(
            f"member {row['member'] + 1}/{self.config.members} "
            f"epoch {row['epoch']}/{self.config.epochs}  train loss {row['train_loss']:.5g}  "
            f"validation NSE {row['validation_nse']:.4f} (best epoch {row['best_epoch']})  "
            f"{row['seconds']:.2f} s"
        )
        if self.folder is not None:
            self.folder.epoch(row)
            self.folder.status("running", **self._progress())
            self.folder.beside_last(self._map())

    def _map(self) -> dict[str, bytes]:
        """What the latest validation would draw on a map, as a file."""
        trainer = self.trainer
        if not len(trainer.shown):
            return {}
        row = trainer.history[-1]
        sites = trainer.split.validation
        quantity = trainer.live_map or ""
        shown = (trainer.shown, quantity, row["member"], row["epoch"])
        return LiveMap.of_sites(self.ds, sites, *shown).files()

    def _progress(self) -> dict[str, Any]:
        trainer, rows = self.trainer, self.trainer.history
        row = rows[-1] if rows else {}
        pace = [one["seconds"] for one in rows[-_PACE:]]
        whole = (self.config.members - trainer.member) * self.config.epochs
        left = max(0, whole - trainer.epoch)
        return {
            "member": min(trainer.member + 1, self.config.members),
            "members": self.config.members,
            "epoch": row.get("epoch", 0),
            "epochs": self.config.epochs,
            "fold": self.config.split.fold,
            "validation_nse": row.get("validation_nse"),
            "best_nse": max((one["validation_nse"] for one in rows), default=None),
            # at the pace of the latest epochs, and no sooner than patience may end it
            "eta_seconds": round(left * sum(pace) / len(pace), 1) if pace else None,
        }

    def _record(self, model: BINN) -> CheckpointConfig:
        return CheckpointConfig(
            model=model.config,
            training=self.config,
            split=self.split_record,
            data=self.data_record,
        )

    def _metrics(self, model: BINN, test: bool) -> dict[str, Any]:
        split = self.trainer.split
        scores = {"validation": evaluate(model, self.ds, split.validation)}
        if test and len(split.test):
            scores["test"] = evaluate(model, self.ds, split.test)
        return scores

    def _save(self, state: TrainerState, model: BINN | None = None, metrics: Any = None) -> None:
        """Write ``last`` (what resumes the run), then ``checkpoint`` (the best so far).

        ``last`` holds all that ``checkpoint`` is made of: if the process dies between the two,
        nothing is lost.
        """
        assert self.folder is not None
        done = [state.part(f"done.{k}.") for k in range(state.values["members_done"])]
        trained = state.values["epoch"] > 0
        # a member that has not finished an epoch yet counts only while there is no other
        unfinished = len(done) < self.config.members and (trained or not done)
        latest = model or self.trainer.assemble(
            [*done, state.part("current.")] if unfinished else done
        )
        best = model or self.trainer.assemble([*done, state.part("best.")] if unfinished else done)
        if metrics is None:
            metrics = self._metrics(best, test=False)
        last, before = self.folder.last, previous(self.folder.last)
        whole = (last / "resume.json").is_file()
        with saving("the checkpoint", last):
            files = checkpoint_files(latest, self._record(latest), metrics, state.history)
            write_folder(last, files | state.files() | self._map(), keep=before if whole else None)
        if trained or done:
            with saving("the checkpoint", self.folder.checkpoint):
                files = checkpoint_files(best, self._record(best), metrics, state.history)
                write_folder(self.folder.checkpoint, files)

    def _cancelled(self) -> Fitted:
        self.ranks.lead(self._save_cancelled)
        trainer = self.trainer
        history = self.safe.history if self.safe is not None else trainer.history
        return Fitted(trainer.ensemble(), self.config, trainer.split, {}, history, False)

    def _save_cancelled(self) -> None:
        assert self.folder is not None
        assert self.safe is not None
        self._save(self.safe)
        resume = f"binn train DATA --out {self.folder.path} --resume"
        self.folder.status("cancelled", **self._progress(), resume=resume)
        self.say(f"stopped and saved; go on with: {resume}")

    def _finish(self) -> Fitted:
        trainer = self.trainer
        model = trainer.ensemble()
        metrics = self.ranks.same(self.ranks.lead(lambda: self._save_finished(model))) or {}
        return Fitted(model, self.config, trainer.split, metrics, trainer.history, True)

    def _save_finished(self, model: BINN) -> dict[str, Any]:
        metrics = self._metrics(model, self.test)
        if self.folder is not None:
            self._save(self.trainer.state(), model, metrics)
            self.folder.status(
                "done", **self._progress(), nse={part: s["nse"] for part, s in metrics.items()}
            )
            shutil.rmtree(previous(self.folder.last), ignore_errors=True)
        for part, scores in metrics.items():
            self.say(
                f"{part}: NSE {scores['nse']:.4f}, RMSE {scores['rmse']:.5g} gC m-3 "
                f"(n = {scores['n']})"
            )
        return metrics


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
