"""The map shows what is chosen, in whatever order its parts come."""

from __future__ import annotations

import numpy as np

from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.map import FieldMap


def test_the_grid_whose_values_are_there_already(opened: Opened) -> None:
    """As after a look at another tab that draws cells: the values come before the shapes."""
    state = PageState(opened)
    state.results.start()
    view = FieldMap(state)
    state.results.want(("binn", "cell"))
    state.field.on = "cell"
    drawn = view._cells.data
    assert np.array_equal(drawn["value"], state.results.mapped.values.astype(np.float32))
    assert len(drawn["x"]) == opened.dataset.sizes["cell"]
    assert view._grid.visible
    assert not view._points.visible
    state.field.on = "site"
    assert view._points.visible
    assert len(view._source.data["value"]) == opened.count
