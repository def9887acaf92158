"""What a site-parallel MCMC can be told: the authors' annealed scheme, or adaptive Metropolis."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binn.calibration.kernels_adaptive import AdaptiveRules
from binn.calibration.kernels_published import PublishedRules
from binn.errors import InputError

__all__ = ["Adaptive", "Options", "Published", "mcmc_options"]

_TRIES = 100_000  # steps drawn again because they left the box, before a chain is begun again
_WINDOWS = (0.1, 0.2, 0.4, 0.7)  # shares of warm-up after which the covariance is renewed


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Published(_Options):
    """The authors' scheme: two phases, annealed; see :mod:`binn.calibration.kernels_published`."""

    method: Literal["published"] = "published"
    chains: int = Field(3, ge=1, le=1000, description="Chains a site. PRODA: 3.")
    first: int = Field(20_000, ge=2, description="Steps of the first phase. PRODA: 20,000.")
    second: int = Field(50_000, ge=2, description="Steps of the second phase. PRODA: 50,000.")
    adapt_from: int = Field(
        4_000,
        ge=2,
        description="Step of the second phase after which its own states give the covariance. "
        "PRODA: 4000.",
    )
    start: float = Field(0.5, gt=0.0, lt=1.0, description="Where all parameters start. PRODA: 0.5.")
    divisor: float = Field(
        5.0, gt=0.0, description="The uniform steps are 1 / divisor wide. PRODA: 5."
    )
    fewest_accepted: int = Field(
        50,
        ge=0,
        description="With fewer acceptances the first phase is repeated, its divisor 1.1 times "
        "larger. PRODA: 50.",
    )
    narrowings: int = Field(3, ge=0, description="Most of these repetitions. PRODA: 3.")
    scale: float = Field(
        2.4, gt=0.0, description="Covariance of steps over that of states, times 21. PRODA: 2.4."
    )
    lowest: float = Field(
        0.1,
        ge=0.0,
        lt=1.0,
        description="With less acceptance in the second phase the chain is redone, its scale 0.7 "
        "times. PRODA: 0.1.",
    )
    highest: float = Field(
        0.5,
        gt=0.0,
        le=1.0,
        description="With more acceptance the chain is redone, its scale doubled. PRODA: 0.5.",
    )
    redos: int = Field(5, ge=0, le=100, description="Most of these. PRODA: 5.")
    keep: int = Field(
        1000,
        ge=4,
        multiple_of=2,
        description="Most states stored of a chain: when there are more, every second goes, "
        "again and again.",
    )
    points: int = Field(200, ge=1, description="Points of the trace of the misfit.")

    @property
    def steps(self) -> int:
        """Steps of a chain that is not redone."""
        return self.first + self.second

    def rules(self) -> PublishedRules:
        """As the compiled loop reads them."""
        return PublishedRules(
            self.first,
            self.second,
            self.adapt_from,
            self.divisor,
            self.fewest_accepted,
            self.narrowings,
            self.scale,
            self.lowest,
            self.highest,
            self.redos,
            _TRIES,
        )


class Adaptive(_Options):
    """Adaptive Metropolis; see :mod:`binn.calibration.kernels_adaptive`."""

    method: Literal["adaptive"] = "adaptive"
    chains: int = Field(4, ge=1, le=1000, description="Chains a site.")
    warmup: int = Field(
        10_000, ge=100, description="Steps that adapt and are not counted; adaptation ends here."
    )
    samples: int = Field(40_000, ge=10, description="Steps after warm-up.")
    keep: int = Field(1000, ge=10, description="Draws stored of a chain, evenly spaced.")

    @property
    def steps(self) -> int:
        """Steps of a chain."""
        return self.warmup + self.samples

    @property
    def thin(self) -> int:
        """Steps between two draws."""
        return max(1, self.samples // self.keep)

    @property
    def draws(self) -> int:
        """Draws stored of a chain."""
        return self.samples // self.thin

    def rules(self) -> AdaptiveRules:
        """As the compiled loop reads them."""
        windows = np.array([int(share * self.warmup) for share in _WINDOWS], dtype=np.int64)
        return AdaptiveRules(self.warmup, self.samples, self.thin, windows)


Options = Published | Adaptive


def mcmc_options(method: Options | str, **changes: Any) -> Options:
    """Options by the name of the scheme, some of them changed.

    Parameters
    ----------
    method : {"published", "adaptive"} or options
        Where to start from.
    **changes
        Fields of :class:`Published` or :class:`Adaptive`.

    Raises
    ------
    InputError
        If there is no such scheme or option, or a value is not possible.
    """
    kinds: dict[str, type[Published] | type[Adaptive]] = {
        "published": Published,
        "adaptive": Adaptive,
    }
    name = method if isinstance(method, str) else method.method
    if name not in kinds:
        raise InputError(f"MCMC scheme {name!r} is not known; use one of {', '.join(kinds)}")
    given = {} if isinstance(method, str) else method.model_dump()
    try:
        return kinds[name].model_validate({**given, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"MCMC option {where}: {first['msg']}") from None
