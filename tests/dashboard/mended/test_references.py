"""Looking only where models can be finds the same models as looking everywhere."""

from __future__ import annotations

import pytest
from bokeh.document import Document
from bokeh.model import Model, util
from bokeh.models import Column, ColumnDataSource, CustomJS, Div, HoverTool, Range1d, Title
from bokeh.plotting import figure
from bokeh.themes import Theme

from dashboard.explorer import Explorer
from dashboard.mended.references import _every, look_only_where_models_can_be
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "visit_immediate_value_references", _every)
    look_only_where_models_can_be()


def found(root: Model) -> set[str]:
    return {model.id for model in root.references()}


def same(root: Model) -> set[str]:
    """What is found, the first time and again, and by looking everywhere."""
    first, again = found(root), found(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util, "visit_immediate_value_references", _every)
        everywhere = found(root)
    assert first == again == everywhere
    return first


def test_a_page_with_all_its_tabs(opened: Opened) -> None:
    explorer = Explorer(PageState(opened))
    explorer.start()
    root = explorer.main.get_root()
    sizes = [len(same(root))]
    for number in range(1, len(explorer.main)):
        explorer.main.active = number
        sizes.append(len(same(root)))
    assert sizes == sorted(set(sizes))  # each tab has put something in


def test_models_that_come_and_go() -> None:
    fig = figure()
    points = fig.scatter("x", "y", source=ColumnDataSource({"x": [1], "y": [2]}))
    root = Column(fig)
    before = same(root)
    fig.x_range = Range1d(0, 1)
    fig.add_tools(HoverTool(renderers=[points]))
    fig.title = Title(text="one")
    root.children.append(Div(text="two"))
    points.js_on_change("visible", CustomJS(args={"other": Div()}, code=""))
    root.tags = [{"deep": [Div()]}]
    points.glyph.tags = [Div()]
    points.data_source.data = {"x": [3], "y": [4]}
    after = same(root)
    assert len(after - before) >= 8
    assert before - after  # the ranges and the title that were there
    root.children = []
    points.glyph.tags = []
    assert len(same(root)) == 2  # itself, and what its tag holds


def test_a_themed_page() -> None:
    fig = figure()
    fig.line([0, 1], [0, 1])
    document = Document()
    document.add_root(fig)
    same(fig)
    document.theme = Theme(json={"attrs": {"Line": {"line_width": 3}, "Axis": {"axis_label": "x"}}})
    assert {model.id for model in document.models} == same(fig)
