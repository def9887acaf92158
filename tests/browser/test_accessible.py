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
}
"""A source of each tab that is filled once its numbers are there."""
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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["explore", "traceability", "what-if", "methods"])
def test_axe_finds_nothing_serious(demo: str, visit, tab: str, theme: str) -> None:  # type: ignore[no-untyped-def]
    one = visit(f"{demo}?v=1&tab={tab}&theme={theme}")
    ready(one, tab)
    least = {"explore": 3, "traceability": 2, "what-if": 3, "methods": 0}[tab]
    one.until(lambda: len(one.page.evaluate(FIGURES)) >= least, f"{least} figures")
    figures = one.page.evaluate(FIGURES)
    assert all(role == "figure" and name for role, name in figures), figures
    assert one.page.get_by_role("heading", level=1).all_inner_texts() == ["BINN explorer"]
    assert grave(one) == []


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
