"""How the page looks: one accent colour, colour-blind safe palettes, quiet figures."""

from __future__ import annotations

import html
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.models import BoxAnnotation, ColorBar, CustomJS, GlyphRenderer

__all__ = [
    "ACCENT",
    "DASHES",
    "OKABE_ITO",
    "UNSEEN_LABEL",
    "Ink",
    "batlow",
    "first_heading",
    "ground",
    "heading",
    "ink",
    "legend",
    "page_style",
    "plain",
    "quiet",
    "text",
    "theme_config",
    "vik",
]

ACCENT = {"light": "#1b5e75", "dark": "#7cc0d4"}
"""The one accent colour, with at least 4.5:1 contrast to the page in either theme."""

OKABE_ITO = {
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "yellow": "#f0e442",
    "blue": "#0072b2",
    "vermillion": "#d55e00",
    "purple": "#cc79a7",
    "grey": "#8a8a8a",
}
"""Okabe and Ito (2008): colours that stay apart for colour-blind readers."""


DASHES = {"train": "dashed", "validation": "solid"}
"""How curves are drawn over the epochs, wherever they are drawn."""

_ON_DARK = {"blue": "#5aa9e0", "vermillion": "#f28e4b", "green": "#3fbf98"}
"""Those of `OKABE_ITO` that are too dark for a dark page."""

_CHOSEN = {
    "light": {"color": "#1d2125", "backgroundColor": "#dde3e8"},
    "dark": {"color": "#f1f3f5", "backgroundColor": "#3d464e"},
}
_CHOSEN_UNDER_HAND = {"light": "#cfd7de", "dark": "#465059"}
"""Chosen buttons of a row: words and ground, and the ground under the pointer or the focus."""

UNSEEN_LABEL = (
    ".MuiFormLabel-root { position: absolute; width: 1px; height: 1px; overflow: hidden; "
    "clip-path: inset(50%); white-space: nowrap }"
)
"""For a widget whose label is only spoken: what it chooses is plain to those who see it."""

_NAME_TOOLS = """
const bar = Bokeh.index.find_one_by_id(toolbar.id)
const tools = bar?.shadow_el.querySelectorAll("[tabindex]") ?? []
for (const one of [...tools, bar?._overflow_el].filter(Boolean)) {
  one.setAttribute("role", "button")
  const said = one.title === "Reset" ? "Whole figure" : one.title // Reset is for what is changed
  one.setAttribute("aria-label", said || "More tools")
}
"""
"""Tools can be reached and pressed by keyboard as they come, but do not say what they are."""

_HEADINGS = {"h3": "div", "h5": "div"}
"""Sizes, not headings: titles inside an accordion's heading, and room for the header's bar."""


_GROUND = "ground"


class Ink(dict[str, str]):
    """Colours of what is drawn, by role: ``text``, ``observed``, ``base``, ``changed``, ...

    Those of :data:`OKABE_ITO` are there by their own names, as they can be seen in the theme.
    """


def ink(dark: bool) -> Ink:
    """Colours by role, with enough contrast in the theme."""
    return Ink(
        **(OKABE_ITO | (_ON_DARK if dark else {})),
        ground="#666666" if dark else "#ffffff",
        border="#a3a9af" if dark else "#b4bcc3",
        unknown="rgba(29,33,37,0.5)" if dark else "rgba(138,138,138,0.35)",
        text="#e4e7ea" if dark else "#1d2125",
        muted="#9aa3ab" if dark else "#68717a",
        bar="#343a40" if dark else "#e8ebee",
        outline="#5a636b" if dark else "#b4bcc3",
        observed="#e4e7ea" if dark else "#1d2125",
        base=OKABE_ITO["sky"] if dark else OKABE_ITO["blue"],
        changed="#f28e4b" if dark else OKABE_ITO["vermillion"],
        proda=OKABE_ITO["orange"] if dark else "#b3760a",
        truth=OKABE_ITO["green"] if not dark else "#3fbf98",
    )


