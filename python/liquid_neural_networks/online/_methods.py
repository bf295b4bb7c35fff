"""Which sensitivities a learner keeps: exact, or those near a parameter's own neuron.

How a neuron's state depends on a parameter is 0 for good where no path of synapses leads from the
parameter's neuron to it. Kept are only rows where one does (``exact``), or only that of the neuron
itself (``snap1``) and of those it sends to (``snap2``): Menick et al., *Practical real time
recurrent learning with a sparse approximation*, ICLR 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ._layout import Layout

Flags = npt.NDArray[np.bool_]

MOST_PRODUCTS = 2_000_000
"""Multiply-adds a sample up to which ``auto`` learns exactly: about a tenth of a millisecond."""


def reaching(joined: Flags) -> Flags:
    """(N, N) whether signals of a neuron (first index) ever reach another."""
    near = joined
    while True:
        further = near | ((near.astype(np.float32) @ near.astype(np.float32)) > 0)
        if (further == near).all():
            return near
        near = further


def _own(joined: Flags) -> Flags:
    return np.eye(len(joined), dtype=bool)


class Method(NamedTuple):
    """A way to learn.

    Attributes:
        kept: (N, N) flags of which neuron's signals go directly to which, itself included -> flags
            of which rows are kept of each neuron's parameters. None: it keeps no sensitivities.
        summary: in a few words.
    """

    kept: Optional[Callable[[Flags], Flags]]
    summary: str


METHODS: Mapping[str, Method] = {
    "exact": Method(reaching, "real-time recurrent learning, exact"),
    "snap2": Method(lambda joined: joined, "sensitivities up to one synapse away"),
    "snap1": Method(_own, "each parameter's own neuron only"),
    "window": Method(None, "back-propagation through the latest samples"),
    "readout": Method(None, "the read-out only"),
}
"""Name -> method, the most accurate first."""


def rows_of(method: str, layout: Layout) -> list[npt.NDArray[np.int64]]:
    """The rows that are kept, for each block of the layout."""
    return [np.flatnonzero(each) for each in _kept(method, layout)]


def flags_of(method: str, layout: Layout, sizes: Mapping[str, int]) -> Flags:
    """(N, P) which sensitivities are kept, of parameters one after the other: name -> how many
    numbers it has."""
    rows, parts = rows_of(method, layout), []
    for name, size in sizes.items():
        kept = np.zeros((layout.units, size), dtype=bool)
        if name in layout.within:
            for index, block in enumerate(layout.within[name][0]):
                kept[np.isin(layout.place, rows[block]), index] = True
        parts.append(kept)
    return np.hstack(parts)


def products(method: str, layout: Layout) -> int:
    """Multiply-adds that its sensitivities take a sample."""
    kept = _kept(method, layout).astype(np.float64)
    edges = ((kept @ _joined(layout).T) * kept).sum(1)
    return int((edges * layout.width).sum()) * layout.unfolds


def _joined(layout: Layout) -> Flags:
    joined = np.eye(layout.units, dtype=bool)
    joined[layout.lists.pre, layout.lists.post] = True
    return joined


def _kept(method: str, layout: Layout) -> Flags:
    """(blocks, N)"""
    keep = METHODS[method].kept
    assert keep is not None
    kept = keep(_joined(layout))
    if layout.dynamics != "conductance":
        return kept
    # The affine map of the inputs acts on every neuron that receives one.
    receivers = np.unique(layout.lists.sensory_post)
    return np.vstack([kept, kept[receivers].any(0)])


def choose(layout: Optional[Layout], why_not: str) -> tuple[str, str]:
    """The method for a network by what it costs, and why it is this one."""
    if layout is None:
        return "window", f"the network as a whole has no sensitivities in C: {why_not}"
    count = products("exact", layout)
    if count <= MOST_PRODUCTS:
        return "exact", f"it takes {count:,} multiply-adds a sample"
    fewer = products("snap1", layout)
    return "snap1", (
        f"exact learning would take {count:,} multiply-adds a sample, this takes {fewer:,}"
    )
