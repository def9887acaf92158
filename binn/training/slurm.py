"""Hand a training to Slurm, by submitit: the same command on other machines, the same run folder.

The run folder is claimed before anything is submitted, so what is wrong with options or data is
said at once. The job is ``binn train DATA --out RUN --resume`` in one or several processes: it
reads what to do from the folder, and may be stopped and begun again at any time.

submitit keeps its own files, logs among them, in ``RUN/slurm``.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from binn.errors import InputError
from binn.training.run_folder import (
    SCHEDULER,
    RunConfig,
    RunFolder,
    read_status,
    write_status,
)

__all__ = ["Executor", "SlurmJob", "SlurmOptions", "submit"]

Executor = Literal["slurm", "local", "debug"]


@dataclass(frozen=True)
class SlurmOptions:
    """What is asked of Slurm.

    Attributes
    ----------
    partition : str or None
        Where; Slurm's own default otherwise.
    minutes : int
        Longest time of a job. What is not finished then is saved and queued again.
    gpus : int
        GPUs a node.
    nodes : int
        Machines.
    tasks : int
        Processes a node.
    threads : int
        Threads of a process.
    executor : str or None
        submitit's executor: "slurm"; "local" for processes on this machine; "debug" for this very
        process, when the result is asked for. None is Slurm where there is one, and else local.
    """

    partition: str | None = None
    minutes: int = 240
    gpus: int = 0
    nodes: int = 1
    tasks: int = 1
    threads: int = 1
    executor: Executor | None = None

    @property
    def processes(self) -> int:
        """Processes that train together."""
        return self.nodes * self.tasks


class SlurmJob:
    """What a process of the job does: ``binn`` with some arguments, as one of the job's processes.

    Parameters
    ----------
    arguments : list of str
        Of ``binn train``.
    out : str
        The run folder.
    """

    def __init__(self, arguments: list[str], out: str) -> None:
        self.arguments, self.out = arguments, out

    def __call__(self) -> int:
        """Train; the exit status of ``binn train``.

        Raises
        ------
        RuntimeError
            If it failed: submitit then calls the job failed. Why is in the log and the run folder.
        """
        from submitit.core.job_environment import JobEnvironment
        from submitit.helpers import TorchDistributedEnvironment

        from binn.cli import main

        if read_status(Path(self.out)).get("state") == "cancelled":
            print("cancelled before it began", file=sys.stderr)
            return 0
        job = JobEnvironment()
        if job.num_tasks > 1:
            # each process sees all GPUs of its node and takes one (`GroupRanks.device`)
            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
            if job.num_nodes == 1:
                os.environ["MASTER_ADDR"] = "127.0.0.1"  # needs no name of this machine
        with _warned_in_time() as warned:
            status = main(self.arguments)
        # a training that was done in spite of the warning stays done
        if warned and read_status(Path(self.out)).get("state") == "cancelled":
            if job.global_rank == 0:
                _queue_again(Path(self.out), job.cluster)
            warned[0]()  # submitit asks Slurm to begin the job anew
        if status:
            raise RuntimeError(f"binn train ended with status {status}")
        return status

    def checkpoint(self) -> Any:
        """What is done when the job is begun anew: the same; the run folder knows the rest."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit(
    config: RunConfig,
    out: str | Path,
    options: SlurmOptions,
    *,
    resume: bool = False,
    report: Callable[[str], None] | None = None,
) -> Any:
    """Queue a training.

    Parameters
    ----------
    config : RunConfig
        What to do, and on which data: a whole path that the machines of the cluster see too, or the
        name of a shipped dataset.
    out : path
        Run folder, seen by the machines of the cluster too.
    options : SlurmOptions
        What is asked of Slurm.
    resume : bool
        Go on with the run in `out`.
    report : callable, optional
        Told what was done, a line at a time.

    Returns
    -------
    submitit.Job

    Raises
    ------
    InputError
        If submitit is missing, the folder cannot be used, there is no Slurm although it was asked
        for, or it refuses the job.
    """
    path = Path(out).absolute()
    submitit = _submitit()
    kind = options.executor or submitit.AutoExecutor.which()
    if kind == "slurm" and submitit.SlurmExecutor.affinity() < 0:
        raise InputError(
            "there is no Slurm here (no srun on the PATH): submit on a machine of the cluster, or "
            "try the job on this one by --executor local"
        )
    say = report or (lambda _line: None)
    if kind != options.executor and kind != "slurm":
        say("there is no Slurm here: the job runs on this machine (--executor local)")
    with RunFolder(path, config, resume, report) as run:
        run.status("queued", **{SCHEDULER: kind})
    arguments = [
        *("train", config.data, "--out", str(path), "--resume"),
        *("--device", config.device, "--threads", str(options.threads)),
    ]
    try:
        with (
            submitit.helpers.clean_env(),
            contextlib.redirect_stderr(io.StringIO()),  # what it repeats of Slurm's is said below
            _children_write_to(path / "slurm", kind),
        ):
            executor = submitit.AutoExecutor(path / "slurm", cluster=kind)
            executor.update_parameters(**_parameters(options, path.name, config.parallel))
            job = executor.submit(SlurmJob(arguments, str(path)))
    except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError) as error:
        sentence = f"the job could not be submitted: {_refusal(error)}"
        write_status(path, {**read_status(path), "state": "failed", "message": sentence})
        raise InputError(sentence) from None
    processes = f"{options.processes} process{'es' if options.processes > 1 else ''}"
    say(f"submitted to {kind} as job {job.job_id}: {processes}; its words are in {path / 'slurm'}")
    return job


