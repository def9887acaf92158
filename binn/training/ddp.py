"""One training in several processes: ``torchrun --nproc-per-node N -m binn train ...``.

Every process holds the whole dataset and takes its share of each batch; gradients, batch moments
and losses are summed, so that the result is that of one process with the same batch, up to the
order of the sums. Only the first process writes and speaks. What one decides (stop, fail, save)
all do at the same place, so nobody waits for a process that has gone another way.

Started by torchrun or by Slurm (`binn.training.slurm`): both say in the environment who is who.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from binn.errors import InputError
from binn.training.interruption import Interruption
from binn.training.ranks import Ranks
from binn.training.shared_layers import share_layers
from binn.training.state import TrainerState

__all__ = ["GroupRanks", "joined"]

Value = TypeVar("Value")

# gloo alone moves CPU tensors, also beside nccl: flags and sentences need no GPU
_BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
_WHERE = ("MASTER_ADDR", "MASTER_PORT", "RANK")
_PATIENCE = timedelta(minutes=30)  # the first process may be evaluating or saving meanwhile
_LAST_WORDS = timedelta(seconds=20)
_REASON, _GONE = "binn/reason", "binn/first-has-left"


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The processes of this training, if torchrun or Slurm started several.

    Ctrl-C and SIGTERM must be handled inside (`binn.training.interruption`): between start and
    end they are only noted.

    Parameters
    ----------
    device : str
        torch device; "cuda" gives each process of a machine a GPU of its own.

    Yields
    ------
    Ranks
        Of one process alone if nothing in the environment says otherwise.

    Raises
    ------
    InputError
        If the processes cannot find each other, or the device is not one for several.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield Ranks()
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(Interruption())
        ranks = _join(device)
        try:
            yield ranks
        except BaseException as error:
            ranks.leave(error)
            # the launcher may send SIGTERM from now on: it is ending as it is, and has to say why
            stack.pop_all()
            raise
        dist.destroy_process_group()


def _join(device: str) -> GroupRanks:
    kind = device.split(":")[0]
    if kind not in _BACKENDS or (kind == "cuda" and ":" in device):
        raise InputError(
            f"several processes train on cpu or on cuda (each on a GPU of its own), not on {device}"
        )
    absent = [name for name in _WHERE if name not in os.environ]
    if absent:
        raise InputError(
            f"WORLD_SIZE says that several processes train together, but {', '.join(absent)} is "
            "missing from the environment: start them by torchrun, or unset WORLD_SIZE"
        )
    # its functions keep the group that is there when they are defined, as a default and for ever:
    # imported by an optimiser in the midst of training, gloo's threads would outlive the
    # interpreter, and abort
    import_module("torch.distributed.nn.functional")
    try:
        store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
        dist.init_process_group(
            _BACKENDS[kind], store=store, rank=rank, world_size=size, timeout=_PATIENCE
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"the processes of this training cannot find each other: {reason}"
        ) from None
    return GroupRanks(rank, size, store)


class GroupRanks(Ranks):
    """One of several processes of a training.

    Parameters
    ----------
    rank, size : int
        Number of this process, from 0, and of all.
    store : torch.distributed.Store
        Where the processes can leave words when they no longer talk.

    Attributes
    ----------
    batch_sites, batch_rows : int, slice
        The batch in work (`binn.training.shared_layers.SharedBatch`).
    """

    def __init__(self, rank: int, size: int, store: Any) -> None:
        self.rank, self.size = rank, size
        self._store = store
        self.batch_sites, self.batch_rows = 0, slice(0, 0)

    # --- shares ------------------------------------------------------------------------------

    def device(self, device: str) -> str:
        """Device of this process, of the `device` all were told."""
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device

    def rows(self, n: int) -> slice:
        """Rows of `n` that this process takes; some get one more, and none if there are few."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def begin_batch(self, n: int) -> slice:
        """As `rows`, of the `n` sites of the next step of the optimiser."""
        self.batch_sites, self.batch_rows = n, self.rows(n)
        return self.batch_rows

    def prepare(self, network: nn.Module) -> None:
        """Make batch normalisation and dropout look at the shares of all processes."""
        share_layers(network, self)

    # --- sums --------------------------------------------------------------------------------

    def add(self, values: Tensor) -> None:
        """Replace `values` by their sum over all processes."""
        with self._talking():
            dist.all_reduce(values)

    def align(self, network: nn.Module) -> None:
        """Give the network of every process the weights and statistics of the first."""
        held = list(network.state_dict().values())
        flat = torch.cat([values.double().reshape(-1) for values in held])  # one message, exact
        with self._talking():
            dist.broadcast(flat, 0)
        for values, first in zip(held, flat.split([v.numel() for v in held]), strict=True):
            values.copy_(first.view_as(values))

    def add_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by the sum of the gradients of all processes."""
        # which parameters have one depends on the network alone: the same in every process
        gradients = [one.grad for one in parameters if one.grad is not None]
        flat = torch.cat([one.reshape(-1) for one in gradients])
        self.add(flat)
        for one, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            one.copy_(total.view_as(one))

    def total(self, value: float) -> float:
        """Sum of a number over all processes."""
        values = torch.tensor([value], dtype=torch.float64)
        self.add(values)
        return float(values.item())

    def gathered(self, rows: Tensor) -> Tensor:
        """Rows of all processes, in the order of `rank`; each may have any number, or none."""
        counts = torch.zeros(self.size, dtype=torch.int64)
        counts[self.rank] = len(rows)
        self.add(counts)
        start = int(counts[: self.rank].sum())
        result = rows.new_zeros((int(counts.sum()), *rows.shape[1:]))
        result[start : start + len(rows)] = rows
        self.add(result)
        return result

    # --- agreements --------------------------------------------------------------------------

    def any(self, flag: bool) -> bool:
        """Whether any process says yes."""
        return self.total(float(flag)) > 0.0

    def same(self, value: Value) -> Value:
        """The first process's value, to all; JSON values only."""
        text = json.dumps(value).encode() if self.first else b""
        result: Value = json.loads(self._sent(text, 0))
        return result

    def same_state(self, state: TrainerState | None) -> TrainerState | None:
        """The first process's state of a training, to all."""
        told: Any = self.same(None if state is None else [state.values, state.history])
        if told is None:
            return None
        tensors = tensor_bytes(state.tensors) if state is not None else b""
        return TrainerState(read_tensors(self._sent(tensors, 0)), *told)

    def together(self, work: Callable[[], Value]) -> Value:
        """Do some work that no process needs another for; if one fails, all fail."""
        result, error = _attempt(work)
        self._agree(error)
        return result  # type: ignore[return-value]  # without an error there is a result

    def lead(self, work: Callable[[], Value]) -> Value | None:
        """Do some work in the first process only, while the others wait; if it fails, all fail."""
        result, error = _attempt(work) if self.first else (None, None)
        self._agree(error)
        return result

    def _agree(self, error: Exception | None) -> None:
        """Raise in every process if any of them has an error."""
        failed = torch.zeros(self.size, dtype=torch.int64)
        failed[self.rank] = error is not None
        self.add(failed)
        if not bool(failed.any()):
            return
        speaker = int(failed.argmax())
        sentence = self._sent(_sentence(error).encode(), speaker).decode()
        if error is not None and not isinstance(error, InputError):
            raise error  # a defect keeps its traceback, where it happened
        where = "" if speaker == 0 else f" (process {speaker} of {self.size}, counted from 0)"
        raise InputError(sentence + where)

    def _sent(self, data: bytes, sender: int) -> bytes:
        """The bytes of one process, to all."""
        length = torch.tensor([len(data)])
        with self._talking():
            dist.broadcast(length, sender)
            content = torch.zeros(int(length.item()), dtype=torch.uint8)
            if self.rank == sender:
                content = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
            dist.broadcast(content, sender)
        return content.numpy().tobytes()

    # --- the end -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Say in one sentence that another process has gone."""
        try:
            yield
        except RuntimeError as error:
            reason = "it was killed, or its machine is gone"
            with contextlib.suppress(RuntimeError):
                if self._store.check([_REASON]):
                    reason = self._store.get(_REASON).decode()
            raise InputError(
                f"another process of this training has ended ({reason}): what was saved last is "
                "intact, go on from it by --resume"
            ) from error

    def leave(self, error: BaseException) -> None:
        """End after an error: release those who wait, and let the first speak last.

        Launchers end all processes as soon as one has failed; the others therefore wait until the
        first one has said why.
        """
        with contextlib.suppress(RuntimeError):
            if not self._store.check([_REASON]):
                self._store.set(_REASON, f"process {self.rank} on {platform.node()}: {error}")
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()
        if self.first:
            atexit.register(self._has_left)
            return
        with contextlib.suppress(RuntimeError):
            self._store.wait([_GONE], _LAST_WORDS)

    def _has_left(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._store.set(_GONE, "yes")


def _attempt(work: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001  # raised again, once all processes know of it
        return None, error


def _sentence(error: Exception | None) -> str:
    if error is None or isinstance(error, InputError):
        return str(error or "")
    return f"{type(error).__name__}: {error}"
