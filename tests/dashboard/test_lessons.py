"""Lessons: their sentences hold the numbers of the views that they open."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import numpy as np
import pytest

from binn.clm5 import stock
from dashboard.state.lessons import Lesson, lessons
from dashboard.state.link import read_link
from dashboard.state.page_state import PageState
from dashboard.views.methods import Methods
from dashboard.views.traceability import Traceability


@pytest.fixture(scope="module")
def demo() -> PageState:
    return PageState.open("demo", "demo")


@pytest.fixture(scope="module")
def told(demo: PageState) -> dict[str, Lesson]:
    return {lesson.title: lesson for lesson in lessons(demo.opened, "demo", "demo")}


def opened_by(demo: PageState, query: str) -> PageState:
    state = PageState(demo.opened)
    assert read_link(state, dict(parse_qsl(query)))[1] == []
    state.results.start()
    return state


def test_equal_storage_tells_the_numbers_of_its_table(
    demo: PageState, told: dict[str, Lesson]
) -> None:
    lesson = told["Equal storage from different causes"]
    state = opened_by(demo, lesson.links[0][1])
    view = Traceability(state)
    slow, fast = re.match(r"(.*) and (.*) hold nearly", lesson.words).groups()
    years = re.findall(r"stays ([\d.,]+)\xa0yr", lesson.words)
    for name, time in zip((slow, fast), years, strict=True):
        row = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', view._table.object)[1]
        assert re.findall(r"<td>(.*?)</td>", row)[3] == time
        assert f"{name}, " in view._words.object
    chosen = view.sites.data["chosen"]
    biome = demo.opened.dataset["biome"].to_numpy().astype(str)
    shades = [set(chosen[biome == name].tolist()) for name in (slow, fast)]
    assert all(len(shade) == 1 for shade in shades)
    assert shades[0] != shades[1]
    assert not chosen[~np.isin(biome, [slow, fast])].any()
    assert view.selection.data["name"] == ["Selection", *sorted((slow, fast))]


def test_the_bedrock_lesson_selects_where_the_scheme_matters(
    demo: PageState, told: dict[str, Lesson]
) -> None:
    lesson = told["What the bedrock scheme does"]
    stocks = []
    for _, query in lesson.links:
        state = opened_by(demo, query)
        stocks.append(stock(state.results.estimate.soc, 0, 8.6).numpy())
    sites = state.selection.sites
    change = np.abs(stocks[1] / stocks[0] - 1)
    assert change[sites].min() >= np.sort(change)[-len(sites)]
    assert f"{(change > 0.01).sum():,} of {len(change):,} sites" in lesson.words
    assert f"the {len(sites):,} sites" in lesson.words
    assert np.median(change[sites]) > 0.02


def test_methods_asks_nothing_of_the_world(demo: PageState) -> None:
    """Every address is one that people click; equations are set by the browser."""
    view = Methods(demo)
    page = view.lessons.object + view.rest.object
    assert page.count("<math") > 12
    assert "<mo>&lt;</mo>" in page
    assert "<script" not in page
    assert not re.search(r"(src|url)\s*[=(]", page)
    for address in re.findall(r'https://[^"<\s]+', page):
        assert address.startswith(
            ("https://arxiv.org/abs/2502.00672", "https://doi.org/10.", "https://github.com/")
        )
