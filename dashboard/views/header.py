"""The header: dataset with its badge, checkpoint, bedrock scheme, device, and the link."""

from __future__ import annotations

from collections.abc import Callable

import panel_material_ui as pmui
from panel.layout import Column, Row
from panel.viewable import Viewer

from dashboard.state.page_state import PageState
from dashboard.state.session import SCHEMES
from dashboard.theme import text

__all__ = ["Header"]

_NOT_ON_PHONES = "@media (max-width: 600px) { :host { display: none } }"
_ONLY_PHONES = "@media (min-width: 601px) { :host { display: none } }"
_CLIP = {"white-space": "nowrap", "overflow": "hidden", "text-overflow": "ellipsis"}
_SMALL = {"size": "small", "margin": (4, 6)}


class Header(Viewer):
    """Choosers that stand above all tabs.

    Parameters
    ----------
    state : PageState
    datasets, checkpoints : dict of str
        Names of what can be opened.
    dataset, checkpoint : str
        The names of what is open.
    switch : callable
        Called with the names of the dataset and checkpoint to open.
    copy, export : callable
        Called when the link, or a file, is asked for.
    """

    def __init__(
        self,
        state: PageState,
        datasets: list[str],
        checkpoints: list[str],
        dataset: str,
        checkpoint: str,
        switch: Callable[[str, str], None],
        copy: Callable[[], None],
        export: Callable[[], None],
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._open, self._switch = (dataset, checkpoint), switch
        names = {name: name for name in datasets}
        models = {("CLM5 defaults" if name == "none" else name): name for name in checkpoints}
        self.dataset = pmui.Select(
            label="Dataset",
            options=names,
            value=dataset,
            width=130,
            stylesheets=[_NOT_ON_PHONES],
            **_SMALL,
        )
        self.checkpoint = pmui.Select(
            label="Checkpoint",
            options=models,
            value=checkpoint,
            width=130,
            stylesheets=[_NOT_ON_PHONES],
            **_SMALL,
        )
        self.badge = text(
            f"{state.session.badge}  ·  {state.session.device}",
            muted=True,
            size="0.82rem",
            styles=_CLIP,
            stylesheets=[_NOT_ON_PHONES],
            margin=(0, 10),
            align="center",
            sizing_mode="stretch_width",
        )
        self.bedrock = pmui.Select(
            label="Bedrock",
            options={words.split(":")[0]: key for key, words in SCHEMES.items()},
            value=state.session.bedrock,
            description="\n".join(SCHEMES.values()),
            width=120,
            stylesheets=[_NOT_ON_PHONES],
            **_SMALL,
        )
        self.drawer = self._in_drawer()
        self.copy = pmui.Button(label="Copy link", variant="outlined", **_SMALL)
        for chooser in (self.dataset, self.checkpoint):
            chooser.param.watch(self._chosen, "value")
        self.bedrock.link(state.session, value="bedrock")
        state.session.param.watch(
            lambda event: self.bedrock.param.update(value=event.new), "bedrock"
        )
        self.copy.on_click(lambda _: copy())
        self.export = pmui.Button(label="Export", variant="outlined", **_SMALL)
        self.export.on_click(lambda _: export())

    def _in_drawer(self) -> Column:
        """The same choosers for the drawer, where the header has no room for them."""
        twins = []
        for chooser in (self.dataset, self.checkpoint, self.bedrock):
            twin = pmui.Select(
                label=chooser.label,
                options=chooser.options,
                value=chooser.value,
                size="small",
                margin=(10, 16),
                sizing_mode="stretch_width",
            )
            twin.link(chooser, value="value", bidirectional=True)
            twins.append(twin)
        return Column(
            *twins, stylesheets=[_ONLY_PHONES], sizing_mode="stretch_width", margin=(0, 0, 12, 0)
        )

    def _chosen(self, *_: object) -> None:
        names = (self.dataset.value, self.checkpoint.value)
        if names != self._open:
            self._switch(*names)

    def back(self) -> None:
        """Show again what is open: what was chosen could not be opened."""
        self.dataset.value, self.checkpoint.value = self._open

    def __panel__(self) -> Row:
        return Row(
            self.dataset,
            self.checkpoint,
            self.badge,
            self.bedrock,
            self.copy,
            self.export,
            sizing_mode="stretch_width",
            align="center",
            margin=0,
            styles={"min-width": "0", "justify-content": "flex-end"},
        )
