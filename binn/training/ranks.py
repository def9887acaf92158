"""The processes of one training, seen from one of them; here: a process that is alone.

The training is written against this class, so that it reads the same for one process and for
many: `binn.training.ddp.GroupRanks` puts the words between processes behind the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from torch import Tensor, nn

from binn.training.state import TrainerState

__all__ = ["Ranks"]

Value = TypeVar("Value")


class Ranks:
    """A process alone: it is the first, it takes every row, and nobody has to be asked.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def device(self, device: str) -> str:
        """Device of this process, of the `device` all were told."""
        return device

    def rows(self, n: int) -> slice:
        """Rows of `n` that this process takes; the shares of all, in order, are the whole."""
        return slice(0, n)

    def begin_batch(self, n: int) -> slice:
        """As `rows`, of the `n` sites of the next step of the optimiser."""
        return self.rows(n)

    def prepare(self, network: nn.Module) -> None:
        """Make the layers that look at a whole batch look at the shares of all processes."""

    def align(self, network: nn.Module) -> None:
        """Give the network of every process the weights and statistics of the first."""

    def add_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by the sum of the gradients of all processes."""

    def total(self, value: float) -> float:
        """Sum of a number over all processes."""
        return value

    def gathered(self, rows: Tensor) -> Tensor:
        """Rows of all processes, in the order of `rank`; each may have any number, or none."""
        return rows

    def any(self, flag: bool) -> bool:
        """Whether any process says yes."""
        return flag

    def same(self, value: Value) -> Value:
        """The first process's value, to all; JSON values only."""
        return value

    def same_state(self, state: TrainerState | None) -> TrainerState | None:
        """The first process's state of a training, to all."""
        return state

    def together(self, work: Callable[[], Value]) -> Value:
        """Do some work that no process needs another for; if one fails, all fail.

        Raises
        ------
        InputError
            The sentence of the first process that failed.
        """
        return work()

    def lead(self, work: Callable[[], Value]) -> Value | None:
        """Do some work in the first process only, while the others wait; if it fails, all fail.

        Returns
        -------
        object
            What `work` returned, in the first process; None in the others.

        Raises
        ------
        InputError
            The sentence of the first process.
        """
        return work()
