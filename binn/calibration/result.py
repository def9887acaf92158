"""What every calibration method returns: parameters of each site, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import binn
from binn.calibration.usable import LeftOut
from binn.parameters import KEYS, PARAMETERS, to_physical

__all__ = ["BINN_RANGES", "Calibration"]

Array = NDArray[np.float64]
BINN_RANGES = "binn"
"""Range set of results computed here: the table of :mod:`binn.parameters`."""
# other diagnostics of two dimensions are per chain
_PER_PARAMETER = ("rhat", "ess", "gelman_rubin", "posterior_mean")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibrated parameters of some sites.

    Attributes
    ----------
    method : str
        How they were found.
    normalised : ndarray (site, 21)
        The estimate, in (0, 1).
    members : ndarray (site, member, 21)
        Normalised draws of the posterior, or the final ensemble; NaN behind the last of a site with
        fewer members than others.
    misfit : ndarray (site,)
        Misfit of the estimate, as :meth:`CalibrationProblem.misfit`.
    sites, profile_id : ndarray (site,) of int
        Positions in the dataset, and names.
    trace : mapping of str to ndarray (site, step, ...)
        How the method came there, "misfit" first of all.
    diagnostics : mapping of str to ndarray (site, ...)
        How well it worked.
    left_out : tuple of LeftOut
        Sites that could not be calibrated, and why.
    free : tuple of str
        Keys of the calibrated parameters; the others were given.
    bedrock : str
        Bedrock scheme.
    range_set : str
        Ranges that normalised values refer to: "binn", or the name of imported ones.
    settings : mapping of str to object
        Options and seed, for the record.
    """

    method: str
    normalised: Array
    members: Array
    misfit: Array
    sites: NDArray[np.int64]
    profile_id: NDArray[np.int64]
    trace: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    diagnostics: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    free: tuple[str, ...] = KEYS
    bedrock: str = "conserving"
    range_set: str = BINN_RANGES
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> Array:
        """The estimate in physical units and BINN's ranges (site, 21)."""
        return to_physical(self.normalised)

    @classmethod
    def join(cls, parts: Sequence[Calibration]) -> Calibration:
        """Several sets of sites, calibrated in the same way, as one; `left_out` of all."""
        longest = max(part.members.shape[1] for part in parts)

        def padded(members: Array) -> Array:
            more = ((0, 0), (0, longest - members.shape[1]), (0, 0))
            return np.pad(members, more, constant_values=np.nan)

        def together(name: str) -> dict[str, NDArray[Any]]:
            keys = getattr(parts[0], name)
            return {
                key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in keys
            }

        return replace(
            parts[0],
            normalised=np.concatenate([part.normalised for part in parts]),
            members=np.concatenate([padded(part.members) for part in parts]),
            misfit=np.concatenate([part.misfit for part in parts]),
            sites=np.concatenate([part.sites for part in parts]),
            profile_id=np.concatenate([part.profile_id for part in parts]),
            trace=together("trace"),
            diagnostics=together("diagnostics"),
            left_out=tuple(one for part in parts for one in part.left_out),
        )

    def quantiles(self, probabilities: Sequence[float] = _QUANTILES) -> Array:
        """Quantiles over the members of each site, normalised: (site, quantile, 21)."""
        found = np.nanquantile(self.members, probabilities, axis=1)
        return np.moveaxis(found, 0, 1)

    def to_dataset(self) -> xr.Dataset:
        """Estimates, quantiles and diagnostics as one dataset, to be written by xarray.

        Members and traces stay out: stored chains are read by
        :func:`binn.calibration.mcmc_run.read_chains`.
        """
        units = ", ".join(f"{one.key} [{one.unit}]" for one in PARAMETERS)
        ds = xr.Dataset(
            {
                "parameters": (
                    ("site", "parameter"),
                    self.parameters,
                    {"long_name": "calibrated parameters", "units": "1", "parameter_units": units},
                ),
                "normalised": (
                    ("site", "parameter"),
                    self.normalised,
                    {"long_name": "calibrated parameters, normalised", "units": "1"},
                ),
                "quantiles": (
                    ("site", "quantile", "parameter"),
                    self.quantiles(),
                    {"long_name": "quantiles over members, normalised", "units": "1"},
                ),
                "misfit": (("site",), self.misfit, {"long_name": "misfit", "units": "1"}),
                "profile_id": (("site",), self.profile_id),
            },
            coords={
                "site": self.sites,
                "parameter": list(KEYS),
                "quantile": list(_QUANTILES),
            },
        )
        for name, values in self.diagnostics.items():
            array = np.asarray(values)
            if array.dtype == bool:  # NetCDF has none
                array = array.astype(np.int8)
            dims = ("site", "parameter" if name in _PER_PARAMETER else "chain")
            ds[name] = (dims[: array.ndim], array)
        if self.left_out:
            for name in ("site", "profile_id", "reason"):
                ds[f"left_out_{name}"] = (
                    ("left_out",),
                    [getattr(one, name) for one in self.left_out],
                )
        ds.attrs = {
            "title": f"site calibration, {self.method}",
            "source": f"binn {binn.__version__}",
            "method": self.method,
            "bedrock": self.bedrock,
            "range_set": self.range_set,
            "free": ", ".join(self.free),
            **{name: str(value) for name, value in self.settings.items()},
        }
        return ds