def _submitit() -> Any:
    try:
        import submitit
        import submitit.helpers
    except ImportError:
        raise InputError(
            "--slurm needs submitit, which is not installed: pip install 'binn-explorer[slurm]'"
        ) from None
    return submitit


def _parameters(options: SlurmOptions, name: str, parallel: int) -> dict[str, Any]:
    """In submitit's words; None is left to Slurm."""
    return {
        "name": f"binn-{name}",
        "timeout_min": options.minutes,
        "nodes": options.nodes,
        "tasks_per_node": options.tasks,
        "cpus_per_task": options.threads * parallel,
        "gpus_per_node": options.gpus or None,
        "slurm_partition": options.partition,
    }


def _refusal(error: Exception) -> str:
    """The last words of a command that failed, or of an error."""
    said = getattr(error, "stderr", None) or str(error)
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _queue_again(path: Path, scheduler: str) -> None:
    again = {"state": "queued", SCHEDULER: scheduler, "message": "saved, waits to go on"}
    write_status(path, {**read_status(path), **again})


@contextlib.contextmanager
def _warned_in_time() -> Iterator[list[Callable[[], None]]]:
    """Save when Slurm says that time is nearly over, or that somebody else needs the machine.

    submitit's own handler stops where it stands. Here its signal first asks the training to save
    and stop, as SIGTERM does; what the handler would have done is put into the list that is
    yielded.
    """
    from submitit.core.job_environment import JobEnvironment

    warned: list[Callable[[], None]] = []
    number = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
    before = signal.getsignal(number)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield warned
        return
    handler = before

    def save_first(_number: int, _frame: object) -> None:
        if not warned:
            warned.append(lambda: handler(number, None))
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(number, save_first)
    try:
        yield warned
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _children_write_to(folder: Path, kind: str) -> Iterator[None]:
    """Give processes that are started on this machine a file of their own to write to.

    They outlive this process; who reads what it says would wait for them too.
    """
    if kind != "local":
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    held = [(number, os.dup(number)) for number in (1, 2)]
    try:
        with (folder / f"{socket.gethostname()}.log").open("ab") as file:
            for number, _ in held:
                os.dup2(file.fileno(), number)
            yield
    finally:
        for number, copy in held:
            os.dup2(copy, number)
            os.close(copy)
