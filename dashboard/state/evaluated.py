"""Questions about how well SOC is simulated, and their answers; no question is worked out twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.state.estimate import Estimate
from dashboard.state.evaluation import (
    PARTS,
    Density,
    Score,
    below_deepest_node,
    density,
    deviation,
    observed_rows,
    score,
    simulated,
    split_parts,
)
from dashboard.state.evidence import Evidence, gather
from dashboard.state.opened import Opened
from dashboard.state.residuals import Boxes, by_biome, by_depth

__all__ = ["Answer", "Question", "Worker"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked for.

    Attributes
    ----------
    estimate : Estimate
    sites : ndarray (k,)
        The selection.
    part : str
        A key of :data:`dashboard.state.evaluation.PARTS`, or ``selection``.
    above : bool
        Whether observations below the deepest soil node are left out.
    """

    estimate: Estimate
    sites: Integers
    part: str
    above: bool


@dataclass(frozen=True, eq=False)
class Answer:
    """What is drawn.

    Attributes
    ----------
    parts : tuple of str
        Parts that can be shown.
    part : str
        The one that is: where the one asked for has no sites, all.
    scores : list of Score
        Of every part, and of the selection if there is one.
    rows : ndarray (k,)
        Observations that are shown.
    values : ndarray (obs,)
        Simulated SOC at all observations, gC m-3.
    density : Density or None
    by_depth, by_biome : Boxes
    deviation : ndarray (site,)
        kgC m-2; NaN at sites that are not shown.
    selected : ndarray (m,)
        Observations of the selection, of whichever part; without those left out.
    below : int
        Observations of the part below the deepest soil node.
    evidence : Evidence
    """

    parts: tuple[str, ...]
    part: str
    scores: list[Score]
    rows: Integers
    values: Floats
    density: Density | None
    by_depth: Boxes
    by_biome: Boxes
    deviation: Floats
    selected: Integers
    below: int
    evidence: Evidence

    @property
    def shown(self) -> Score | None:
        """Scores of the part that is shown."""
        name = "Selection" if self.part == "selection" else PARTS[self.part]
        return next((one for one in self.scores if one.name == name), None)


@dataclass(eq=False)
class Worker:
    """Answers questions about one dataset; what does not change is worked out once.

    Only ever called by one thread at a time: that of its lane.
    """

    opened: Opened
    runs: Path | None = None
    _kept: dict[str, tuple[tuple[object, ...], Any]] = field(default_factory=dict)

    def _once(self, name: str, key: tuple[object, ...], compute: Any) -> Any:
        """The last result under a name, worked out again if its key has changed."""
        have = self._kept.get(name)
        if have is None or have[0] != key:
            have = self._kept[name] = (key, compute())
        return have[1]

    def answer(self, question: Question) -> Answer:
        """Everything that is drawn.

        Raises
        ------
        InputError
            If SOC is not simulated at the observations.
        """
        opened, estimate = self.opened, question.estimate
        observations = opened.observations
        values = simulated(opened, estimate)
        parts = self._once("parts", (), lambda: split_parts(opened))
        below = self._once("below", (), lambda: below_deepest_node(opened))
        evidence = self._once("evidence", (), lambda: gather(opened, self.runs))

        def all_scores() -> list[Score]:
            return [score(PARTS["all"], opened, values, below)] + [
                score(PARTS[name], opened, values, below, sites) for name, sites in parts.items()
            ]

        scores = list(self._once("scores", (estimate,), all_scores))
        sites: Integers | None = None
        part = question.part
        if part == "selection" and len(question.sites):
            sites = question.sites
        elif part in parts:
            sites = parts[part]
        else:
            part = "all"
        if len(question.sites):
            scores.append(score("Selection", opened, values, below, question.sites))

        def shown() -> tuple[Any, ...]:
            rows = observed_rows(observations, sites)
            buried = int(below[rows].sum())
            if question.above:
                rows = rows[~below[rows]]
            misfit = deviation(observations, values)
            if sites is not None:
                misfit[np.setdiff1d(np.arange(opened.count), sites)] = np.nan
            biome = opened.dataset["biome"].to_numpy()
            return (
                rows,
                density(observations.soc[rows], values[rows]),
                by_depth(observations, values, rows),
                by_biome(observations, values, rows, biome),
                misfit,
                buried,
            )

        which = question.sites.tobytes() if part == "selection" else part
        rows, counts, depths, biomes, misfit, buried = self._once(
            "shown", (estimate, which, question.above), shown
        )
        chosen = observed_rows(observations, question.sites)
        return Answer(
            parts=("all", *parts),
            part=part,
            scores=scores,
            rows=rows,
            values=values,
            density=counts,
            by_depth=depths,
            by_biome=biomes,
            deviation=misfit,
            selected=chosen[~below[chosen]] if question.above else chosen,
            below=buried,
            evidence=evidence,
        )
