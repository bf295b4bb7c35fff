"""Running a forecaster's network along a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch

from ..data import Series
from ._predict import evaluation

if TYPE_CHECKING:
    from ._forecaster import Forecaster

Array = npt.NDArray[Any]

MOST_UNFOLDS = 2**16
"""Solver steps in one call of the network: between two, Ctrl-C is heard."""


class Outputs(NamedTuple):
    """What a network predicts along a series.

    Attributes:
        values: as :meth:`Forecaster.run` describes.
        state: of the network after the last row.
    """

    values: Array
    state: Array


def run(forecaster: Forecaster, series: Series, first: int, state: Optional[Array]) -> Outputs:
    """See :meth:`Forecaster.run`."""
    if state is not None and first == len(series.inputs):
        return Outputs(np.empty(0), state)
    aim = forecaster.aim
    past = aim.past(series)
    start = aim.start(past)
    fed = forecaster.inputs.apply(aim.fed(series, past, start)[first:])
    raw, after = _network_outputs(forecaster, fed, series.elapsed_time[first:], state)
    if forecaster.outputs is None:
        return Outputs(raw[:, None], after)
    quantiles, start = forecaster.quantiles, start[first:]
    if quantiles is None:
        return Outputs(forecaster.outputs.invert(raw).reshape(start.shape) + start, after)
    levels = raw.reshape(len(raw), aim.outputs, -1).swapaxes(1, 2)
    values = forecaster.outputs.invert(levels).swapaxes(1, 2)
    found = values.reshape(*start.shape, -1) + start[..., None] + quantiles.shifts
    # A higher level cannot lie below a lower one.
    return Outputs(np.sort(found, axis=-1), after)


def _network_outputs(
    forecaster: Forecaster, fed: Array, elapsed_time: Array, state: Optional[Array]
) -> tuple[Array, Array]:
    """(T, ...) what the network puts out, classes as probabilities; and its state then."""
    network = forecaster.network
    like = next(network.parameters())
    size = max(MOST_UNFOLDS // (network.config()["unfolds"] or 1), 1)
    before = None if state is None else torch.from_numpy(state).to(like)
    parts = []
    with evaluation(network):
        for rows in range(0, len(fed), size):
            some, gaps = fed[rows : rows + size], elapsed_time[rows : rows + size]
            seen = ~np.isnan(some)
            outputs, before = network(
                torch.from_numpy(np.where(seen, some, 0.0)).to(like),
                elapsed_time=torch.from_numpy(gaps).to(like),
                mask=None if seen.all() else torch.from_numpy(seen).to(like.device),
                state=before,
                return_state=True,
            )
            parts.append(outputs if forecaster.outputs is not None else outputs.softmax(dim=-1))
    assert before is not None
    return torch.cat(parts).cpu().numpy().astype(np.float64), before.cpu().numpy()
