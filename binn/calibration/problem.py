"""What is calibrated: sites with observations and forcing, and how far a simulation is from them.

Every method of `binn.calibration` works on one `CalibrationProblem`: it turns normalised parameters
of many members of many sites into SOC at the observations, and into one misfit each, on the fused
kernel and without gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.calibration import kernels
from binn.calibration.misfit import Misfit
from binn.calibration.usable import LeftOut, forced_rows, usable_observations
from binn.clm5 import BEDROCK_SCHEMES, Forcing
from binn.clm5.numba_backend import kernel_cells, kernel_rows
from binn.errors import InputError
from binn.observations import Observations
from binn.parameters import KEYS, index

__all__ = ["CalibrationProblem"]

Array = NDArray[np.float64]
N_PARAMETERS = len(KEYS)


@dataclass(frozen=True, eq=False)
class CalibrationProblem:
    """Sites to calibrate, all at once.

    Use :meth:`from_dataset` or :meth:`from_observations`: they leave out, and report, the sites
    that cannot be calibrated.

    Attributes
    ----------
    observations : Observations
        Ragged: of each site at least two, depth in m, SOC in gC m-3 and above 0.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Bedrock scheme.
    misfit_form : Misfit
        How simulation and observation are compared.
    free : tuple of str
        Keys of the parameters to calibrate.
    fixed : ndarray (21,) or (site, 21)
        Normalised values of the others (those of the free ones are not read).
    interpolation : {"linear", "pchip"}
        Between the nodes of the model: linear as everywhere in this program, or the monotone cubic
        of the authors' calibration.
    sites, profile_id : ndarray (site,) of int
        Positions in the dataset they come from, and their names.
    left_out : tuple of LeftOut
        The sites that cannot be calibrated, and why.
    """

    observations: Observations
    forcing: Forcing
    bedrock: str = "conserving"
    misfit_form: Misfit = field(default_factory=Misfit)
    free: tuple[str, ...] = KEYS
    fixed: Array = field(default_factory=lambda: np.full(N_PARAMETERS, 0.5))
    interpolation: Literal["linear", "pchip"] = "linear"
    sites: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    profile_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.observations.count)
        if self.forcing.n_sites != n:
            raise InputError(
                f"observations are of {n} sites, but forcing is of {self.forcing.n_sites}"
            )
        if n == 0:
            raise InputError("there is no site to calibrate" + _why(self.left_out))
        if self.bedrock not in BEDROCK_SCHEMES:
            raise InputError(f"bedrock={self.bedrock!r} is not known; use one of {BEDROCK_SCHEMES}")
        if self.interpolation not in ("linear", "pchip"):
            raise InputError(
                f"interpolation={self.interpolation!r} is not known; use 'linear' or 'pchip'"
            )
        try:
            keys = tuple(KEYS[index(key)] for key in self.free)
        except KeyError as error:
            raise InputError(str(error.args[0])) from None
        if not keys:
            raise InputError("no parameter is free: name at least one to calibrate")
        object.__setattr__(self, "free", tuple(key for key in KEYS if key in keys))
        fixed = np.array(self.fixed, dtype=np.float64)
        if fixed.shape not in ((N_PARAMETERS,), (n, N_PARAMETERS)):
            raise InputError(
                f"fixed parameters have shape {fixed.shape}, expected ({N_PARAMETERS},) or "
                f"({n}, {N_PARAMETERS})"
            )
        others = fixed[..., ~self.free_mask]
        if not ((others >= 0.0) & (others <= 1.0)).all():
            raise InputError("fixed parameters are normalised: give values between 0 and 1")
        object.__setattr__(self, "fixed", np.broadcast_to(fixed, (n, N_PARAMETERS)))
        for name in ("sites", "profile_id"):
            values = np.asarray(getattr(self, name), dtype=np.int64)
            object.__setattr__(self, name, values if len(values) else np.arange(n))
            if len(getattr(self, name)) != n:
                raise InputError(f"{name} has {len(values)} entries for {n} sites")

    @classmethod
    def from_dataset(
        cls, ds: xr.Dataset, sites: Sequence[int] | NDArray[np.int64] | None = None, **options: Any
    ) -> CalibrationProblem:
        """Sites of a canonical dataset; those that cannot be calibrated are in `left_out`.

        Parameters
        ----------
        ds : xarray.Dataset
            As returned by :func:`binn.open_dataset`.
        sites : sequence of int, optional
            Positions of the sites; all of them by default.
        **options
            `bedrock`, `misfit_form`, `free`, `fixed` ((21,), or a row a given site) and
            `interpolation`, as the attributes.

        Raises
        ------
        InputError
            If no site can be calibrated, a position is not in the dataset, or an option is wrong.
        """
        n = ds.sizes["site"]
        chosen = np.arange(n) if sites is None else np.asarray(sites, dtype=np.int64).reshape(-1)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < n):
            wrong = chosen[(chosen < 0) | (chosen >= n)][0]
            raise InputError(f"there is no site {wrong}: positions go from 0 to {n - 1}")
        every = Observations.from_dataset(ds)
        rows, _ = every.of(chosen)
        count = every.count[chosen]
        seen = Observations(every.depth[rows], every.soc[rows], np.cumsum(count) - count, count)
        cells = ds["site_cell"].to_numpy()[chosen].astype(np.int64)
        forcing, row, unforced = forced_rows(ds, cells)
        names = ds["profile_id"].to_numpy()[chosen].astype(np.int64)
        given = None if forcing is None else forcing.take(np.maximum(row, 0))
        return _usable(cls, seen, given, chosen, names, unforced, options)

    @classmethod
    def from_observations(
        cls, observations: Observations, forcing: Forcing, **options: Any
    ) -> CalibrationProblem:
        """Sites given by their observations and forcing; see :meth:`from_dataset`.

        Parameters
        ----------
        observations : Observations
            Ragged, of any number a site.
        forcing : Forcing
            Of as many sites.
        **options
            As :meth:`from_dataset`.
        """
        n = len(observations.count)
        if not isinstance(forcing, Forcing):
            raise InputError(f"no forcing: give a binn.clm5.Forcing of {n} sites")
        if forcing.n_sites != n:
            raise InputError(f"observations are of {n} sites, but forcing is of {forcing.n_sites}")
        received = forcing.annual_input().sum(1).numpy() > 0.0
        unforced = ["" if some else "no forcing: the site receives no carbon" for some in received]
        every = np.arange(n)
        return _usable(cls, observations, forcing, every, every, unforced, options)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.observations.count)

    @cached_property
    def free_mask(self) -> NDArray[np.bool_]:
        """True for free parameters (21,)."""
        return np.isin(KEYS, self.free)

    @cached_property
    def precision(self) -> Array:
        """Weight over variance of each observation (obs,), gC-2 m6."""
        seen = self.observations
        ends = seen.start + seen.count
        parts = [
            self.misfit_form.precision(seen.depth[a:b], seen.soc[a:b])
            for a, b in zip(seen.start, ends, strict=True)
        ]
        return np.concatenate(parts)

    @cached_property
    def kernel_sites(self) -> kernels.Sites:
        """The problem as compiled loops read it."""
        rows, seen = kernel_rows(self.forcing), self.observations

        def double(values: NDArray[Any]) -> Array:
            return np.ascontiguousarray(values, dtype=np.float64)

        return kernels.Sites(
            temperature=double(rows.temperature),
            water=double(rows.water),
            oxygen=double(rows.oxygen),
            nitrogen=double(rows.nitrogen),
            inputs=rows.inputs,
            nbedrock=rows.nbedrock,
            thaw=rows.thaw,
            frozen=rows.frozen,
            row=np.ascontiguousarray(kernel_cells(self.forcing)),
            first=np.append(seen.start, seen.start[-1] + seen.count[-1]).astype(np.int64),
            depth=double(seen.depth),
            soc=double(seen.soc),
            precision=double(self.precision),
            conserving=self.bedrock == "conserving",
            pchip=self.interpolation == "pchip",
        )

    def complete(self, u: Array) -> Array:
        """Put the fixed parameters in place.

        Parameters
        ----------
        u : ndarray (site, member, 21)
            Normalised parameters.
        """
        u = np.asarray(u, dtype=np.float64)
        if u.ndim != 3 or u.shape[0] != self.n_sites or u.shape[2] != N_PARAMETERS:
            raise InputError(
                f"normalised parameters have shape {u.shape}, expected "
                f"({self.n_sites}, member, {N_PARAMETERS})"
            )
        return np.where(self.free_mask, u, self.fixed[:, None, :])

    def soc(self, u: Array, threads: int = 1) -> Array:
        """Simulate the observations.

        Parameters
        ----------
        u : ndarray (site, member, 21)
            Normalised parameters in (0, 1); those that are not free are replaced by `fixed`.
        threads : int
            Threads that share the sites; the result does not depend on it.

        Returns
        -------
        ndarray (obs, member)
            SOC, gC m-3, in the order of `observations`.
        """
        return self._simulate(u, threads, True)[0]

    def misfit(self, u: Array, threads: int = 1) -> Array:
        """Misfit of every member: half the weighted sum of squares, see `Misfit`.

        Parameters
        ----------
        u, threads
            As :meth:`soc`.

        Returns
        -------
        ndarray (site, member)
            Dimensionless, >= 0.
        """
        return self._simulate(u, threads, False)[1]

    def soc_and_misfit(self, u: Array, threads: int = 1) -> tuple[Array, Array]:
        """:meth:`soc` and :meth:`misfit` at the price of one."""
        return self._simulate(u, threads, True)

    def take(self, positions: Any) -> CalibrationProblem:
        """The problem of some of its sites (positions, or a slice)."""
        chosen = np.arange(self.n_sites)[positions]
        rows, _ = self.observations.of(chosen)
        count = self.observations.count[chosen]
        seen = Observations(
            self.observations.depth[rows],
            self.observations.soc[rows],
            np.cumsum(count) - count,
            count,
        )
        return CalibrationProblem(
            seen,
            self.forcing.take(chosen),
            self.bedrock,
            self.misfit_form,
            self.free,
            self.fixed[chosen],
            self.interpolation,
            self.sites[chosen],
            self.profile_id[chosen],
        )

    def _simulate(self, u: Array, threads: int, wanted: bool) -> tuple[Array, Array]:
        given = np.ascontiguousarray(self.complete(u))
        members, n = given.shape[1], self.n_sites
        simulated = np.empty((len(self.observations.depth) if wanted else 0, members))
        misfit = np.empty((n, members))
        sites = self.kernel_sites
        _share(n, threads, lambda a, b: kernels.simulate(a, b, given, sites, simulated, misfit))
        return simulated, misfit


def _usable(
    cls: type[CalibrationProblem],
    observations: Observations,
    forcing: Forcing | None,
    sites: NDArray[np.int64],
    profile_id: NDArray[np.int64],
    unforced: list[str],
    options: dict[str, Any],
) -> CalibrationProblem:
    """The problem of the sites that can be calibrated."""
    seen, enough, unseen = usable_observations(observations)
    reasons = [one or other for one, other in zip(unseen, unforced, strict=True)]
    left_out = tuple(
        LeftOut(int(site), int(name), reason)
        for site, name, reason in zip(sites, profile_id, reasons, strict=True)
        if reason
    )
    good = np.flatnonzero(np.array([not reason for reason in reasons], dtype=bool) & enough)
    if forcing is None or not len(good):
        raise InputError("there is no site to calibrate" + _why(left_out))
    fixed = np.asarray(options.get("fixed", np.full(N_PARAMETERS, 0.5)), dtype=np.float64)
    if fixed.shape == (len(sites), N_PARAMETERS):
        options = options | {"fixed": fixed[good]}
    rows, _ = seen.of(good)
    count = seen.count[good]
    return cls(
        Observations(seen.depth[rows], seen.soc[rows], np.cumsum(count) - count, count),
        forcing.take(good),
        sites=sites[good],
        profile_id=profile_id[good],
        left_out=left_out,
        **options,
    )


def _why(left_out: tuple[LeftOut, ...]) -> str:
    """Of the first site, in brackets, and how many more there are."""
    if not left_out:
        return ""
    first, more = left_out[0], len(left_out) - 1
    others = f", and {more} more" if more else ""
    return f" (site {first.site}: {first.reason}{others})"


def _share(n: int, threads: int, work: Callable[[int, int], None]) -> None:
    """Do the sites in as many parts as there are threads; the parts do not interact."""
    threads = max(1, min(threads, n))
    if threads == 1:
        work(0, n)
        return
    ends = [n * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))
