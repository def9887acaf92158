"""A page that somebody has left is forgotten: with it goes what it held."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from dashboard.settings import settings
from dashboard.shell import page


def test_a_page_that_was_left_is_forgotten(page_file: Path) -> None:
    shell = page(settings(["--data", str(page_file)]))
    left = weakref.ref(shell)
    del shell
    gc.collect()
    assert left() is None
