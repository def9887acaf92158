"""What is done before a page is sent: nothing that takes seconds to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from binn.errors import InputError
from dashboard.state.library import Library

BUILT = """
import sys
import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc
pn.extension()
import dashboard.shell as shell
import dashboard.visit as visit
from dashboard.settings import settings
from dashboard.state.work import Lane

class Never(Lane):
    def request(self, *_):
        pass

visit.lane = lambda _: Never()
with set_curdoc(Document()):
    page = shell.page(settings([], {}))
    page.server_doc(pn.state.curdoc)
assert page.main, "no page"
print(*(one for one in ("torch", "numba", "matplotlib") if one in sys.modules))
"""


def test_the_first_page_of_the_demonstration_needs_no_torch(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILT], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.split() == []


def test_the_shipped_checkpoint_says_what_it_is_before_its_weights_are_read() -> None:
    later = Library().open("demo", ("demo",))
    assert later.bedrock == later.models[0].bedrock
    assert later.has_folds
    assert len(later.load_folds()) == 10


@pytest.mark.parametrize("data", ["demo", "file"])
def test_a_device_that_is_not_there_is_told_at_once(data: str, page_file: Path) -> None:
    name = data if data == "demo" else str(page_file)
    with pytest.raises(InputError, match="the device 'gpu7' cannot be used here"):
        Library("gpu7").open(name, ())


def test_another_device_goes_the_same_way(page_file: Path) -> None:
    """No GPU here: the CPU by another name."""
    usual, numbered = (Library(device).open(str(page_file)) for device in ("cpu", "cpu:0"))
    assert numbered.device == "cpu:0"
    for scheme in ("conserving", "published"):
        ours, theirs = numbered.estimate(scheme), usual.estimate(scheme)
        assert ours.soc.tobytes() == theirs.soc.tobytes()
        assert ours.soc_observed_depths.tobytes() == theirs.soc_observed_depths.tobytes()
