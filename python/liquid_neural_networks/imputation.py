"""Filling in what was not seen, for networks that are to be fed a value at every sample.

A :class:`~liquid_neural_networks.LiquidNetwork` needs none of this: with ``mask=`` the synapses of
a missing feature stay closed. Where the last value seen says much about the missing one (a drug
level, a thermostat), feeding that value, and how old it is, may learn faster.
"""

from __future__ import annotations

from typing import Any, Optional, Union

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ._checks import check_choice, check_flag
from ._inputs import as_reals, check_finite, check_sequences
from ._sequences import Number, Sequences
from .errors import DtypeError, OptionError, ShapeError
from .network import LiquidNetwork

__all__ = ["METHODS", "ImputedNetwork", "last_seen", "time_since_seen"]

METHODS = ("forward", "learned")


class ImputedNetwork(nn.Module):
    """A network that is fed a value for every missing feature.

    Called, trained and evaluated like the network in it: ``fit(ImputedNetwork(network), windows)``.

    Args:
        network: fed I features, or with ``time_since_seen`` 2 I of them.
        method: ``"forward"`` feeds the value last seen, and before there is one the mean.
            ``"learned"`` lets it decay from there to the mean at a rate learned per feature:
            exp(-rate * d) times the value last seen, the rest the mean, for a time d since.
        mean: (I,) or a number, of the features; learned further with ``"learned"``. Default: 0,
            which it is for scaled features.
        time_since_seen: also feed, after the I features, the time since each was last seen: 0
            where it is seen, and before the first time the time since the sequence began.

    The time before the first sample counts. Every call starts anew: nothing is carried forward
    from the call before, even if the state is.

    Raises:
        DtypeError: ``network`` is no LiquidNetwork.
        OptionError: the method is unknown, or the network has an odd number of inputs for
            ``time_since_seen``.

    Source: Che et al., *Recurrent Neural Networks for Multivariate Time Series with Missing
    Values*, Scientific Reports 2018: equations 3 (time since seen) and 5 (decay of inputs). There
    the rate is max(0, w d + b) / d and the mean fixed; here b = 0, and w > 0 by its logarithm.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork
        >>> from liquid_neural_networks.imputation import ImputedNetwork
        >>> network = ImputedNetwork(LiquidNetwork(6, 8, 1), time_since_seen=True)
        >>> inputs = torch.randn(4, 20, 3)
        >>> network(inputs, mask=inputs > 0).shape
        torch.Size([4, 20, 1])
    """

    log_rate: Optional[nn.Parameter]

    def __init__(
        self,
        network: LiquidNetwork,
        method: str = "learned",
        *,
        mean: Number = 0.0,
        time_since_seen: bool = False,
    ):
        super().__init__()
        if not isinstance(network, LiquidNetwork):
            raise DtypeError(f"expected a LiquidNetwork, got {type(network).__name__}", "network")
        check_choice("method", method, METHODS)
        if check_flag("time_since_seen", time_since_seen) and network.input_size % 2:
            raise OptionError(
                "doubles the features, so expected a network with an even input_size; got "
                f"{network.input_size}",
                "time_since_seen",
            )
        self.network = network
        self.method = method
        self.time_since_seen = time_since_seen
        self.input_size = network.input_size // 2 if time_since_seen else network.input_size
        like = next(network.parameters()).detach()
        means = as_reals("mean", mean, like)
        if means.shape not in ((), (self.input_size,)):
            raise ShapeError(
                f"expected a number or ({self.input_size},), got {tuple(means.shape)}", "mean"
            )
        check_finite("mean", means)
        means = means.expand(self.input_size).clone()
        if method == "learned":
            self.mean = nn.Parameter(means)
            self.log_rate = nn.Parameter(torch.zeros_like(means))
        else:
            self.register_buffer("mean", means)
            self.log_rate = None

    def forward(
        self,
        inputs: Union[Tensor, PackedSequence],
        time_constants: Optional[Number] = None,
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
        **options: Any,
    ) -> Any:
        """What the network makes of the filled-in inputs; the arguments are the network's."""
        sequences = self._check(inputs, elapsed_time, mask)
        # Features are filled in now; only padding is left for the network to know.
        padding = mask if sequences.mask is None else None
        return self.network(
            sequences.layout.as_given(self._filled(sequences)),
            time_constants,
            elapsed_time=elapsed_time,
            mask=padding,
            **options,
        )

    def impute(
        self,
        inputs: Union[Tensor, PackedSequence],
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
    ) -> Union[Tensor, PackedSequence]:
        """What the network is fed: the inputs' layout, I or 2 I features."""
        sequences = self._check(inputs, elapsed_time, mask)
        return sequences.layout.as_given(self._filled(sequences))

    def _check(
        self,
        inputs: Union[Tensor, PackedSequence],
        elapsed_time: Optional[Number],
        mask: Optional[Number],
    ) -> Sequences:
        return check_sequences(
            inputs,
            None,
            elapsed_time,
            mask,
            input_size=self.input_size,
            units=self.network.hidden_size,
            like=self.mean,
            batch_first=self.network.batch_first,
        )

    def _filled(self, sequences: Sequences) -> Tensor:
        """(B, T, I or 2 I)."""
        values, mask = sequences.inputs, sequences.mask
        if mask is None:
            ages = torch.zeros_like(values)
        else:
            seen = mask > 0
            values, ages = self._carried(values, seen, sequences.times())
        return torch.cat([values, ages], dim=-1) if self.time_since_seen else values

    def _carried(self, inputs: Tensor, seen: Tensor, elapsed: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, I) values with nothing missing, and how old each is."""
        latest = last_seen(seen)
        carried = inputs.gather(1, latest.clamp(min=0))
        carried = torch.where(latest < 0, self.mean, carried)
        ages = time_since_seen(seen, elapsed)
        if self.log_rate is not None:
            kept = torch.exp(-self.log_rate.exp() * ages)
            carried = kept * carried + (1 - kept) * self.mean
        return torch.where(seen, inputs, carried), ages


def last_seen(seen: Tensor) -> Tensor:
    """(B, T, I) the latest sample, counted from 0, at which each feature was seen; -1 if none.

    Args:
        seen: (B, T, I) of bool.
    """
    samples = torch.arange(seen.shape[1], device=seen.device).view(1, -1, 1)
    latest: Tensor = torch.where(seen, samples, -1).cummax(1).values
    return latest


def time_since_seen(seen: Tensor, elapsed_time: Tensor) -> Tensor:
    """(B, T, I) how long ago each feature was seen; before it was, since the sequence began.

    Args:
        seen: (B, T, I) of bool.
        elapsed_time: (B, T) before each sample.
    """
    # Differences of long sums: in float64, or late ages would be rough.
    now = elapsed_time.double().cumsum(1).unsqueeze(-1)
    then = torch.where(seen, now, 0.0).cummax(1).values
    return (now - then).to(elapsed_time.dtype)
