"""What the estimators have in common: options, and arrays in and out of a network."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch

from ..data import Scaling, Windows
from ..network import LiquidNetwork
from ..neuron import DynamicsLike, WiringLike
from ..training import fit, predict

FloatArray = npt.NDArray[np.float64]


class Options:
    """Options of every estimator, kept as they were given, as scikit-learn wants it.

    Args:
        hidden_size: N, neurons; the wiring's, if there is one that says.
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate: as for :func:`~liquid_neural_networks.training.fit`.
        random_state: of the initial parameters and of the shuffling: an integer, a
            ``numpy.random.RandomState``, or None for numpy's global one.
    """

    def __init__(
        self,
        hidden_size: Optional[int] = 16,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        epochs: int = 50,
        batch_size: int = 16,
        learning_rate: float = 0.01,
        random_state: Any = None,
    ):
        self.hidden_size = hidden_size
        self.wiring = wiring
        self.dynamics = dynamics
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        super().__init__()


class Learned(NamedTuple):
    """A trained network, in float64 so that a row's result does not depend on its batch, and the
    scaling of its inputs."""

    network: LiquidNetwork
    scaling: Scaling

    def outputs(self, inputs: FloatArray) -> FloatArray:
        """(n, O) after the last sample of each series (n, T, I), or (n, T, O) after each."""
        nothing = torch.zeros(len(inputs), 1, dtype=torch.float64)
        found: FloatArray = predict(self.network, self._windows(inputs, nothing)).numpy()
        return found

    def _windows(self, inputs: FloatArray, targets: torch.Tensor) -> Windows:
        scaled = self.scaling.apply(inputs)
        seen = ~np.isnan(scaled)
        mask = None if seen.all() else torch.from_numpy(seen)
        return Windows(torch.from_numpy(np.where(seen, scaled, 0.0)), targets, mask=mask)


def learn(
    options: Options,
    inputs: FloatArray,
    targets: npt.NDArray[Any],
    output_size: int,
    return_sequences: bool = False,
) -> Learned:
    """Trains a network on series and what is to be put out for each.

    Args:
        inputs: (n, T, I), NaN where a value is missing.
        targets: (n, O) values or (n,) classes; with ``return_sequences`` (n, T, O) values, NaN
            where unknown.

    Raises:
        LiquidError: naming the option that is wrong.
    """
    seed = _seed(options.random_state)
    network = LiquidNetwork(
        inputs.shape[-1],
        options.hidden_size if options.wiring is None else None,
        output_size,
        wiring=options.wiring,
        dynamics=options.dynamics,
        return_sequences=return_sequences,
        seed=seed,
    )
    made = Learned(network, Scaling.of(inputs.reshape(-1, inputs.shape[-1])))
    fit(
        network,
        made._windows(inputs, torch.from_numpy(targets)),
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=seed,
        progress=False,
    )
    network.double().eval()
    return made


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    source = np.random.mtrand._rand if random_state is None else random_state
    return int(source.randint(2**31))


def probabilities(scores: FloatArray) -> FloatArray:
    """The softmax of (n, classes)."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return shares
