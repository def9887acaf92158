"""How well known parameters are found again from the observations they made (paper, recovery test).

The dataset must carry the parameters behind its simulated observations. They score the result and,
where only some parameters are free, prescribe the others, as the authors' recovery test does; the
network itself never sees one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import Forcing, solve
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.model import BINN, ModelConfig
from binn.parameters import KEYS, index, to_normalised, to_physical
from binn.training.config import TrainingConfig
from binn.training.data import TrainingData
from binn.training.encoding import fit_encoding
from binn.training.loss import loss
from binn.training.split import Split

__all__ = ["SENSITIVE", "Recovery", "block_split", "correlations", "recover", "true_normalised"]

SENSITIVE = ("efolding", "tau4s3", "fs1s3", "w_scaling")
"""The four parameters the paper leaves free in its recovery test."""
_CHUNK = 4096


@dataclass(frozen=True)
class Recovery:
    """Result of one recovery test, on the held-out sites.

    Attributes
    ----------
    r : dict of str to float or None
        Correlation of retrieved and true normalised parameters, by free parameter.
    nse : float
        Of the simulated SOC against the observations.
    sites : int
        Number of held-out sites.
    """

    r: dict[str, float | None]
    nse: float
    sites: int


def true_normalised(ds: xr.Dataset) -> NDArray[np.float64]:
    """True normalised parameters (site, 21).

    Raises
    ------
    InputError
        If the dataset has none: its observations were measured.
    """
    if "true_parameters_site" not in ds:
        raise InputError("the dataset knows no true parameters: recovery is tested on simulations")
    return to_normalised(ds["true_parameters_site"].to_numpy().astype(np.float64))


def block_split(ds: xr.Dataset, degrees: float = 4.0, folds: int = 10, seed: int = 12345) -> Split:
    """Whole squares of land held out: no test site has a neighbour in training, but at the edges.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    degrees : float
        Width of a square.
    folds : int
        One part of so many tests, one validates.
    seed : int
        Of the shuffle of squares.
    """
    corner = np.stack([ds["lon"].to_numpy() // degrees, ds["lat"].to_numpy() // degrees], 1)
    _, square = np.unique(corner, axis=0, return_inverse=True)
    square = square.reshape(-1)
    part = np.random.default_rng(seed).permutation(int(square.max()) + 1)[square] % folds
    return Split(
        train=np.flatnonzero(part > 1),
        validation=np.flatnonzero(part == 1),
        test=np.flatnonzero(part == 0),
    )


def correlations(
    retrieved: NDArray[np.float64], true: NDArray[np.float64], keys: Sequence[str] = KEYS
) -> dict[str, float | None]:
    """Pearson correlation of each parameter over sites; both arrays (site, 21).

    A parameter that is retrieved as one value everywhere has none: None.
    """
    found: dict[str, float | None] = {}
    for key in keys:
        one, other = retrieved[:, index(key)], true[:, index(key)]
        varies = one.std() > 1e-7 and other.std() > 1e-7  # more than float32 rounds to
        found[key] = float(np.corrcoef(one, other)[0, 1]) if varies else None
    return found


def recover(
    ds: xr.Dataset,
    config: TrainingConfig,
    split: Split,
    free: Sequence[str] = SENSITIVE,
    report: Callable[[str], None] = lambda _: None,
) -> Recovery:
    """Train with some parameters free and the true values of the others; score what was retrieved.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset with true parameters.
    config : TrainingConfig
        Network, loss and optimiser; its split is not used, and outputs start at mid range.
    split : Split
        Which sites train, pick the best epoch, and test.
    free : sequence of str
        Parameters the network gives.
    report : callable
        Called with one line an epoch.

    Returns
    -------
    Recovery
    """
    truth = torch.as_tensor(true_normalised(ds))
    is_free = torch.zeros(len(KEYS), dtype=torch.bool)
    is_free[[index(key) for key in free]] = True
    forcing = Forcing.from_dataset(ds, on="site")
    encoding = fit_encoding(ds, config.network, split.train, forcing)
    dtype = torch.float32 if config.dtype == "float32" else torch.float64
    data = TrainingData(ds, forcing, encoding, config.bedrock, torch.device("cpu"), dtype)
    spread = data.spread(split.train)
    torch.manual_seed(config.seed)
    model = BINN(
        ModelConfig(
            network=config.network, inputs=encoding, bedrock=config.bedrock, dtype=config.dtype
        )
    )
    model.networks[0].count_categories(data.inputs.take(torch.from_numpy(split.train)))  # type: ignore[operator]

    def simulate(sites: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised parameters, simulated and observed SOC of some sites."""
        batch = data.batch(sites)
        u = torch.where(is_free, model.normalise(batch.inputs).double(), truth[sites])
        soc = solve(to_physical(u), batch.forcing, bedrock=config.bedrock).soc
        return u, batch.observe(soc), batch.soc

    def look(sites: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """Retrieved parameters and NSE on some sites."""
        model.eval()
        with torch.no_grad():
            chunks = [simulate(sites[k : k + _CHUNK]) for k in range(0, len(sites), _CHUNK)]
        u, simulated, observed = (torch.cat(column).numpy() for column in zip(*chunks, strict=True))
        return u, metrics(observed, simulated)["nse"]

    steps = config.epochs * -(-len(split.train) // config.batch_size)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=config.optimiser.learning_rate,
        weight_decay=config.optimiser.weight_decay,
    )
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    random = np.random.default_rng(config.seed)
    best, weights = -np.inf, model.state_dict()
    for epoch in range(config.epochs):
        model.train()
        order = random.permutation(split.train)
        for start in range(0, len(order), config.batch_size):
            u, simulated, observed = simulate(order[start : start + config.batch_size])
            value = loss(simulated, observed, u, config.loss, spread)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            rate.step()
        _, score = look(split.validation)
        report(f"epoch {epoch + 1} of {config.epochs}: validation NSE {score:.4f}")
        if score >= best:
            best = score
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    retrieved, score = look(split.test)
    return Recovery(
        correlations(retrieved, truth.numpy()[split.test], free), score, len(split.test)
    )
