"""What stands in place of the map when nothing can be shown: what went wrong."""

from __future__ import annotations

from panel.pane import HTML

from dashboard.theme import plain

__all__ = ["trouble"]

_FRAME = (
    '<div style="max-width:44rem;margin:8vh auto 2rem;padding:0 1.25rem;line-height:1.55">{}</div>'
)
_COMMAND = (
    '<pre style="margin:0.25rem 0 1.1rem;padding:0.6rem 0.8rem;overflow-x:auto;border-radius:4px;'
    'background:rgba(128,128,128,0.13);font-size:0.82rem" tabindex="0"><code>{}</code></pre>'
)
_HEADING = '<h1 style="font-size:1.35rem;font-weight:600;margin:0 0 0.75rem">{}</h1>'


def trouble(sentence: str) -> HTML:
    """The page when what was asked for cannot be opened: one sentence, and what to do."""
    sentence = sentence[:1].upper() + sentence[1:]
    body = (
        _HEADING.format("This could not be opened")
        + '<p role="alert" style="border-left:3px solid #d55e00;padding-left:0.9rem">'
        f"{plain(sentence)}</p>"
        "<p>Mend it and reload this page; nothing has been changed. What a file holds is shown "
        f"by</p>{_COMMAND.format('binn info FILE')}"
    )
    return HTML(_FRAME.format(body), sizing_mode="stretch_width")
