"""``Operator``: a function of tensors that computes its gradients itself, as torch wants it.

In eager mode it runs as an ``autograd.Function``, the cheapest way through torch; inside
``torch.compile`` and ``torch.export`` as an opaque operator of torch, which breaks no graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import torch
from torch import Tensor, library

from ..solvers import refuse_second_derivatives

Tensors = Sequence[Optional[Tensor]]
Options = Sequence[int]

_library = library.Library("liquid_neural_networks", "FRAGMENT")


class Operator:
    """An operator of torch.

    Args:
        name: in torch's registry.
        shape: (options, tensors) -> the output's shape; its dtype and device are those of the first
            tensor.
        forward: (options, tensors) -> the output.
        backward: (options, gradient of the output, output, tensors) -> gradients of the first
            ``differentiable`` tensors, None where a tensor is.
        differentiable: how many tensors have a gradient, (options) -> number.
    """

    def __init__(
        self,
        name: str,
        shape: Callable[[Options, Tensors], list[int]],
        forward: Callable[[Options, Tensors], Tensor],
        backward: Callable[[Options, Tensor, Tensor, Tensors], Tensors],
        differentiable: Callable[[Options], int],
    ):
        self.shape = shape
        self.forward = forward
        self.backward = backward
        self.differentiable = differentiable
        self._define(name)

    def __call__(self, options: Options, tensors: Tensors) -> Tensor:
        """The output; options are whole numbers."""
        output: Tensor
        if torch.compiler.is_compiling():
            there = [tensor is not None for tensor in tensors]
            present = [tensor for tensor in tensors if tensor is not None]
            output = self._graph(present, there, list(options))
        elif torch.is_grad_enabled():
            output = _Eager.apply(self, options, *tensors)
        else:
            output = self.forward(options, tensors)
        return output

    def gradients(
        self, options: Options, grad: Tensor, output: Tensor, tensors: Tensors
    ) -> Tensors:
        """One for each tensor, None where there is none."""
        # Else matrix products would be lowered where backward is called inside autocast.
        with torch.autocast(output.device.type, enabled=False):
            grads = self.backward(options, grad, output, tensors)
        return [*grads, *[None] * (len(tensors) - len(grads))]

    # -- in graphs: without None, which lists of an operator cannot have ---------------------------

    def _define(self, name: str) -> None:
        full = f"liquid_neural_networks::{name}"
        arguments = "Tensor[] tensors, bool[] there, int[] options"
        _library.define(f"{name}({arguments}) -> Tensor")
        _library.define(f"{name}_backward(Tensor grad, Tensor output, {arguments}) -> Tensor[]")
        self._graph = getattr(torch.ops.liquid_neural_networks, name)
        self._graph_backward = getattr(torch.ops.liquid_neural_networks, f"{name}_backward")
        for device in ("CPU", "CUDA"):
            _library.impl(name, self._run, device)
            _library.impl(f"{name}_backward", self._run_backward, device)
        library.register_fake(full, self._fake, lib=_library)
        library.register_fake(f"{full}_backward", self._fake_backward, lib=_library)
        library.register_autograd(full, self._differentiate, setup_context=self._keep, lib=_library)

    def _run(self, present: list[Tensor], there: list[bool], options: list[int]) -> Tensor:
        return self.forward(options, _with_none(present, there))

    def _run_backward(
        self,
        grad: Tensor,
        output: Tensor,
        present: list[Tensor],
        there: list[bool],
        options: list[int],
    ) -> list[Tensor]:
        grads = self.gradients(options, grad, output, _with_none(present, there))
        # Outputs of an operator share no memory.
        return [each.clone() if each._is_view() else each for each in grads if each is not None]

    def _fake(self, present: list[Tensor], there: list[bool], options: list[int]) -> Tensor:
        return present[0].new_empty(self.shape(options, _with_none(present, there)))

    def _fake_backward(
        self,
        grad: Tensor,
        output: Tensor,
        present: list[Tensor],
        there: list[bool],
        options: list[int],
    ) -> list[Tensor]:
        count = sum(there[: self.differentiable(options)])
        return [each.new_empty(each.shape) for each in present[:count]]

    @staticmethod
    def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        present, ctx.there, ctx.options = inputs
        ctx.save_for_backward(output, *present)

    def _differentiate(self, ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        output, *present = ctx.saved_tensors
        grads = self._graph_backward(grad, output, present, ctx.there, ctx.options)
        return [*grads, *[None] * (len(present) - len(grads))], None, None


def _with_none(present: list[Tensor], there: list[bool]) -> Tensors:
    each = iter(present)
    return [next(each) if one else None for one in there]


class _Eager(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, operator: Operator, options: Options, *tensors: Optional[Tensor]
    ) -> Tensor:
        output = operator.forward(options, tensors)
        ctx.operator, ctx.options = operator, options
        ctx.save_for_backward(output, *tensors)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        refuse_second_derivatives()
        output, *tensors = ctx.saved_tensors
        return None, None, *ctx.operator.gradients(ctx.options, grad, output, tensors)
