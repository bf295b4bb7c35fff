"""Gradients of the reference by the complex step: no subtraction, so no cancellation.

For an analytic f, Im f(x + i e) / e = f'(x) + O(e^2); e = 1e-30 makes the second term vanish.
Source: Squire and Trapp, *Using complex variables to estimate derivatives of real functions*,
SIAM Review 40, 1998.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from .reference import Array, Model, Result, prepare, run

STEP = 1e-30

DIFFERENTIABLE = ("inputs", "time_constants", "elapsed_time", "state")
"""Arguments that have a gradient where they are given."""


def loss(result: Result, weights: dict[str, Array]) -> Array:
    """sum(outputs * weights.outputs) + sum(state * weights.state), in the reference's layout."""
    return _weighed(result.outputs, weights["outputs"]) + _weighed(result.state, weights["state"])


def _weighed(values: Array, weights: Array) -> Array:
    """One sum for each perturbed network, the axes in front of those of ``weights``."""
    total: Array = (values * weights).sum(tuple(range(-weights.ndim, 0)))
    return total


def gradients(
    model: Model, arguments: dict[str, Any], weights: dict[str, Array]
) -> dict[str, Optional[Any]]:
    """The loss's gradient for every given argument, and under ``tensors`` for every parameter.

    ``weights`` are batch first, as :func:`spec.reference.run` returns outputs and state.
    """
    found: dict[str, Any] = {
        name: None
        if arguments[name] is None
        else argument_gradient(model, arguments, weights, name)
        for name in DIFFERENTIABLE
    }
    found["tensors"] = {
        name: tensor_gradient(model, arguments, weights, name) for name in model["tensors"]
    }
    return found


def argument_gradient(
    model: Model, arguments: dict[str, Any], weights: dict[str, Array], name: str
) -> Array:
    """d loss / d argument, in the shape the caller gave it."""
    given = arguments[name]
    worlds = [prepare(model, {**arguments, name: each}) for each in perturbed(given)]
    plain = prepare(model, arguments)
    lifted = plain._replace(**{name: np.stack([getattr(each, name) for each in worlds])})
    return _slopes(loss(run(model, lifted), weights), given)


def tensor_gradient(
    model: Model, arguments: dict[str, Any], weights: dict[str, Array], name: str
) -> Array:
    """d loss / d parameter."""
    value = model["tensors"][name]
    if value.size == 0:
        return np.zeros(value.shape)
    # A 1 where the batch is, so that the perturbed networks line up in front of it.
    lifted = {**model, "tensors": {**model["tensors"], name: perturbed(value)[:, None]}}
    return _slopes(loss(run(lifted, prepare(model, arguments)), weights), value)


def perturbed(value: Array) -> Array:
    """(value.size, *value.shape) complex copies, each with one element moved by i STEP."""
    copies = np.repeat(value[None].astype(complex), value.size, axis=0)
    copies.reshape(value.size, value.size)[np.diag_indices(value.size)] += 1j * STEP
    return copies


def _slopes(losses: Array, value: Array) -> Array:
    # One loss for all when nothing depends on the value: its slope is 0 everywhere.
    slopes: Array = np.broadcast_to(losses.imag / STEP, (value.size,)).reshape(value.shape)
    return slopes
