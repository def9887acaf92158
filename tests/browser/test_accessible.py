"""For those who cannot see the page, or not well, or hold it in one hand."""

from __future__ import annotations

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from on_screen import placed

from dashboard.state.link import TABS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GRAVE = ("serious", "critical")
DRAWN = {
    "explore": "profile",
    "what-if": "what-if-profile",
    "traceability": "traceability-biomes",
    "evaluation": "evaluation-depth",
}
"""A source of each tab that is filled once its numbers are there."""
FIGURES_OF = {"explore": 3, "traceability": 2, "binn-vs-proda": 24, "what-if": 3, "evaluation": 8}
"""Figures that a tab of the demonstration has; those that are not named have none."""
_EVERY = """
  const every = function* (root) {
    for (const one of root.querySelectorAll("*")) {
      yield one
      if (one.shadowRoot) yield* every(one.shadowRoot)
    }
  }
"""
FIGURES = f"""() => {{ {_EVERY}
  const shown = [...every(document)].filter(one => one.matches(".bk-Figure"))
  return shown.map(one => [one.getAttribute("role"), one.getAttribute("aria-label")])
}}"""
FOCUSED = """() => {
  let one = document.activeElement
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
  const label = one.id && one.getRootNode().querySelector(`label[for="${CSS.escape(one.id)}"]`)
  return one.getAttribute("aria-label") || label?.innerText || one.innerText || one.tagName
}"""
STOP = """() => {
  let one = document.activeElement
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
  if (one === document.body) return null
  window.reached = (window.reached ?? new Set()).add(one)
  const {outlineStyle, outlineWidth, visibility} = getComputedStyle(one)
  const lined = outlineStyle != "none" && parseFloat(outlineWidth) > 0
  const marked = [one, one.parentElement].some(it => /focus/i.test(it?.className ?? ""))
  const name = one.getAttribute("aria-label") || one.innerText || one.tagName
  return [name.slice(0, 60), lined || marked, visibility]
}"""
"""What the last Tab went to: its name, whether one sees that it is there, and its visibility."""
PASSED_OVER = f"""() => {{ {_EVERY}
  const usable = "button, input, textarea, a[href], [role=combobox], [tabindex='0']"
  const missed = []
  for (const one of every(document)) {{
    const offered = one.matches(usable) && !one.disabled && one.tabIndex >= 0
    if (!offered || window.reached.has(one)) continue
    const {{width, height}} = one.getBoundingClientRect()
    const hidden = one.closest("[aria-hidden=true], [aria-disabled=true]")
    if (width && height && !hidden && getComputedStyle(one).visibility == "visible")
      missed.push([one.tagName, one.className, one.getAttribute("aria-label") || one.innerText])
  }}
  return missed
}}"""
GROUND = "() => getComputedStyle(document.body).backgroundColor"
OVERFLOW = """() => {
  const wide = document.documentElement.scrollWidth
  return Math.max(wide, document.body.scrollWidth) - window.innerWidth
}"""
BEYOND = f"""() => {{ {_EVERY}
  const said = []
  for (const one of every(document)) {{
    if (!one.matches("button, input, canvas, [role=tab], [role=combobox]")) continue
    const at = one.getBoundingClientRect()
    const inside = one.closest(".wrap, [role=tablist], .MuiTabs-scroller")
    if (at.width && !inside && (at.right > innerWidth + 1 || at.left < -1))
      said.push([one.tagName, one.getAttribute("aria-label"), at.left, at.right])
  }}
  return said
}}"""


def ready(one, tab: str) -> None:  # type: ignore[no-untyped-def]
    """Wait until a tab shows its numbers."""
    one.page.get_by_role("tab", name=TABS[tab], exact=True, selected=True).wait_for()
    if tab in DRAWN:
        filled = """name => {
          const source = Bokeh.documents[0]?.get_model_by_name(name)
          const column = Object.values(source?.data ?? {}).find(one => typeof one[0] == "number")
          return column !== undefined && isFinite(column[0])
        }"""
        one.page.wait_for_function(filled, arg=DRAWN[tab])
    one.page.wait_for_timeout(500)


