"""The list of runs: a table whose rows can be ticked, and that is mended in place as runs go on.

Rows are put into the page as text, never as markup. A tick in one row looks at that run; ticks in
several compare them.
"""

from __future__ import annotations

from typing import Any

import panel as pn
import param

__all__ = ["RunTable"]

_CODE = """
const COLUMNS = ["Run", "State", "Progress", "Left", "NSE", "Dataset", "Preset", "Started (UTC)"]

function cell(row, kind, text, role) {
  const one = document.createElement(kind)
  one.textContent = text
  one.setAttribute("role", role) // it stays a table for those who listen, however it is laid out
  row.append(one)
  return one
}

function build(id, model) {
  const row = document.createElement("tr")
  row.setAttribute("role", "row")
  const first = cell(row, "th", "", "rowheader")
  first.scope = "row"
  const label = document.createElement("label")
  const tick = document.createElement("input")
  tick.type = "checkbox"
  tick.setAttribute("aria-label", `Look at run ${id}`)
  const name = document.createElement("span")
  name.textContent = id
  const mark = document.createElement("small")
  label.append(tick, name, mark)
  first.append(label)
  const cells = COLUMNS.slice(1).map(name => {
    const one = cell(row, "td", "", "cell")
    one.dataset.name = name
    return one
  })
  const bar = document.createElement("div")
  bar.className = "bar"
  bar.setAttribute("role", "progressbar")
  bar.setAttribute("aria-label", `Progress of run ${id}`)
  const part = document.createElement("div")
  bar.append(part)
  const epochs = document.createElement("span")
  cells[1].append(bar, epochs)
  const alone = () => { model.chosen = [id] }
  tick.addEventListener("change", () => {
    const others = model.chosen.filter(one => one !== id)
    model.chosen = tick.checked ? [...others, id] : others
  })
  row.addEventListener("click", event => {
    if (!label.contains(event.target)) alone()
  })
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text }
  return {row, tick, show(run) {
    row.dataset.run = id
    row.dataset.state = run.state
    put(mark, run.promoted ? " in use by the page" : "")
    put(cells[0], run.state)
    const percent = Math.round(100 * run.progress)
    bar.setAttribute("aria-valuenow", percent)
    part.style.width = `${percent}%`
    put(epochs, run.epochs)
    put(cells[2], run.left)
    put(cells[3], run.score)
    put(cells[4], run.dataset)
    put(cells[5], run.sites === "all" ? run.preset : `${run.preset}, ${run.sites}`)
    put(cells[6], run.started)
  }}
}

export function render({ model, el }) {
  const known = new Map()
  const wrap = document.createElement("div")
  wrap.className = "wrap"
  wrap.tabIndex = 0
  wrap.setAttribute("role", "group")
  wrap.setAttribute("aria-label", "Trainings on this machine, newest first")
  const table = document.createElement("table")
  table.setAttribute("role", "table")
  const head = document.createElement("tr")
  head.setAttribute("role", "row")
  COLUMNS.forEach(name => { cell(head, "th", name, "columnheader").scope = "col" })
  const top = document.createElement("thead")
  top.setAttribute("role", "rowgroup")
  top.append(head)
  const body = document.createElement("tbody")
  body.setAttribute("role", "rowgroup")
  table.append(top, body)
  wrap.append(table)
  el.append(wrap)
  const tick = () => {
    for (const [id, one] of known) {
      one.tick.checked = model.chosen.includes(id)
      one.row.classList.toggle("chosen", one.tick.checked)
    }
  }
  const draw = () => {
    wrap.hidden = !model.rows.length
    const ids = new Set(model.rows.map(run => run.id))
    for (const [id, one] of known) if (!ids.has(id)) { one.row.remove(); known.delete(id) }
    model.rows.forEach((run, place) => {
      if (!known.has(run.id)) known.set(run.id, build(run.id, model))
      const one = known.get(run.id)
      one.show(run)
      if (body.children[place] !== one.row) body.insertBefore(one.row, body.children[place] ?? null)
    })
    tick()
  }
  model.on("rows", draw)
  model.on("chosen", tick)
  draw()
}
"""

_STYLE = """
.wrap { max-height: 264px; overflow: auto; outline-offset: 2px; container-type: inline-size }
table { border-collapse: collapse; width: 100%; font-size: 0.82rem;
  font-variant-numeric: tabular-nums }
th, td { padding: 3px 12px 3px 0; text-align: left; white-space: nowrap; font-weight: 400 }
thead th { position: sticky; top: 0; font-weight: 600; z-index: 1;
  background: var(--mui-palette-background-paper, var(--background-color, Canvas)) }
tbody tr { border-top: 1px solid rgba(128, 128, 128, 0.25); cursor: pointer }
tbody tr.chosen { background: rgba(86, 180, 233, 0.16) }
tbody tr:hover { background: rgba(128, 128, 128, 0.14) }
label { cursor: pointer; display: inline-flex; align-items: center; gap: 6px }
small { opacity: 0.75 }
.bar { display: inline-block; width: 64px; height: 8px; margin-right: 8px; border-radius: 4px;
  overflow: hidden; vertical-align: middle; background: rgba(128, 128, 128, 0.3) }
.bar div { height: 100%; background: #2e86a8 }
[data-state=failed] .bar div, [data-state=lost] .bar div { background: #d55e00 }
[data-state=cancelled] .bar div { background: #8a8a8a }
[data-state=failed] td:nth-child(2), [data-state=lost] td:nth-child(2) { font-weight: 600 }
/* too narrow for eight columns: each run on lines of its own, with the names beside the values */
@container (max-width: 920px) {
  table, tbody { display: block }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  tbody tr { display: flex; flex-wrap: wrap; column-gap: 16px; padding: 3px 0 }
  th, td { padding: 1px 0 }
  th[scope=row] { flex: 1 1 100% }
  td { white-space: normal }
  td:empty { display: none }
  td:nth-child(n + 4)::before { content: attr(data-name) " "; opacity: 0.75 }
}
"""


class RunTable(pn.custom.JSComponent):
    """A table of runs with a checkbox in each row."""

    rows: list[dict[str, Any]] = param.List(default=[], doc="One dict a run, of `row_of`.")
    chosen: list[str] = param.List(default=[], doc="Ids of the ticked runs, in that order.")

    _esm = _CODE
    _stylesheets = [_STYLE]  # noqa: RUF012  (the library's own way)
