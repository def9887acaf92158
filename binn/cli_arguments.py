"""What the commands share: readers of arguments, and words to whoever watches."""

from __future__ import annotations

import argparse
import sys

__all__ = ["natural", "positive", "say"]


def natural(text: str) -> int:
    """A whole number of 0 or more."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    value = natural(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr, flush=True)
