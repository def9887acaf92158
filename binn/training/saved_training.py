"""A training that tells how it goes, is saved now and then, and stops where it can go on from."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import xarray as xr

from binn.atomic import saving, write_folder
from binn.checkpoint import CheckpointConfig, DataRecord, SplitRecord, checkpoint_files
from binn.evaluation import evaluate
from binn.model import BINN
from binn.training.config import TrainingConfig
from binn.training.live_map import LiveMap
from binn.training.ranks import Ranks
from binn.training.run_folder import RunFolder
from binn.training.split import Split
from binn.training.state import TrainerState, previous, resume_state
from binn.training.trainer import Trainer

__all__ = ["Fitted", "Report", "SavedTraining"]

Report = Callable[[str], None]
"""Told one line at a time."""

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


class SavedTraining:
    """One training, and where it is saved.

    Parameters
    ----------
    config : TrainingConfig
        What to do.
    ds : xarray.Dataset
        Canonical dataset.
    fingerprint : str
        Of the dataset.
    device : str
        torch device.
    report : callable or None
        Told one line at a time.
    test : bool
        Whether the test sites are evaluated at the end.
    run : RunFolder, optional
        Where it is saved, and may have been; nothing is written without it.
    ranks : Ranks, optional
        The processes that train together; this one alone otherwise.

    Raises
    ------
    InputError
        If data or options do not fit, or what was saved cannot be read.
    """

    def __init__(
        self,
        config: TrainingConfig,
        ds: xr.Dataset,
        fingerprint: str,
        device: str,
        report: Report | None,
        test: bool,
        run: RunFolder | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.ds, self.test = config, ds, test
        self.say: Report = report or (lambda _line: None)
        self.folder = run  # without a folder nothing is written
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
        if time.monotonic() - self.saved >= self.folder.config.save_every:
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
            f"train NSE {row['train_nse']:.4f}  "
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
            "train_nse": row.get("train_nse"),
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
            shutil.rmtree(previous(self.folder.last), ignore_errors=True)
            self.folder.status(
                "done", **self._progress(), nse={part: s["nse"] for part, s in metrics.items()}
            )
        for part, scores in metrics.items():
            self.say(
                f"{part}: NSE {scores['nse']:.4f}, RMSE {scores['rmse']:.5g} gC m-3 "
                f"(n = {scores['n']})"
            )
        return metrics
