"""Chunks through Dask: threads of this process, or a running cluster. Results come in order."""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

import torch

from binn.errors import InputError

__all__ = ["cluster_client", "on_cluster", "on_threads"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_PATIENCE = 15  # seconds to wait for the cluster to answer
_LOOK = 0.5  # seconds between two looks whether somebody asked to stop


def on_threads(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], threads: int
) -> Iterator[Result]:
    """Work on threads of this process, one chunk each; a few chunks are in memory at a time.

    Parameters
    ----------
    work : callable
        What to do with a piece.
    pieces : iterable of Piece
        Read as they are needed.
    threads : int
        Threads, and chunks in flight.
    """
    from dask.base import compute
    from dask.delayed import delayed

    before = torch.get_num_threads()
    # chunks are the parallel unit: no threads within them
    torch.set_num_threads(1)
    try:
        waiting = iter(pieces)
        while some := list(itertools.islice(waiting, threads)):
            # partial: Dask would look into arguments for collections
            tasks = [delayed(functools.partial(work, piece), traverse=False)() for piece in some]
            yield from compute(
                *tasks, scheduler="threads" if threads > 1 else "sync", num_workers=threads
            )
    finally:
        torch.set_num_threads(before)


def on_cluster(
    work: Callable[[Piece], Result],
    pieces: Iterable[Piece],
    address: str,
    asked: Callable[[], bool],
) -> Iterator[Result]:
    """Work on a running cluster of Dask; as many chunks in flight as it has threads, and two.

    The work (models and forcing, say) is sent once, chunks as they are needed; workers need this
    program, but none of the files.

    Parameters
    ----------
    work : callable
        What to do with a piece.
    pieces : iterable of Piece
        Read as they are needed.
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    asked : callable
        Whether somebody asked to stop; looked at while waiting.

    Raises
    ------
    InputError
        If `distributed` is not installed, nobody answers at `address`, or the cluster fails.
    """
    with cluster_client(address) as client:
        yield from _in_order(client, work, pieces, asked)


def cluster_client(address: str) -> Any:
    """A client of a running cluster, to be entered.

    Raises
    ------
    InputError
        If `distributed` is not installed, or nobody answers at `address`.
    """
    if find_spec("distributed") is None:
        raise InputError(
            "--scheduler needs the package distributed: install the extra `cluster` "
            "(pip install 'binn-explorer[cluster]')"
        )
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start one (`dask scheduler`) or leave out "
            "--scheduler"
        ) from error
    return client


def _in_order(
    client: Any,
    work: Callable[[Piece], Result],
    pieces: Iterable[Piece],
    asked: Callable[[], bool],
) -> Iterator[Any]:
    threads = sum(client.nthreads().values())
    if not threads:
        raise InputError(
            "the Dask scheduler has no workers: start some (`dask worker ADDRESS`) and go on"
        )
    shared = client.scatter(work, hash=False, broadcast=True)
    flying: deque[Any] = deque()
    for piece in pieces:
        flying.append(client.submit(_on_worker, shared, piece, pure=False))
        if len(flying) >= threads + 2:
            yield _wait(flying.popleft(), asked)
    while flying:
        yield _wait(flying.popleft(), asked)


def _on_worker(work: Callable[[Piece], Result], piece: Piece) -> Result:
    # the worker's own threads each have a chunk
    torch.set_num_threads(1)
    return work(piece)


def _wait(future: Any, asked: Callable[[], bool]) -> Any:
    while True:
        try:
            return future.result(timeout=_LOOK)
        except InputError:
            raise
        except TimeoutError:
            if asked():
                raise KeyboardInterrupt from None
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"the Dask cluster could not compute a chunk ({type(error).__name__}: {reason}); "
                "what is done is kept"
            ) from error
