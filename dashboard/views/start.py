"""What stands in place of the map: how to begin, or what went wrong."""

from __future__ import annotations

from panel.pane import HTML

from dashboard.theme import plain

__all__ = ["beginning", "trouble"]

_FRAME = (
    '<div style="max-width:44rem;margin:8vh auto 2rem;padding:0 1.25rem;line-height:1.55">{}</div>'
)
_COMMAND = (
    '<pre style="margin:0.25rem 0 1.1rem;padding:0.6rem 0.8rem;overflow-x:auto;border-radius:4px;'
    'background:rgba(128,128,128,0.13);font-size:0.82rem" tabindex="0"><code>{}</code></pre>'
)
_HEADING = '<h1 style="font-size:1.35rem;font-weight:600;margin:0 0 0.75rem">{}</h1>'
_STEPS = (
    (
        "Get the soil profiles that the authors of BINN publish with their workshop (New York):",
        "git clone https://github.com/Hardyxu8067/BINN_Demo",
    ),
    (
        "Import them; this checks every row and says which ones it leaves out and why:",
        ".venv/bin/binn import authors-demo BINN_Demo data/new_york.nc",
    ),
    (
        "Open them here; with a trained checkpoint the page shows what BINN retrieved:",
        "make app DATA=data/new_york.nc CHECKPOINT=runs/first/checkpoint",
    ),
)
_TRAIN = ".venv/bin/binn train data/new_york.nc --out runs/first --preset quick"


def beginning() -> HTML:
    """The page without data: what BINN explorer is for, and three commands to begin with."""
    steps = "".join(
        f'<p style="margin:0">{number}. {plain(words)}</p>{_COMMAND.format(plain(command))}'
        for number, (words, command) in enumerate(_STEPS, 1)
    )
    body = (
        _HEADING.format("Soil carbon, and why it is where it is")
        + "<p>BINN learns the parameters of CLM5's soil carbon from measured profiles. Here you "
        "look at them on a map, site by site, and change them. No data has been opened yet:</p>"
        + steps
        + '<p style="margin:0">A checkpoint comes from training, which takes under a minute with '
        f"this preset:</p>{_COMMAND.format(plain(_TRAIN))}"
        "<p>Or look at CONUS without any import: the dataset and the checkpoint called "
        "<code>demo</code> are simulated soils on real climate, to try things on, not for "
        "scientific conclusions.</p>"
    )
    return HTML(_FRAME.format(body), sizing_mode="stretch_width")


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