def ground(figure: Any, colours: Ink) -> None:
    """What a map lies on: in the dark a grey that none of the colours of either palette is lost on.

    Dark blue and dark brown, the ends of `vik` and the low end of `batlow`, cannot be told from a
    dark page (contrast 1.1:1); from this grey they can (2.5:1 and more).
    """
    # a shape below all else: the library gives the figure itself the page's colour, in the browser
    floor = figure.select_one({"name": _GROUND})
    if floor is None:
        floor = BoxAnnotation(name=_GROUND, level="image", line_color=None, fill_alpha=1)
        figure.add_layout(floor)
    floor.fill_color = colours["ground"]
    for bar in figure.select(ColorBar):
        bar.bar_line_color = colours["border"]


@cache
def _crameri(name: str) -> tuple[str, ...]:
    """A colour map of Crameri (2018), read as data: importing the package would load matplotlib."""
    spec = find_spec("cmcrameri")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("cmcrameri is missing: install the extra 'app'")
    lines = (Path(spec.origin).parent / "cmaps" / f"{name}.txt").read_text("ascii").split("\n")
    rows = [[round(255 * float(part)) for part in line.split()] for line in lines if line.strip()]
    return tuple("#{:02x}{:02x}{:02x}".format(*row) for row in rows)


def batlow() -> tuple[str, ...]:
    """Sequential palette, 256 colours, perceptually uniform."""
    return _crameri("batlow")


def vik() -> tuple[str, ...]:
    """Diverging palette, 256 colours, for values around zero."""
    return _crameri("vik")


def theme_config() -> dict[str, Any]:
    """Material theme of the page: dense, flat, one accent."""

    def mode(name: str, paper: str, page: str) -> dict[str, Any]:
        faded = ink(name == "dark")["muted"]
        return {
            "palette": {
                "primary": {"main": ACCENT[name]},
                "background": {"default": page, "paper": paper},
            },
            "typography": {"fontSize": 13, "h3": {"fontSize": "1.15rem", "fontWeight": 600}},
            "components": {
                "MuiToolbar": {"defaultProps": {"variant": "dense"}},
                "MuiTabs": {"styleOverrides": {"root": {"minHeight": 40}}},
                "MuiTab": {"styleOverrides": {"root": {"textTransform": "none", "minHeight": 40}}},
                "MuiButton": {"styleOverrides": {"root": {"textTransform": "none"}}},
                "MuiToggleButton": {
                    "styleOverrides": {
                        "root": {
                            "textTransform": "none",
                            "whiteSpace": "nowrap",
                            # as it comes, the contrast is 4.2:1, and less under the pointer
                            "&.MuiButtonBase-root.MuiToggleButton-root.Mui-selected": {
                                **_CHOSEN[name],
                                "&:hover, &.Mui-focusVisible, &:focus": {
                                    "color": _CHOSEN[name]["color"],
                                    "backgroundColor": _CHOSEN_UNDER_HAND[name],
                                },
                            },
                        }
                    }
                },
                # for those who listen: names, headings in order, and hints that are not names
                "MuiLinearProgress": {"defaultProps": {"aria-label": "Progress"}},
                "MuiTypography": {"defaultProps": {"variantMapping": _HEADINGS}},
                "MuiAccordion": {"defaultProps": {"slotProps": {"heading": {"component": "h2"}}}},
                "MuiTooltip": {"defaultProps": {"describeChild": True}},
                # the dialog's cross is drawn for a pale page in either theme
                "MuiDialog": {
                    "styleOverrides": {
                        "paper": {"& .MuiIconButton-root": {"color": ink(name == "dark")["text"]}}
                    }
                },
                # a label is read even where what it names cannot be used
                "MuiFormLabel": {"styleOverrides": {"root": {"&.Mui-disabled": {"color": faded}}}},
            },
        }

    return {
        "light": mode("light", "#ffffff", "#ffffff"),
        "dark": mode("dark", "#15191d", "#15191d"),
    }


