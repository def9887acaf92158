"""What one visitor looks at: a dataset, where its parameters come from, and the bedrock scheme."""

from __future__ import annotations

import param

from dashboard.state.opened import Opened

__all__ = ["SCHEMES", "Session"]

SCHEMES = {
    "conserving": "Conserving: nothing below bedrock",
    "published": "Published: as in the paper's code",
}
"""Bedrock schemes and what people read."""


class Session(param.Parameterized):
    """One visitor's dataset, checkpoint and bedrock scheme.

    Parameters
    ----------
    opened : Opened
        Shared with the other visitors of the process; never changed here.
    """

    opened = param.ClassSelector(
        class_=Opened, allow_refs=False, constant=True, doc="Dataset and parameters."
    )
    bedrock = param.Selector(
        default="conserving",
        objects=list(SCHEMES),
        doc="Bedrock scheme everything is solved under.",
    )
    dark = param.Boolean(default=False, doc="Whether the page is dark.")

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened=opened, bedrock=opened.bedrock)

    @property
    def device(self) -> str:
        """Where the process model runs."""
        return self.opened.device

    @property
    def badge(self) -> str:
        """What kind of data these are, in a few words."""
        if self.opened.data == "demo":
            return "Demo data: simulated soils"
        kinds = {"real": "real", "derived": "derived", "synthetic": "simulated"}
        return f"{kinds.get(self.opened.provenance, self.opened.provenance)} data"

    @property
    def notice(self) -> str:
        """What a reader must know before trusting a number, or ""."""
        notes = []
        stated = str(self.opened.dataset.attrs.get("notice", "")).rstrip(".")
        if stated:
            notes.append(f"{stated}.")
        elif self.opened.provenance == "synthetic":
            notes.append("Simulated observations: not for scientific conclusions.")
        if self.opened.origin == "defaults":
            notes.append("No checkpoint: simulated with CLM5 default parameters.")
        elif self.bedrock != self.opened.bedrock:
            notes.append(
                f"Parameters were retrieved under the {self.opened.bedrock} bedrock scheme; "
                f"SOC is solved under {self.bedrock}."
            )
        return " ".join(notes)
