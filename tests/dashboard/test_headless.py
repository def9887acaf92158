"""The state needs no screen: importing it loads neither panel nor bokeh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_state_loads_without_panel(root: Path) -> None:
    names = sorted(path.stem for path in (root / "dashboard/state").glob("[a-z]*.py"))
    assert {"session", "selection", "field", "scenario", "results"} < set(names)
    imports = ", ".join(f"dashboard.state.{name}" for name in names)
    code = (
        f"import sys, {imports}; loaded = {{'panel', 'bokeh', 'holoviews', 'matplotlib'}}"
        " & set(sys.modules); assert not loaded, loaded"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