def page_style() -> dict[str, Any]:
    """What makes the header quiet: the page's own colour and a hairline instead of a filled bar."""
    return {
        # these two values tell the library not to paint the header's widgets for a filled bar
        ".MuiAppBar-root": {"bgcolor": "primary.contrastText", "color": "primary.main"},
        "& .header.MuiAppBar-root": {
            "backgroundColor": "background.paper",
            "backgroundImage": "none",
            "color": "text.primary",
            "boxShadow": "none",
            "borderBottom": "1px solid",
            "borderColor": "divider",
        },
        "& .header .title": {"color": "text.primary", "whiteSpace": "nowrap"},
        "& .sidebar": {"borderColor": "divider"},
    }


def quiet(figure: Any, spoken: str = "") -> Any:
    """Take away what a figure does not need, and name it for those who cannot see it.

    Colours of axes and text follow the page's theme.

    Parameters
    ----------
    figure : bokeh.plotting.figure
    spoken : str
        What a screen reader calls it; by default its title or its axes.
    """
    figure.html_attributes = {"role": "figure", "aria-label": spoken or _spoken(figure)}
    if figure.toolbar_location is not None and figure.toolbar.tools:
        named = CustomJS(args={"toolbar": figure.toolbar}, code=_NAME_TOOLS)
        figure.js_on_change("inner_width", named)  # laid out, so its buttons are there
    figure.toolbar.logo = None
    figure.outline_line_color = None
    figure.min_border = 4
    for axis in figure.axis:
        axis.minor_tick_line_color = None
        axis.major_tick_in = 0
        axis.major_tick_out = 4
    for renderer in figure.renderers:
        if isinstance(renderer, GlyphRenderer):  # looks that nobody asked for only cost time
            renderer.muted_glyph = None
            if renderer.selection_glyph == "auto":
                renderer.nonselection_glyph = None
    return figure


def _spoken(figure: Any) -> str:
    """What a screen reader says of a figure: its title, else its axes, else what it is called."""
    if figure.title is not None and figure.title.text:
        return str(figure.title.text)
    labels = [str(axis[0].axis_label) for axis in (figure.yaxis, figure.xaxis) if axis]
    if len(labels) == 2 and all(label not in ("", "None") for label in labels):
        return " against ".join(labels)
    called = str(figure.name or "plot").replace("-", " ").replace("_", " ")
    return called[:1].upper() + called[1:]


def text(
    content: str = "", muted: bool = False, size: str = "0.9rem", **params: Any
) -> pn.pane.HTML:
    """A pane of plain text; give it new text through :func:`plain`.

    Text of files and of the command line goes through here and nowhere else, so that none of it is
    ever read as markup.
    """
    styles = {
        "font-size": size,
        "line-height": "1.45",
        "font-variant-numeric": "tabular-nums",
        **({"opacity": "0.72"} if muted else {}),
        **params.pop("styles", {}),
    }
    return pn.pane.HTML(plain(content), styles=styles, **params)


def first_heading(title: str) -> pn.pane.HTML:
    """The page's first heading, for screen readers: the header shows its title without one."""
    unseen = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);margin:0"
    return pn.pane.HTML(f'<h1 style="{unseen}">{plain(title)}</h1>', height=0, margin=0)


def heading(title: str) -> str:
    """A second heading as HTML, in the size of what surrounds it: screen readers step by them."""
    return f'<h2 style="font-size:inherit;font-weight:inherit;margin:0">{plain(title)}</h2>'


def plain(content: str) -> str:
    """Text as HTML that shows exactly this text."""
    return html.escape(content).replace("\n", "<br>")


def legend(entries: list[tuple[str, str, str]]) -> str:
    """Marks with their colours and meanings, as HTML.

    Parameters
    ----------
    entries : list of (mark, colour, meaning)
    """
    items = "".join(
        f'<span style="white-space:nowrap;margin-right:14px">'
        f'<b style="color:{colour}" aria-hidden="true">{plain(mark)}</b> {plain(meaning)}</span> '
        for mark, colour, meaning in entries
    )
    return f'<div style="font-size:0.8rem;line-height:1.5">{items}</div>'
