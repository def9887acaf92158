"""What changes while its view is being built is seen, on the page as it is served."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

TOOLS = """
  const doc = Bokeh.documents[0]
  const sleep = time => new Promise(done => setTimeout(done, time))
  const Column = Bokeh.Models.get("panel.models.layout.Column")
  const Div = Bokeh.Models.get("Div")
  const seen = one => Bokeh.index.find_one_by_id(one.id)?.el.isConnected
  const all = () => [...doc._all_models.values()]
  const place = all().find(one => one.type == "panel.models.layout.Column" && seen(one))
  let built = 0
  const word = text => new Div({text})
  const slow = text => { // one whose view takes its time
    const made = word(text), kind = made.default_view
    made.default_view = class extends kind {
      async lazy_initialize() {
        built += 1
        await super.lazy_initialize()
        await sleep(100)
      }
    }
    return made
  }
  const shown = text => all().filter(one => one.text == text && seen(one)).length
"""
FILLED = (
    """async () => {"""
    + TOOLS
    + """
  const container = new Column({children: [slow("first")]})
  place.children = [...place.children, container]
  await sleep(20)
  container.children = [...container.children, word("second")]
  await sleep(400)
  return [shown("first"), shown("second")]
}"""
)
FAST = (
    """async () => {"""
    + TOOLS
    + """
  const container = new Column({children: []})
  place.children = [...place.children, container]
  await sleep(100)
  const one = slow("one")
  container.children = [one]
  await sleep(20)
  container.children = [one, word("two")]
  await sleep(400)
  return [built, shown("one"), shown("two")]
}"""
)

MOVE_AS_DRAWN = """() => { // each slider's value, in the microtask after React has first read it
  let kind = Bokeh.Models.get("Plot").prototype
  while (!Object.hasOwn(kind, "attributes")) kind = Object.getPrototypeOf(kind)
  const read = Object.getOwnPropertyDescriptor(kind, "attributes").get
  window.moved = new Set()
  Object.defineProperty(kind, "attributes", {configurable: true, get() {
    const {start, end, step, value} = this.properties
    const drawn = start && end && step && value && /react_getter/.test(new Error().stack)
    if (drawn && !moved.has(this)) {
      moved.add(this)
      queueMicrotask(() => this.setv({value: end.get_value()}, {sync: false}))
    }
    return read.call(this)
  }})
}"""
AT_THE_END = """() => {
  const known = new Map([...Bokeh.documents[0]._all_models.values()].map(one => [one.data, one]))
  return [...moved].every(data => {
    const view = Bokeh.index.find_one_by_id(known.get(data).id)
    const thumb = view.container.querySelector("input[type=range]")
    return Number(thumb.value) > data.end - data.step
  })
}"""


def test_a_container_that_is_filled_while_it_is_built(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    assert one.page.evaluate(FILLED) == [1, 1]


def test_what_is_being_built_is_not_begun_again(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    assert one.page.evaluate(FAST) == [1, 1, 1]


def test_a_slider_that_is_moved_while_it_is_drawn(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    one.page.evaluate(MOVE_AS_DRAWN)
    one.page.get_by_role("tab", name="What if", exact=True).click()
    one.page.get_by_label("tau4s3").first.wait_for()
    one.until(lambda: one.page.evaluate("() => moved.size") > 20, "all sliders")
    one.until(lambda: one.page.evaluate(AT_THE_END), "their thumbs to follow", 10)
