"""Figures are painted again when something of theirs has changed, not whenever the page has.

Bokeh lays out the whole page anew for whatever is put into it, and has every figure on the screen
painted again for that: about 0.2 s for the map of 25,925 sites, each time. What a figure needs that
for is known in the browser: its size, or a change of its own.
"""

__all__ = ["PAINT_WHAT_CHANGED"]

PAINT_WHAT_CHANGED = """
{
  const plot = Bokeh.Models.get("Plot").prototype.default_view.prototype
  const update = plot._update_layout, invalidate = plot.invalidate_layout
  plot.invalidate_layout = function() { // by the figure itself: it has something new to show
    this._paint_anyway = true
    invalidate.call(this)
  }
  plot._update_layout = function() {
    const before = [this._needs_paint, this._invalidate_all]
    update.call(this)
    if (this._render_count > 0 && !this._paint_anyway)
      [this._needs_paint, this._invalidate_all] = before
    this._paint_anyway = false
  }
}
"""
"""Script for a page that has loaded Bokeh, before anything is drawn.

A figure whose size has changed finds that out itself, after the layout.
"""
