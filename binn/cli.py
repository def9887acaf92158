"""The command line: ``binn COMMAND``, the same as ``python -m binn COMMAND``.

Each group of commands lives in a module of its own, which adds its parsers here and imports what
it needs only when it runs, so that ``binn --help`` is quick.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module

from binn import __version__
from binn.errors import InputError

__all__ = ["build_parser", "main"]

#: modules with a function `register(commands)`, in the order their commands are listed; each
#: parser sets `run`, a function of the parsed arguments
COMMAND_MODULES = (
    "binn.cli_datasets",
    "binn.cli_training",
    "binn.cli_learning",
    "binn.cli_runs",
    "binn.cli_calibration",
    "binn.cli_experiments",
    "binn.cli_figures",
    "binn.cli_demo",
)

_USER_ERROR = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="binn",
        description="Soil carbon by BINN: import data, train, predict, evaluate.",
        epilog="Exit status: 0 done, 1 something given is wrong, 2 wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"binn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMAND_MODULES:
        import_module(module).register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        Exit status: 0 done; 1 user error, said in one line on stderr; 130 interrupted
        (but a training saves and exits with 0). Wrong usage exits with 2.
    """
    warnings.showwarning = _say_warning
    options = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = options.run
    try:
        status = run(options) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # the reader of a pipe (`| head`) has seen enough; nothing more can be written to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _USER_ERROR
    except InputError as error:
        _say(f"error: {error}")
        return _USER_ERROR
    except OSError as error:
        _say(f"error: {_system_fault(error)}")
        return _USER_ERROR
    return status


def _system_fault(error: OSError) -> str:
    """What the operating system refused, in one sentence."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _DISK_FULL:
        return f"no room left on the disk{where}: free some space and run it again"
    return f"{error.strerror or error}{where}"


def _say(sentence: str) -> None:
    """One line on stderr, whatever the sentence holds."""
    print("binn: " + " ".join(sentence.split()), file=sys.stderr)


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code."""
    _say(f"warning: {message}")
