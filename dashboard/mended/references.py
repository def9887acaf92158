"""Which models a page holds, found in a quarter of the time.

Whenever something is put into a page, Bokeh goes through all properties of all models there to see
which ones belong to it, and works out the default of each property that nobody has set: with all
tabs open a fifth of a second, for which every visitor waits. But a default that holds a model is
kept by its owner once it has been asked for; all the others are never looked at again here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakSet

from bokeh.core.has_props import HasProps
from bokeh.model import Model, util

__all__ = ["look_only_where_models_can_be"]

_every = util.visit_immediate_value_references
_known: WeakSet[Model] = WeakSet()
"""Models whose defaults have all been asked for."""


def look_only_where_models_can_be() -> None:
    """Have Bokeh find references this way; once more: nothing happens."""
    util.visit_immediate_value_references = _visit


@cache
def _names(kind: type[HasProps]) -> tuple[str, ...]:
    return tuple(kind.properties_with_refs())


def _visit(value: Any, visitor: Callable[[Model], None]) -> None:
    if not isinstance(value, Model):
        _every(value, visitor)
        return
    if value not in _known:
        _every(value, visitor)
        _known.add(value)
        return
    held = (value._property_values, value._unstable_default_values, value._unstable_themed_values)
    for name in _names(type(value)):
        for values in held:
            if name in values:
                util.visit_value_and_its_immediate_references(values[name], visitor)
                break
