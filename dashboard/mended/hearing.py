"""What changes while the browser is still building the view of it is drawn as well.

A view reads its model when it is built and follows it from `connect_signals` on. In between it
waits for its neighbours, whose code may have to be loaded first: some hundred milliseconds on a
busy machine, in which a message from the server changes the model and nobody is told. So a part of
a page that is put into a container which is itself just being put there would never be seen.
"""

__all__ = ["HEAR_ALL_CHANGES"]

HEAR_ALL_CHANGES = """
{
  const plot = Bokeh.Models.get("Plot").prototype
  const owner = (kind, method) => { // of all classes with that method, the one that brings it in
    let found = kind
    for (let one = kind; one; one = Object.getPrototypeOf(one))
      if (Object.hasOwn(one, method)) found = one
    return found
  }
  const models = owner(plot, "setv"), views = owner(plot.default_view.prototype, "connect_signals")
  const layouts = owner(plot.default_view.prototype, "build_child_views")

  const missed = new Map() // what has changed of a model, for each of its views that is being built
  const followed = view => [view.model, view.model.data].filter(one => models.isPrototypeOf(one))
  const set = models._setv
  models._setv = function(...changes) {
    const changed = set.apply(this, changes)
    for (const unheard of missed.get(this)?.values() ?? [])
      for (const property of changed) unheard.add(property)
    return changed
  }
  const initialize = views.initialize, connect = views.connect_signals
  views.initialize = function() {
    for (const model of followed(this)) {
      if (!missed.has(model)) missed.set(model, new Map())
      missed.get(model).set(this, new Set())
    }
    initialize.call(this)
  }
  views.connect_signals = function() {
    connect.call(this)
    for (const model of followed(this)) {
      const unheard = missed.get(model)?.get(this) ?? []
      missed.get(model)?.delete(this)
      if (missed.get(model)?.size === 0) missed.delete(model)
      queueMicrotask(() => { // when all of its classes listen
        for (const property of unheard) property.change.emit()
      })
    }
  }

  // a widget's React hooks read a value when it is drawn and follow it from a later task on
  const esm = owner(Bokeh.Models.get("panel.models.esm.ReactComponent").prototype, "watch")
  const watch = esm.watch
  esm.watch = function(view, property, hear, by_hook) {
    watch.call(this, view, property, hear, by_hook)
    if (by_hook && ![...this.events, ...this.children].includes(property)) hear()
  }

  // one after the other: what is being built is not begun again by the next change
  const build = layouts.build_child_views
  layouts.build_child_views = function() {
    const built = (this._built ?? Promise.resolve()).then(() => build.call(this))
    this._built = built.catch(() => {})
    return built
  }
}
"""
"""Script for a page that has loaded Bokeh, before anything is drawn."""