def grave(one) -> list[str]:  # type: ignore[no-untyped-def]
    """What axe-core finds serious or critical, in words."""
    found = Axe().run(one.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def unfold(one) -> None:  # type: ignore[no-untyped-def]
    """Open everything that is folded away, and what is folded in it."""
    closed = one.page.locator('main h2 button[aria-expanded="false"]').locator("visible=true")
    while closed.count():
        closed.first.press("Enter")
        one.page.wait_for_timeout(300)
    one.page.wait_for_timeout(2000)  # they open slowly, and are filled then


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_serious(demo: str, visit, tab: str) -> None:  # type: ignore[no-untyped-def]
    """With sites selected and all tables open, light and dark."""
    one = visit(f"{demo}?v=1&tab={tab}&theme=light&region=biome:Temperate+Sierras")
    ready(one, tab)
    least = FIGURES_OF.get(tab, 0)
    one.until(lambda: len(one.page.evaluate(FIGURES)) >= least, f"{least} figures")
    if tab == "binn-vs-proda":  # which comes last
        one.page.get_by_role("button", name="Numbers by component and definition").wait_for()
    unfold(one)
    figures = one.page.evaluate(FIGURES)
    assert all(role == "figure" and name for role, name in figures), figures
    names = [name for _, name in figures]
    assert sorted(set(names)) == sorted(names), names
    assert one.page.get_by_role("heading", level=1).all_inner_texts() == ["BINN explorer"]
    assert grave(one) == []
    light = one.page.evaluate(GROUND)
    one.page.get_by_role("button", name="Toggle theme").click()
    one.until(lambda: one.page.evaluate(GROUND) != light, "the dark theme")
    one.page.wait_for_timeout(1500)  # colours fade into each other
    assert grave(one) == []


@pytest.mark.parametrize("tab", ["explore", "evaluation", "what-if"])
def test_every_control_is_reached_and_seen_to_be(demo: str, visit, tab: str) -> None:  # type: ignore[no-untyped-def]
    one = visit(f"{demo}?v=1&tab={tab}&sites=5,6,7")
    ready(one, tab)
    least = FIGURES_OF[tab]
    one.until(lambda: len(one.page.evaluate(FIGURES)) >= least, f"{least} figures")
    one.page.wait_for_timeout(1000)
    stops = []
    while len(stops) < 250:
        one.page.keyboard.press("Tab")
        stop = one.page.evaluate(STOP)
        if stop is None:
            break
        stops.append(stop)
    assert len(stops) > 30
    assert [stop for stop in stops if not stop[1] or stop[2] != "visible"] == []
    assert one.page.evaluate(PASSED_OVER) == []
    tools = {"explore": 7, "evaluation": 14, "what-if": 7}[tab]
    said = {"Pan", "Lasso Select", "Box Select", "Wheel Zoom", "Whole figure", "Save", "More tools"}
    assert sum(name in said for name, *_ in stops) >= tools - 2


def test_the_map_is_read_as_a_table(demo: str, visit) -> None:  # type: ignore[no-untyped-def]
    """By keyboard alone: choose sites by id, open the table, read it; it follows the selection."""
    one = visit(demo)
    one.settled()
    box = one.page.get_by_label("Find profile id")
    box.fill("#3, #8")
    box.press("Enter")
    one.page.get_by_text("2 sites selected", exact=True).first.wait_for()
    fold = one.page.get_by_role("button", name="Numbers of the map")
    tables = one.page.get_by_role("table")
    assert tables.count() == 0
    fold.press("Enter")
    listed = one.page.get_by_role("table", name="at the selected sites")
    listed.wait_for()
    values = one.data("sites")["value"]
    for site in (3, 8):
        row = listed.get_by_role("row").filter(has_text=f"(#{site})")
        told = row.get_by_role("cell").last.inner_text()
        assert float(told) == pytest.approx(values[site], rel=5e-3)
    box.fill("#21")
    box.press("Enter")
    listed.get_by_role("row").filter(has_text="(#21)").wait_for()
    assert listed.get_by_role("row").count() == 2
    fold.press("Enter")
    one.until(lambda: tables.count() == 0, "a folded table not to be read")


def test_the_keyboard_goes_through_the_page_as_one_reads_it(demo: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(f"{demo}?v=1&tab=methods")
    ready(one, "methods")
    stops: list[str] = []
    while len(stops) < 60 and stops.count("Close drawer") < 2:  # round once
        one.page.keyboard.press("Tab")
        stops.append(str(one.page.evaluate(FOCUSED)).strip())
    del stops[-1]
    order = ["Close drawer", "Copy link", "Export", "Toggle theme", "Find profile id", "Methods"]
    order.append("Show both biomes")
    assert [name for name in stops if name in order] == order, stops


def test_on_a_phone_every_tab_fits(demo: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(demo, 390, 844)
    one.settled()
    left, _, right, _ = placed(one.page, np.zeros(1), np.zeros(1)).frame
    assert 0 <= left < right <= 390
    assert right - left >= 330
    offered = one.page.get_by_role("tab").all_inner_texts()
    assert offered == list(TABS.values())
    for tab, title in TABS.items():
        one.page.get_by_role("tab", name=title, exact=True).click()
        ready(one, tab)
        assert one.page.evaluate(OVERFLOW) <= 0, tab
        assert one.page.evaluate(BEYOND) == [], tab
