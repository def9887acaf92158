"""Links: what is written is what is read, and nonsense is named, not obeyed."""

from __future__ import annotations

from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binn.parameters import KEYS, PARAMETERS, index
from dashboard.state.field import FIELDS
from dashboard.state.lessons import lessons
from dashboard.state.link import TABS, read_link, write_link
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.evaluation import Evaluation
from dashboard.views.profile import DepthProfile
from dashboard.views.traceability import Traceability
from dashboard.views.way import WayThere

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


def described(state: PageState) -> dict[str, object]:
    """Everything that a link must bring back."""
    field, scenario = state.field, state.scenario
    return {
        "field": {
            name: getattr(field, name)
            for name in ("key", "source", "on", "definition", "depth", "reach")
        },
        "limits": field.limits if field.reach == "fixed" else None,
        "sites": state.selection.sites.tolist(),
        "changes": scenario.changes,
        "climate": scenario.climate,
        "scope": scenario.scope,
        "show": scenario.show,
        "bedrock": state.session.bedrock,
        "dark": state.session.dark,
        "look": {
            name: value for name, value in state.look.param.values().items() if name != "name"
        },
    }


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_link_brings_everything_back(opened: Opened, data: st.DataObject) -> None:
    draw = data.draw
    state = PageState(opened)
    field, scenario = state.field, state.scenario
    field.key = draw(st.sampled_from(sorted(FIELDS)))
    field.on = draw(st.sampled_from(["site", "cell"]))
    field.definition = draw(st.sampled_from(["stock", "published"]))
    top = draw(st.floats(0, 8))
    field.depth = (top, draw(st.floats(top, 8.6).filter(lambda end: end > top)))
    field.reach = draw(st.sampled_from(["2-98 %", "min-max", "fixed"]))
    low = draw(st.floats(-1e6, 1e6))
    field.limits = (low, low + draw(st.floats(1, 1e6)))
    state.selection.choose(draw(st.lists(st.integers(0, 44), unique=True)))
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
        parameter = PARAMETERS[index(key)]
        scenario.set(key, draw(st.floats(parameter.lower, parameter.upper)))
    scenario.warming = draw(st.floats(-5, 10))
    scenario.npp, scenario.moisture = draw(st.floats(0, 3)), draw(st.floats(0, 3))
    scenario.scope = draw(st.sampled_from(["selection", "all"]))
    scenario.show = draw(st.sampled_from(["difference", "absolute"]))
    state.session.bedrock = draw(st.sampled_from(["conserving", "published"]))
    state.session.dark = draw(st.booleans())
    look, choices = state.look, state.look.param
    for name in ("traceability_scale", "profile_parts", "profile_scale", "profile_depth"):
        look.param.update(**{name: draw(st.sampled_from(choices[name].objects))})
    look.evaluated = draw(st.sampled_from(choices.evaluated.objects))
    look.years = draw(st.sampled_from(choices.years.objects))
    look.above, look.way_open = draw(st.booleans()), draw(st.booleans())
    tab = draw(st.sampled_from(sorted(TABS)))
    again = PageState(opened)
    query = dict(parse_qsl(write_link(state, tab, "demo", "none")))
    assert read_link(again, query) == (tab, [])
    assert described(again) == described(state)


def test_what_is_at_its_default_is_not_in_the_link(opened: Opened) -> None:
    state = PageState(opened)
    assert set(parse_qsl(write_link(state))) == {
        ("v", "1"), ("tab", "explore"), ("bedrock", state.session.bedrock)
    }  # fmt: skip
    state.look.profile_depth = "8.6 m"
    assert ("down-to", "8.6 m") in parse_qsl(write_link(state))


def test_views_show_what_a_link_says_and_links_what_views_show(opened: Opened) -> None:
    """Each view takes its settings from the state, whenever it is built, and tells of changes."""
    state = PageState(opened)
    query = {"axes": "Log", "lines": "Pools", "soc-axis": "Log", "down-to": "8.6 m", "above": "yes"}
    query |= {"years": "50", "way": "yes", "part": "selection"}
    assert read_link(state, query) == ("explore", [])
    state.results.start()
    profile, twin = DepthProfile(state), DepthProfile(state, tag="what-if-")
    traced, evaluated, way = Traceability(state), Evaluation(state), WayThere(state)
    assert (profile.parts, profile.scale, profile.reach) == ("Pools", "Log", "8.6 m")
    assert (traced.scale, evaluated.part, evaluated.above) == ("Log", "selection", True)
    state.selection.choose([7])
    state.scenario.warming = 2.0
    assert way.source.data["year"][-1] == 50
    profile.reach, traced.scale, evaluated.above = "1 m", "Linear", False
    assert twin.reach == "1 m"
    state.look.years = 200
    assert way.source.data["year"][-1] == 200
    said = dict(parse_qsl(write_link(state)))
    assert said["down-to"] == "1 m"
    assert {"axes", "above", "years"}.isdisjoint(said)


def test_many_sites_and_regions(opened: Opened) -> None:
    state, again = PageState(opened), PageState(opened)
    state.selection.choose_region("biome", "Invented forest")
    query = dict(parse_qsl(write_link(state)))
    assert query["region"] == "biome:Invented forest"
    read_link(again, query)
    np.testing.assert_array_equal(again.selection.sites, state.selection.sites)
    assert again.selection.how == "Invented forest"


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "<b>soc"}, {"depth": "nan,1"}, {"depth": "2,1"}, {"depth": "0,99"},
        {"limits": "inf,2"}, {"sites": "1,2,99999"}, {"sites": "x"}, {"packed": "!!!!"},
        {"packed": "eJwDAAAAAAE"}, {"region": "biome:Nowhere"}, {"region": "planet"},
        {"parameters": "q10:99"}, {"parameters": "q10:nan"}, {"parameters": "what:1"},
        {"warming": "1e9"}, {"warming": "nan"}, {"scope": "world"}, {"tab": "Explore"},
        {"bedrock": "granite"}, {"from": "truth"}, {"from": "spread"}, {"v": "99"},
        {"axes": "Polar"}, {"lines": "All"}, {"soc-axis": "log"}, {"down-to": "9 m"},
        {"row": "soc"}, {"row": "carbon_input"}, {"part": "some"}, {"scored": "proda"},
        {"scored": "you"}, {"above": "1"}, {"years": "7"}, {"years": "x"}, {"way": "maybe"},
        {"theme": "neon"}, {"soil": "yes"}, {"n": "7", "sites": "1"},
    ],
)  # fmt: skip
def test_nonsense_is_named_and_changes_nothing(opened: Opened, wrong: dict[str, str]) -> None:
    state = PageState(opened)
    before = described(state)
    tab, notices = read_link(state, wrong)
    assert tab == "explore"
    assert len(notices) == 1
    assert notices[0].endswith((".", "used."))
    assert described(state) == before


def test_lessons_open_what_they_promise(opened: Opened) -> None:
    for lesson in lessons(opened, "demo", "none"):
        for _, query in lesson.links:
            state = PageState(opened)
            _, notices = read_link(state, dict(parse_qsl(query)))
            assert notices == []
            if "bedrock" in lesson.title:
                assert len(state.selection) > 0
                assert state.field.depth == (0.0, 8.6)
                assert state.look.profile_depth == "8.6 m"
            if "Warm" in lesson.title:
                assert (state.scenario.warming, state.scenario.scope) == (2.0, "all")
