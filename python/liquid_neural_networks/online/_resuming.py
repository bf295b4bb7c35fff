"""From a snapshot back to a learner."""

from __future__ import annotations

from typing import Callable, Protocol, Union

from .._checks import told
from ..errors import DtypeError, LiquidError, ModelFileError
from ._guarded import Guarded
from ._learner import Learner
from ._snapshots import loads


class Network(Protocol):
    """What a learner can be opened from, such as a :class:`LiquidNetwork`."""

    @property
    def learner(self) -> Callable[..., Learner]: ...


def resume(network: Network, snapshot: bytes) -> Union[Learner, Guarded]:
    """A learner on a network that goes on from a snapshot, with the options it had.

    Args:
        network: with the options and synapses of the one the snapshot is from; its weights do not
            matter, but for a frozen shadow.
        snapshot: of a :class:`Learner` or a :class:`Guarded`.

    Returns:
        What the snapshot is of.

    Raises:
        ModelFileError: the bytes are no snapshot of a learner of this network.
        DtypeError: they are not bytes, or the network is none.

    Example:
        >>> from liquid_neural_networks import LiquidNetwork
        >>> from liquid_neural_networks.online import resume
        >>> network = LiquidNetwork(2, 8, 1, seed=0)
        >>> resume(network, network.learner("snap1").snapshot()).method
        'snap1'
    """
    opened: object = getattr(network, "learner", None)
    if not callable(opened) or isinstance(network, type):
        raise DtypeError(f"expected a LiquidNetwork, got {told(network)}", "network")
    found = loads(snapshot)
    resumed: Union[Learner, Guarded]
    try:
        if found["kind"] == "guarded":
            inner = loads(found["inner"])
            resumed = Guarded(network.learner(**inner["options"]), **found["options"])
        else:
            resumed = network.learner(**found["options"])
    except (LiquidError, TypeError) as error:
        raise ModelFileError(f"has options that make no learner: {error}", "snapshot") from None
    resumed.restore(snapshot)
    return resumed
