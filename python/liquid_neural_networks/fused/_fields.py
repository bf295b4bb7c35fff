"""The names under which tensors go to C, checked against C's own table when they are imported."""

from __future__ import annotations

from .._kernel import native
from . import _memory

DYNAMICS = {
    "conductance": (
        "c", "g", "vleak",
        "w", "sigma", "mu", "E",
        "sensory_w", "sensory_sigma", "sensory_mu", "sensory_E",
        "a", "b",
    ),
    "dense": ("W_rec", "tau", "A"),
}  # fmt: skip
"""Dynamics -> the parameters that C reads."""

SEQUENCE = {
    "conductance": ("inputs", "mask", "elapsed_time", "time_constants", "state"),
    # Their inputs are W_in u + b, which has no missing features.
    "dense": ("inputs", "elapsed_time", "time_constants", "state"),
}
"""Dynamics -> what C reads of a sequence and of where it starts."""

READ = {name: (*SEQUENCE[name], *_memory.READ, *own) for name, own in DYNAMICS.items()}
"""Dynamics -> everything that C reads forward."""

CLOSED_FORM = (
    "input_terms", "elapsed_time", "shift", "state",
    "recurrent", "heads", "heads_bias", "between_layers", "A",
)  # fmt: skip
"""What C reads for closed-form dynamics; further backbone layers follow as ``hidden_1``,
``hidden_bias_1`` and so on."""


def _check() -> None:
    """Raises ImportError where the extension does not know a name."""
    if native is None:
        return
    for kind, names in (*READ.items(), ("closed_form", (*CLOSED_FORM, *_memory.READ))):
        known = {field[0] for field in native.FIELDS[kind]}
        unknown = set(names) - known
        if unknown:
            raise ImportError(
                f"the C extension does not know {', '.join(sorted(unknown))} of {kind}: install "
                "liquid-neural-networks again"
            )


_check()
