"""Closed-form dynamics over whole sequences: a forward and a backward pass.

The kernels do what depends on the state before. What does not, torch does in one matrix product
for many samples: what the inputs contribute, what backward needs again of forward, and the
gradients of the weights, whose sums are made in an order that does not depend on scheduling. Only
states are kept from forward to backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple, Optional

import torch
import triton
from torch import Tensor
from torch.nn import functional

from . import _closed_form_kernels as kernels
from . import _layout

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "silu": functional.silu}

NEURONS, HIDDEN = (16, 32, 64), (16, 32, 64, 128)
"""Sizes that kernels are compiled for; what is smaller is padded."""
ROWS = 4
"""Batch rows of a program: enough for a weight to be used several times once it is in a register,
few enough for a batch of 1024 to occupy every multiprocessor."""
NUMBERS_AT_ONCE = 2**24
"""Longer sequences are computed in parts, so that what only a part needs stays below 64 MiB."""


class Form(NamedTuple):
    """What is computed.

    Attributes:
        mode: ``"default"``, ``"no_gate"`` or ``"pure"``.
        activation: of a backbone, a key of :data:`ACTIVATIONS`.
        layer_sizes: neurons in each layer of the wiring.
    """

    mode: str
    activation: str
    layer_sizes: tuple[int, ...]

    @property
    def heads(self) -> int:
        """K, heads of each neuron."""
        return 1 if self.mode == "pure" else 4

    @property
    def layered(self) -> bool:
        return len(self.layer_sizes) > 1


class Call(NamedTuple):
    """What goes through time.

    Attributes:
        inputs: (B, T, I), zeros where a feature is missing.
        elapsed: (B, T), or None for 1.
        state: (B, N), or (B, 2 N) with a memory.
        shift: (B, T, N), neurons by layer, what given time constants add to time_a; in mode "pure"
            the base rates.
        mask: (B, T, I), 1 where a feature was seen, or None. A memory gets the inputs as they are.
        back: (N,) the place of each neuron in the order of the layers, None if there is one layer.
    """

    inputs: Tensor
    elapsed: Optional[Tensor]
    state: Tensor
    shift: Optional[Tensor]
    mask: Optional[Tensor]
    back: Optional[Tensor]

    def seen(self, samples: slice) -> Tensor:
        """(B, T, I) the inputs of some samples, 0 where a feature is missing."""
        inputs = self.inputs[:, samples]
        return inputs if self.mask is None else inputs * self.mask[:, samples]


class Weights(NamedTuple):
    """Matrices and biases as :meth:`ClosedFormDynamics.prepare` makes them.

    Attributes:
        inputs, bias: (C, I) and (C,), where C is K N, or H if there is a backbone.
        recurrent: (C, N).
        heads, heads_bias: (K N, H) and (K N,) of a backbone.
        hidden, hidden_bias: (H, H) and (H,) of its second layer.
        gates_inputs, gates_bias, gates_recurrent: (4 N, I), (4 N,) and (4 N, N) of a memory.
        a: (N,) of mode "pure", neurons by layer.
    """

    inputs: Tensor
    bias: Tensor
    recurrent: Tensor
    heads: Optional[Tensor] = None
    heads_bias: Optional[Tensor] = None
    hidden: Optional[Tensor] = None
    hidden_bias: Optional[Tensor] = None
    gates_inputs: Optional[Tensor] = None
    gates_bias: Optional[Tensor] = None
    gates_recurrent: Optional[Tensor] = None
    a: Optional[Tensor] = None

    @property
    def units(self) -> int:
        return self.recurrent.shape[1]

    @property
    def backbone_layers(self) -> int:
        return sum(each is not None for each in (self.heads, self.hidden))


def size_class(size: int, classes: tuple[int, ...]) -> int:
    """The smallest that is not below a size."""
    return next(each for each in classes if size <= each)


def shared_bytes(heads: int, units: int, hidden: int, layers: int) -> int:
    """What the weights of a backbone occupy, and the tiles that go from product to product."""
    neurons, hidden = size_class(units, NEURONS), size_class(hidden, HIDDEN)
    columns = heads * neurons
    weights = (neurons + columns + (layers - 1) * hidden) * hidden
    return 4 * (weights + 2 * ROWS * max(columns, hidden))


# -- forward ---------------------------------------------------------------------------------------


def forward(form: Form, call: Call, weights: Weights) -> Tensor:
    """(B, T, N) or (B, T, 2 N) the states after each sample."""
    states = call.state.new_empty(*call.inputs.shape[:2], call.state.shape[1])
    by_sender = {"gates_weights": transposed(by_gate(weights))}
    if weights.heads is not None:
        by_neuron = weights.heads.view(form.heads, weights.units, -1).permute(2, 1, 0)
        by_sender["heads_weights"] = by_neuron.contiguous()
        by_sender["recurrent"] = transposed(weights.recurrent)
        by_sender["hidden_weights"] = transposed(weights.hidden)
    for samples in parts(form, call, weights):
        launch(
            kernels.forward,
            form,
            call,
            weights,
            samples,
            states=states,
            state=state_before(call, states, samples),
            terms=functional.linear(call.seen(samples), weights.inputs, weights.bias),
            gates=gates_of(weights, call.inputs[:, samples]),
            **by_sender,
        )
    return states


def transposed(matrix: Optional[Tensor]) -> Optional[Tensor]:
    """The last two dimensions exchanged, dense; None if there is none."""
    return None if matrix is None else matrix.transpose(-1, -2).contiguous()


def by_gate(weights: Weights) -> Optional[Tensor]:
    """(4, neurons, neurons) a memory's weights of the neurons, as large as the kernels' tiles."""
    if weights.gates_recurrent is None:
        return None
    return _layout.gates(weights.gates_recurrent, size_class(weights.units, NEURONS))


def parts(form: Form, call: Call, weights: Weights) -> Iterator[slice]:
    """The samples of each part of a sequence."""
    batch, steps, _ = call.inputs.shape
    columns, units = weights.recurrent.shape
    numbers = (1 + 2 * weights.backbone_layers) * columns + (form.heads + 4) * units
    length = max(1, NUMBERS_AT_ONCE // (batch * numbers))
    for first in range(0, steps, length):
        yield slice(first, min(first + length, steps))


def state_before(call: Call, states: Tensor, samples: slice) -> Tensor:
    """(B, N) or (B, 2 N) the state before the first of these samples."""
    return call.state if samples.start == 0 else states[:, samples.start - 1]


def gates_of(weights: Weights, inputs: Tensor) -> Optional[Tensor]:
    """(B, T, 4 N) what inputs contribute to the gates of a memory, None if there is none."""
    if weights.gates_inputs is None:
        return None
    return functional.linear(inputs, weights.gates_inputs, weights.gates_bias)


# -- backward --------------------------------------------------------------------------------------


def backward(
    form: Form, call: Call, weights: Weights, states: Tensor, grad_states: Tensor
) -> tuple[Call, Weights]:
    """Of everything but ``back``."""
    sums = Weights(*(None if each is None else torch.zeros_like(each) for each in weights))  # type: ignore[arg-type]
    if weights.a is not None:
        sums = sums._replace(a=weights.a.new_zeros(len(call.inputs), weights.units))
    grads = Call(
        torch.empty_like(call.inputs),
        None if call.elapsed is None else torch.empty_like(call.elapsed),
        torch.zeros_like(call.state),
        None if call.shift is None else call.shift.new_empty(call.shift.shape),
        None,
        None,
    )
    for samples in reversed(list(parts(form, call, weights))):
        backward_part(form, call, weights, states, grad_states, samples, grads, sums)
    return grads, sums if sums.a is None else sums._replace(a=sums.a.sum(0))


def backward_part(
    form: Form,
    call: Call,
    weights: Weights,
    states: Tensor,
    grad_states: Tensor,
    samples: slice,
    grads: Call,
    sums: Weights,
) -> None:
    """Of some samples, after all later ones: fills ``grads`` and adds to ``sums``."""
    again = forward_again(form, call, weights, states, samples)
    launch(
        kernels.backward,
        form,
        call,
        weights,
        samples,
        heads=again.heads,
        y=again.y,
        gates=again.gates,
        grad_state=grads.state,
        grad_elapsed=grads.elapsed,
        grad_shift=grads.shift,
        grad_a=sums.a,
        grad_states=grad_states,
        states=states,
        state=state_before(call, states, samples),
        gates_weights=by_gate(weights),
    )
    # In the place of what entered an activation the kernel left its gradient.
    add_gradients(form, call, again, states, samples, sums)
    of_inputs = again.first_layer @ weights.inputs
    grads.inputs[:, samples] = of_inputs if call.mask is None else of_inputs * call.mask[:, samples]
    if again.gates is not None and weights.gates_inputs is not None:
        grads.inputs[:, samples] += again.gates @ weights.gates_inputs


class Again(NamedTuple):
    """What forward computed, once more, for samples whose states are known.

    Attributes:
        before: (B, T, N) the states before each sample.
        starts: (B, T, N) the states they start from: these, or what a memory makes of them.
        heads: (B, T, K N).
        y, z: (layers, B, T, H) what enters each activation of a backbone, and what comes out.
        gates: (B, T, 4 N) what enters each activation of a memory's gates.
    """

    before: Tensor
    starts: Tensor
    heads: Tensor
    y: Optional[Tensor] = None
    z: tuple[Tensor, ...] = ()
    gates: Optional[Tensor] = None

    @property
    def first_layer(self) -> Tensor:
        """(B, T, C) what inputs and states contribute to."""
        return self.heads if self.y is None else self.y[0]


def forward_again(
    form: Form, call: Call, weights: Weights, states: Tensor, samples: slice
) -> Again:
    """All samples at once, in matrix products."""
    units, now = weights.units, states[:, samples]
    first_state = state_before(call, states, samples).unsqueeze(1)
    before = torch.cat([first_state, now[:, :-1]], 1)[..., :units]
    gates, starts = gates_of(weights, call.inputs[:, samples]), before
    if gates is not None and weights.gates_recurrent is not None:
        gates += functional.linear(before, weights.gates_recurrent)
        starts = torch.sigmoid(gates[..., 3 * units :]) * torch.tanh(now[..., units:])
    first_layer = functional.linear(call.seen(samples), weights.inputs, weights.bias)
    if form.layered:
        new = from_earlier_layers(form, call.back)
        first_layer += functional.linear(now[..., :units], weights.recurrent * new)
        first_layer += functional.linear(starts, weights.recurrent * ~new)
    else:
        first_layer += functional.linear(starts, weights.recurrent)
    if weights.heads is None:
        return Again(before, starts, first_layer, gates=gates)
    y, z = through_backbone(form, weights, first_layer)
    heads = functional.linear(z[-1], weights.heads, weights.heads_bias)
    return Again(before, starts, heads, y, z, gates)


def through_backbone(
    form: Form, weights: Weights, first_layer: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """``y`` and ``z`` of :class:`Again`."""
    function = ACTIVATIONS[form.activation]
    y = first_layer.new_empty(weights.backbone_layers, *first_layer.shape)
    y[0] = first_layer
    z: tuple[Tensor, ...] = (function(first_layer),)
    if weights.hidden is not None:
        y[1] = functional.linear(z[0], weights.hidden, weights.hidden_bias)
        z += (function(y[1]),)
    return y, z


def from_earlier_layers(form: Form, back: Optional[Tensor]) -> Tensor:
    """(K N, N) where a head receives the new state of a neuron: that of an earlier layer."""
    assert back is not None
    ends = layer_starts(form.layer_sizes, back.device)[1:]
    receiver = layer_of_heads(form.layer_sizes, form.heads, back.device)
    return torch.bucketize(back, ends, right=True) < receiver.unsqueeze(1)


@cache
def layer_starts(sizes: tuple[int, ...], device: torch.device) -> Tensor:
    """(layers + 1,) where each layer of the wiring begins, and where the last one ends."""
    return torch.tensor([0, *accumulate(sizes)], device=device)


@cache
def layer_of_heads(sizes: tuple[int, ...], heads: int, device: torch.device) -> Tensor:
    """(K N,)."""
    layers = [layer for layer, size in enumerate(sizes) for _ in range(heads * size)]
    return torch.tensor(layers, device=device)


def add_gradients(
    form: Form, call: Call, again: Again, states: Tensor, samples: slice, sums: Weights
) -> None:
    """Adds those of the weights; in ``again``, gradients are in the place of what they are of."""
    if again.y is not None:
        add_layer(sums.heads, sums.heads_bias, again.heads, again.z[-1])
        if len(again.z) > 1:
            add_layer(sums.hidden, sums.hidden_bias, again.y[1], again.z[0])
    add_layer(sums.inputs, sums.bias, again.first_layer, call.seen(samples))
    if form.layered:
        by_new = outer(again.first_layer, states[:, samples, : sums.units])
        by_old = outer(again.first_layer, again.starts)
        new = from_earlier_layers(form, call.back)
        sums.recurrent.add_(torch.where(new, by_new, by_old))
    else:
        add_layer(sums.recurrent, None, again.first_layer, again.starts)
    if again.gates is not None:
        add_layer(sums.gates_inputs, sums.gates_bias, again.gates, call.inputs[:, samples])
        add_layer(sums.gates_recurrent, None, again.gates, again.before)


def add_layer(
    matrix: Optional[Tensor], bias: Optional[Tensor], grad: Tensor, inputs: Tensor
) -> None:
    """Adds the gradients of a layer's matrix (R, C) and bias (R,), given its inputs (B, T, C) and
    the gradient of its outputs (B, T, R)."""
    if matrix is not None:
        matrix.addmm_(grad.flatten(0, 1).t(), inputs.flatten(0, 1))
    if bias is not None:
        bias.add_(grad.sum((0, 1)))


def outer(rows: Tensor, columns: Tensor) -> Tensor:
    """(R, C) sums over batch and time of products of (B, T, R) and (B, T, C)."""
    return rows.flatten(0, 1).t() @ columns.flatten(0, 1)


# -- launching -------------------------------------------------------------------------------------


def launch(
    kernel: Any,
    form: Form,
    call: Call,
    weights: Weights,
    samples: slice,
    **tensors: Optional[Tensor],
) -> None:
    """Runs a kernel over some samples of every batch row."""
    batch, total, _ = call.inputs.shape
    units, hidden = weights.units, 1 if weights.heads is None else weights.recurrent.shape[0]
    state, shift = tensors["state"], call.shift
    assert state is not None
    arguments: dict[str, Any] = {
        "elapsed": call.elapsed,
        "shift": shift,
        "recurrent": weights.recurrent,
        "a": weights.a,
        "back": call.back,
        "layer_starts": layer_starts(form.layer_sizes, state.device) if form.layered else None,
        "heads_weights": weights.heads,
        "heads_bias": weights.heads_bias,
        "hidden_weights": weights.hidden,
        "hidden_bias": weights.hidden_bias,
        "batch": batch,
        "steps": samples.stop - samples.start,
        "first": samples.start,
        "total": total,
        "units": units,
        "hidden": hidden,
        "layers": len(form.layer_sizes),
        "state_row": state.stride(0),
        "shift_row": 0 if shift is None else shift.stride(0),
        "shift_step": 0 if shift is None else shift.stride(1),
        "MODE": form.mode,
        "ACTIVATION": form.activation,
        "ROWS": ROWS,
        "NEURONS": size_class(units, NEURONS),
        "HIDDEN": size_class(hidden, HIDDEN),
        **tensors,
    }
    named = {name: arguments[name] for name in kernel.arg_names}
    with torch.cuda.device_of(state):
        kernel[(triton.cdiv(batch, ROWS),)](**named, **options(kernel, weights))


AMD_WARPS = {kernels.forward: 16, kernels.backward: 4}
"""Of the largest size class without a backbone: with these nothing moves to memory."""


def options(kernel: Any, weights: Weights) -> dict[str, Any]:
    """How a kernel is compiled: with a thread for each head of each neuron."""
    neurons = size_class(weights.units, NEURONS)
    warps = neurons // 8
    if weights.heads is not None:
        warps = max(warps, 4 * weights.backbone_layers)
    elif torch.version.hip and neurons == NEURONS[-1]:
        warps = AMD_WARPS[kernel]
    chosen = {"num_warps": warps, "num_stages": 1, "enable_fp_fusion": True}
    if not torch.version.hip:
        # Else the compiler moves some numbers to memory to let one more program in.
        chosen["maxnreg"] = 255
    return chosen
