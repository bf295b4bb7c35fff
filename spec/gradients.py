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

TINY = 1e-150
"""The step along a direction: infinitesimal beside any number, also when multiplied by 1e30."""

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


def along(
    model: Model,
    arguments: dict[str, Any],
    weights: dict[str, Array],
    directions: dict[str, Array],
) -> dict[str, float]:
    """The loss's slope along each direction, those of tensors and of given arguments by name.

    One run for all of them: a slope along a random direction tells two gradients apart as well as
    every element does, and costs a fraction.
    """
    names = list(directions)

    def moved(name: str, value: Array) -> list[Array]:
        """The value in the perturbed network of each direction."""
        return [value + (1j * TINY * directions[name] if each == name else 0j) for each in names]

    # A 1 where the batch is, so that the perturbed networks line up in front of it.
    tensors = {
        name: np.stack(moved(name, each))[:, None] for name, each in model["tensors"].items()
    }
    plain = prepare(model, arguments)
    lifted: dict[str, Any] = {}
    for name in DIFFERENTIABLE:
        each = [getattr(plain, name)] * len(names)
        if arguments[name] is not None and name in directions:
            other = {**arguments, name: arguments[name] + 1j * TINY * directions[name]}
            each[names.index(name)] = getattr(prepare(model, other), name)
        lifted[name] = None if each[0] is None else np.stack(np.broadcast_arrays(*each))
    result = run({**model, "tensors": tensors}, plain._replace(**lifted))
    slopes = np.broadcast_to(loss(result, weights).imag / TINY, len(names))
    return dict(zip(names, slopes.tolist()))


def perturbed(value: Array) -> Array:
    """(value.size, *value.shape) complex copies, each with one element moved by i STEP."""
    copies = np.repeat(value[None].astype(complex), value.size, axis=0)
    copies.reshape(value.size, value.size)[np.diag_indices(value.size)] += 1j * STEP
    return copies


def _slopes(losses: Array, value: Array) -> Array:
    # One loss for all when nothing depends on the value: its slope is 0 everywhere.
    slopes: Array = np.broadcast_to(losses.imag / STEP, (value.size,)).reshape(value.shape)
    return slopes
