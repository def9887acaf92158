"""Solutions of the demonstration from one start to the next: the same to the last bit, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from binn.errors import InputError
from dashboard import warm
from dashboard.state import kept as kept_module
from dashboard.state.estimate import Estimate
from dashboard.state.kept import Kept
from dashboard.state.library import Library
from dashboard.state.opened import Opened

SHOWN = """
import sys
import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc
pn.extension()
import dashboard.shell as shell
from dashboard.settings import settings
with set_curdoc(Document()):
    page = shell.page(settings([], {}))
    page.server_doc(pn.state.curdoc)
    values = pn.state.curdoc.get_model_by_name("sites").data["value"]
print("torch" in sys.modules, f"{values.sum(dtype=float):.6f}")
"""


def arrays_of(found: Estimate) -> dict[str, bytes]:
    """Every number of an estimate, bit for bit."""
    whole = {name: getattr(found, name).tobytes() for name in kept_module._ARRAYS}
    for definition, each in found.components.items():
        whole |= {f"{definition} {key}": value.tobytes() for key, value in each.items()}
    return whole | {key: value.tobytes() for key, value in found.traceability.items()}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "solutions")


def test_what_comes_back_is_what_was_kept(kept: Kept, opened: Opened) -> None:
    found = opened.estimate("conserving")
    assert kept.load("binn", "conserving") is None
    kept.keep("binn", found).join()
    again = kept.load("binn", "conserving")
    assert again is not None
    assert again.bedrock == found.bedrock
    assert arrays_of(again) == arrays_of(found)
    assert kept.load("proda", "conserving") is None


@pytest.mark.parametrize("damage", ["half", "nothing", "a bit", "another file"])
def test_what_is_damaged_is_as_good_as_none(damage: str, kept: Kept, opened: Opened) -> None:
    kept.keep("binn", opened.estimate("conserving")).join()
    (file,) = kept._folder.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "a bit":
        content[len(content) // 2] ^= 1
    whole = {"half": content[: len(content) // 2], "nothing": b"", "a bit": content}
    file.write_bytes(whole.get(damage, b"neither"))
    assert kept.load("binn", "conserving") is None
    kept.keep("binn", opened.estimate("conserving")).join()
    assert kept.load("binn", "conserving") is not None


def test_another_program_or_data_has_another_key(
    kept: Kept, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "solver.py"
    source.write_text("one")
    monkeypatch.setattr(kept_module, "_inputs", lambda: iter([source]))
    kept.keep("binn", opened.estimate("conserving")).join()
    source.write_text("two")
    later = Kept(kept._folder)
    assert later.load("binn", "conserving") is None
    later.keep("binn", opened.estimate("conserving")).join()
    assert len(list(kept._folder.iterdir())) == 1  # what is of no use any more is gone


def test_the_key_knows_the_data_the_checkpoint_and_the_source() -> None:
    names = {path.name for path in kept_module._inputs()}
    assert names >= {"conus.nc", "proda.nc", "model.safetensors", "config.json", "estimate.py"}
    assert names >= {"kernels_numba.py", "steady_state.py", "row_products.py", "storage.py"}


def test_where_nothing_can_be_written_nothing_is_kept(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    nowhere = Kept(tmp_path / "file" / "solutions")
    nowhere.keep("binn", opened.estimate("conserving")).join()
    assert nowhere.load("binn", "conserving") is None


@pytest.mark.slow
def test_the_second_start_shows_the_same_map_without_torch(root: Path, tmp_path: Path) -> None:
    def start() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SHOWN],
            capture_output=True,
            text=True,
            cwd=root,
            check=True,
            env=os.environ | {"BINN_CACHE": str(tmp_path)},
        )
        return done.stdout.split()

    first, second = start(), start()
    assert first == ["True", second[1]]
    assert second[0] == "False"


def test_only_the_demonstration_under_its_own_scheme_is_kept(
    page_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINN_CACHE", str(tmp_path))
    assert Library().open(str(page_file)).kept is None
    demo = Library().open("demo", ("demo",))
    assert demo.kept is not None
    asked: list[str] = []
    monkeypatch.setattr(Kept, "load", lambda _self, source, _bedrock: asked.append(source))
    monkeypatch.setattr(Opened, "solved", lambda _self, parameters, *_: parameters)
    monkeypatch.setattr(Kept, "keep", lambda _self, source, _found: asked.append(f"keep {source}"))
    demo.estimate("published", "truth")
    demo.estimate("conserving", "truth", "cell")
    assert asked == []
    found = demo.estimate("conserving", "truth")
    assert asked == ["truth", "keep truth"]
    assert np.isfinite(found).all()


def test_what_is_installed_keeps_nothing_beside_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kept_module, "__file__", str(tmp_path / "site-packages" / "dashboard" / "state" / "kept.py")
    )
    monkeypatch.delenv("BINN_CACHE", raising=False)
    assert Kept.here() is None
    monkeypatch.setenv("BINN_CACHE", str(tmp_path))
    here = Kept.here()
    assert here is not None
    assert here._folder == tmp_path / "solutions"


def test_without_the_demonstration_nothing_is_solved_ahead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise InputError("the embedded demonstration is missing")

    monkeypatch.setattr(Library, "open", missing)
    warm.main()
    assert capsys.readouterr().err == (
        "the demonstration is not solved ahead: the embedded demonstration is missing\n"
    )
