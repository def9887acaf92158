"""The training itself: members one after another, epoch by epoch, and its whole state as values.

A `Trainer` knows nothing of files. `Trainer.state` is everything that decides what comes next
(weights, optimiser, random states, best so far), so that a training restored from it goes on bit
for bit as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import Forcing, solve
from binn.errors import InputError
from binn.model import BINN, ModelConfig
from binn.network import Network
from binn.parameters import to_physical
from binn.training.config import TrainingConfig
from binn.training.data import Batch, TrainingData
from binn.training.encoding import fit_encoding
from binn.training.live_map import map_values
from binn.training.loss import loss, pooled_nse
from binn.training.ranks import Ranks
from binn.training.split import split_sites
from binn.training.start import fit_global_vector
from binn.training.state import TrainerState, random_state_tensor, random_state_text

__all__ = ["Trainer"]

_VALIDATION_CHUNK = 4096  # sites solved at once without gradients


class Trainer:
    """Trains the members of one configuration on one dataset.

    Parameters
    ----------
    config : TrainingConfig
        What to do.
    ds : xarray.Dataset
        Canonical dataset.
    device : str
        torch device.
    ranks : Ranks, optional
        The processes that train together; this one alone otherwise. All of them make the same
        calls in the same order.
    live_map : str, optional
        Quantity of `binn.training.live_map` that `validate` leaves in `shown`.

    Attributes
    ----------
    shown : ndarray (validation sites,)
        What the latest validation would draw on a map; empty without `live_map`.

    Raises
    ------
    InputError
        If the dataset has too few sites, or a covariate is missing.
    """

    def __init__(
        self,
        config: TrainingConfig,
        ds: xr.Dataset,
        device: str = "cpu",
        ranks: Ranks | None = None,
        live_map: str | None = None,
    ) -> None:
        self.config = config
        self.live_map = live_map
        self.shown: NDArray[np.float64] = np.empty(0)
        self.ranks = ranks or Ranks()
        self.device = torch.device(device)
        self.split = split_sites(ds, config.split)
        forcing = Forcing.from_dataset(ds, on="site")
        self.encoding = fit_encoding(ds, config.network, self.split.train, forcing)
        self.model_config = ModelConfig(
            network=config.network,
            inputs=self.encoding,
            bedrock=config.bedrock,
            members=1,
            dtype=config.dtype,
        )
        dtype = torch.float32 if config.dtype == "float32" else torch.float64
        self.data = TrainingData(ds, forcing, self.encoding, config.bedrock, self.device, dtype)
        self.spread = self.data.spread(self.split.train)
        # an epoch sees every observation once: what its errors are compared with never changes
        points = int(self.data.observations.count[self.split.train].sum())
        self.variation = points * self.spread**2
        for part in ("train", "validation"):
            if not self.data.spread(self.split.part(part)) > 0.0:
                raise InputError(
                    f"the observed SOC of the {part} sites is missing or all the same value: "
                    "nothing can be learnt from it"
                )
        self._start: Tensor | None = None
        self.done: list[dict[str, Tensor]] = []
        self.history: list[dict[str, Any]] = []
        self.begin_member()

    # --- members -----------------------------------------------------------------------------

    @property
    def member(self) -> int:
        """Number of the member in training, from 0."""
        return len(self.done)

    @property
    def finished(self) -> bool:
        """Whether every member is done."""
        return self.member >= self.config.members

    @property
    def member_finished(self) -> bool:
        """Whether the member in training has had its epochs, or its patience."""
        patience = self.config.patience
        return self.epoch >= self.config.epochs or (
            patience is not None and self.epoch - self.best_epoch >= patience
        )

    def begin_member(self) -> None:
        """New weights, optimiser and random states from the member's own seed."""
        seed = self.config.seed + self.member
        torch.manual_seed(seed)
        self.sampler = torch.Generator().manual_seed(seed)
        self.model = BINN(self.model_config).to(self.device)
        network = self._network
        network.count_categories(self.data.inputs.take(torch.from_numpy(self.split.train)))
        if self.config.network.output_start == "global":
            if self._start is None:
                self._start = fit_global_vector(
                    self.data,
                    self.split.train,
                    self.config.loss,
                    self.spread,
                    self.config.bedrock,
                )
            network.start_from(self._start)
        self.ranks.prepare(network)
        optimiser = self.config.optimiser
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=optimiser.learning_rate,
            weight_decay=optimiser.weight_decay,
            fused=True,  # one pass over the weights instead of many small operations
        )
        self.epoch = 0
        self.best_epoch = 0
        self.best_score = -math.inf
        self.best = self._weights()

    def finish_member(self) -> None:
        """Keep the best weights of the member and begin the next one, if there is one."""
        self.done.append(self.best)
        if not self.finished:
            self.begin_member()

    @property
    def _network(self) -> Network:
        network = self.model.networks[0]
        assert isinstance(network, Network)
        return network

    def _weights(self) -> dict[str, Tensor]:
        """Copy of the weights of the member in training, on the CPU."""
        state = self._network.state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    # --- one epoch ---------------------------------------------------------------------------

    def batches(self) -> list[NDArray[np.int64]]:
        """Training sites in random order, cut into batches; draws from the sampler."""
        order = torch.randperm(len(self.split.train), generator=self.sampler).numpy()
        sites = self.split.train[order]
        cuts = list(range(self.config.batch_size, len(sites), self.config.batch_size))
        if cuts and len(sites) - cuts[-1] == 1:
            cuts.pop()  # batch statistics of one site do not exist
        return np.split(sites, cuts)

    def step(self, sites: NDArray[np.int64], learning_rate: float) -> tuple[float, float]:
        """One step of the optimiser on some sites.

        Returns
        -------
        tuple of float
            This process's shares of the loss before the step, and of the sum of squared
            differences between simulated and observed SOC ((gC m-3)^2) that it was taken from.

        Raises
        ------
        InputError
            If the loss is not finite.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        batch = self.data.batch(sites[self.ranks.begin_batch(len(sites))])
        u = self.model.normalise(batch.inputs)
        points = int(self.data.observations.count[sites].sum())
        value, squares = self.ranks.together(lambda: self._loss(batch, u, len(sites), points))
        self.optimiser.zero_grad()
        value.backward()
        self.ranks.add_gradients(self.model.parameters())
        if self.config.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimiser.clip_norm)
        self.optimiser.step()
        return value.item(), squares.item()

    def _loss(self, batch: Batch, u: Tensor, n_sites: int, n_points: int) -> tuple[Tensor, Tensor]:
        """Loss and squared errors of a share of a batch of so many sites and points.

        The shares' sums are the batch's; no gradient goes through the squared errors.

        Raises
        ------
        InputError
            If it is not finite.
        """
        if not bool(u.detach().isfinite().all()):
            raise self._diverged()
        state = solve(to_physical(u), batch.forcing, bedrock=self.config.bedrock)
        simulated = batch.observe(state.soc)
        value = loss(simulated, batch.soc, u, self.config.loss, self.spread, n_sites, n_points)
        if not math.isfinite(value.item()):
            raise self._diverged()
        squares = (simulated.detach() - batch.soc).square().sum()
        return value, squares

    def _diverged(self) -> InputError:
        return InputError(
            f"training diverged in epoch {self.epoch + 1} of member {self.member + 1}: the loss is "
            "not finite any more; lower the learning rate or limit the gradient (clip_norm)"
        )

    def run_epoch(self, stop: Any = lambda: False) -> bool:
        """One pass over the training sites and one look at the validation sites.

        Loss and NSE of the training sites are running ones: of the predictions each step is taken
        from, in training mode (dropout on, moments of the batch) and with weights that change from
        batch to batch. They cost no further look at these sites, and are no scores of a finished
        network: those of the validation sites are.

        Parameters
        ----------
        stop : callable
            Asked before every batch; True leaves the epoch unfinished.

        Returns
        -------
        bool
            Whether the epoch was finished. If not, this object is of no further use: go on from
            the state at the end of the last finished epoch.
        """
        began = time.perf_counter()
        self.ranks.align(self._network)
        self.model.train()
        batches = self.batches()
        total = squares = 0.0
        schedule = self.config.optimiser.rate_at
        rate = schedule(self.epoch / self.config.epochs)
        for k, sites in enumerate(batches):
            if stop():
                return False
            rate = schedule((self.epoch + k / len(batches)) / self.config.epochs)
            value, error = self.step(sites, rate)
            total += value * len(sites)
            squares += error
        total, squares = self.ranks.total(total), self.ranks.total(squares)
        self.epoch += 1
        scores = self.validate()
        score = -scores["loss"] if self.config.monitor == "loss" else scores[self.config.monitor]
        # as the authors do, an equally good later epoch is preferred
        if score >= self.best_score or self.epoch == 1:
            self.best_score, self.best_epoch, self.best = score, self.epoch, self._weights()
        self.history.append(
            {
                "member": self.member,
                "epoch": self.epoch,
                "train_loss": total / len(self.split.train),
                "train_nse": 1.0 - squares / self.variation,
                "validation_loss": scores["loss"],
                "validation_nse": scores["nse"],
                "best_epoch": self.best_epoch,
                "learning_rate": rate,
                "seconds": round(time.perf_counter() - began, 4),
            }
        )
        return True

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Loss, NSE pooled over all points and NSE averaged over batches, on validation sites."""
        self.model.eval()
        sites = self.split.validation
        share = sites[self.ranks.rows(len(sites))]
        parts = self.ranks.together(lambda: self._simulate(share))
        simulated, observed, u, shown = (self.ranks.gathered(part) for part in parts)
        self.shown = shown.cpu().numpy()
        value = loss(simulated, observed, u, self.config.loss, self.spread)
        scores = {"loss": value.item(), "nse": pooled_nse(simulated, observed)}
        if self.config.monitor == "batch_nse":
            size = self.config.batch_size
            counts = self.data.observations.count[sites]
            points = [int(counts[k : k + size].sum()) for k in range(0, len(sites), size)]
            pairs = zip(simulated.split(points), observed.split(points), strict=True)
            each = [
                pooled_nse(*pair) for pair in pairs if len(pair[0]) and bool(pair[1].std() > 0.0)
            ]
            scores["batch_nse"] = float(np.mean(each)) if each else scores["nse"]
        return self.ranks.same(scores)

    def _simulate(self, sites: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """Simulated and observed SOC of some sites' points, normalised parameters, map values."""
        parts = []
        for start in range(0, max(len(sites), 1), _VALIDATION_CHUNK):
            batch = self.data.batch(sites[start : start + _VALIDATION_CHUNK])
            u = self.model.normalise(batch.inputs)
            if not bool(u.isfinite().all()):
                raise self._diverged()
            state = solve(to_physical(u), batch.forcing, bedrock=self.config.bedrock)
            shown = map_values(state, self.live_map) if self.live_map else u.new_empty(0)
            parts.append((batch.observe(state.soc), batch.soc, u, shown))
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    # --- state -------------------------------------------------------------------------------

    def ensemble(self, best: bool = True) -> BINN:
        """Finished members and, unless all are, the one in training; in eval mode.

        Parameters
        ----------
        best : bool
            The best weights of the member in training, or its latest.
        """
        members = list(self.done)
        if not self.finished:
            members.append(self.best if best else self._weights())
        return self.assemble(members)

    def assemble(self, members: list[dict[str, Tensor]]) -> BINN:
        """Model of some members' weights, in eval mode."""
        with torch.random.fork_rng(devices=[]):  # its own first weights are thrown away
            model = BINN(self.model_config.model_copy(update={"members": len(members)}))
        model.load_state_dict(
            {f"networks.{k}.{name}": t for k, one in enumerate(members) for name, t in one.items()}
        )
        return model.to(self.device).eval()

    def state(self) -> TrainerState:
        """Everything that decides how the training goes on, as copies."""
        tensors: dict[str, Tensor] = {}
        for k, one in enumerate(self.done):
            tensors |= {f"done.{k}.{name}": tensor for name, tensor in one.items()}
        if not self.finished:
            tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
            tensors |= {f"current.{name}": tensor for name, tensor in self._weights().items()}
            for k, moments in self.optimiser.state_dict()["state"].items():
                for name, value in moments.items():
                    tensors[f"optimiser.{k}.{name}"] = value.detach().cpu().clone()
        values: dict[str, Any] = {
            "members_done": len(self.done),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score if math.isfinite(self.best_score) else None,
            "random": random_state_text(torch.get_rng_state()),
            "sampler": random_state_text(self.sampler.get_state()),
        }
        if self.device.type == "cuda":
            values["random_cuda"] = random_state_text(torch.cuda.get_rng_state(self.device))
        return TrainerState(tensors, values, [dict(row) for row in self.history])

    def restore(self, state: TrainerState) -> None:
        """Go on from a state; the configuration and the dataset must be the same."""
        values = state.values
        self.done = [state.part(f"done.{k}.") for k in range(values["members_done"])]
        self.history = [dict(row) for row in state.history]
        if self.finished:
            return
        self.begin_member()
        self._network.load_state_dict(state.part("current."))
        self.best = state.part("best.")
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.part("optimiser.").items():
            number, key = name.split(".", 1)
            moments.setdefault(int(number), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.epoch, self.best_epoch = values["epoch"], values["best_epoch"]
        score = values["best_score"]
        self.best_score = -math.inf if score is None else score
        torch.set_rng_state(random_state_tensor(values["random"]))
        self.sampler.set_state(random_state_tensor(values["sampler"]))
        if self.device.type == "cuda" and "random_cuda" in values:
            torch.cuda.set_rng_state(random_state_tensor(values["random_cuda"]), self.device)
