"""The mixed memory, an LSTM cell beside the neurons, inside a kernel.

    m <- sigmoid(forget + 1) m + sigmoid(input) tanh(candidate)
    x <- sigmoid(output) tanh(m)

with (candidate, input, forget, output) = terms + W_rec x. The terms, which are what the inputs
contribute, and the gradient of W_rec are matrix products over all samples at once; torch does them.
See :mod:`liquid_neural_networks.memory`.

Tiles are (rows, neurons). ``terms`` and ``grad_terms`` point into (B, T, 4 N), to the candidate of
each row and neuron of the tile at this sample. Rows and neurons that do not exist have a memory and
a state of 0 before a sample, and after it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._device import sigmoid, spread, tanh


@triton.jit
def open_gates(
    x, terms, recurrent, there, units, scratch, SENDERS: tl.constexpr, SHUFFLE: tl.constexpr
):
    """Candidate, input, forget and output, after their tanh or sigmoid.

    Args:
        x: the state before the sample.
        terms: see above.
        recurrent: W_rec transposed, (N, 4 N).
        there: which of the tile's rows and neurons exist.
        units: N.
        scratch, SHUFFLE: see ``spread``.
        SENDERS: how many senders' weights are loaded at a time, a power of 2.
    """
    neurons = tl.arange(0, x.shape[1])[None, None, :]
    candidate = tl.zeros((x.shape[0], SENDERS, x.shape[1]), tl.float32)
    input_ = candidate
    forget = candidate
    output = candidate
    for first in range(0, units, SENDERS):
        senders = first + tl.arange(0, SENDERS)[None, :, None]
        exists = (senders < units) & (neurons < units)
        weights = recurrent + senders * 4 * units + neurons
        sent = spread(x, _same(senders, units, x.shape[1]), scratch, SHUFFLE)
        candidate += sent * tl.load(weights, mask=exists, other=0.0)
        input_ += sent * tl.load(weights + units, mask=exists, other=0.0)
        forget += sent * tl.load(weights + 2 * units, mask=exists, other=0.0)
        output += sent * tl.load(weights + 3 * units, mask=exists, other=0.0)
    return (
        tanh(tl.sum(candidate, 1) + tl.load(terms, mask=there, other=0.0)),
        sigmoid(tl.sum(input_, 1) + tl.load(terms + units, mask=there, other=0.0)),
        sigmoid(tl.sum(forget, 1) + tl.load(terms + 2 * units, mask=there, other=0.0) + 1.0),
        sigmoid(tl.sum(output, 1) + tl.load(terms + 3 * units, mask=there, other=0.0)),
    )


@triton.jit
def remember(memory, candidate, input_, forget, output):
    """The state an interval starts from, and the new memory."""
    memory = forget * memory + input_ * candidate
    return output * tanh(memory), memory


@triton.jit
def remember_gradient(
    grad_x,
    grad_memory,
    memory,
    candidate,
    input_,
    forget,
    output,
    weights,
    grad_terms,
    there,
    units,
    scratch,
    SENDERS: tl.constexpr,
    SHUFFLE: tl.constexpr,
):
    """From the gradients of what ``remember`` returned those of state and memory before the sample.

    Writes those of the terms.

    Args:
        grad_x, grad_memory: of the state the interval started from, and of the new memory.
        memory: before the sample.
        candidate, input_, forget, output: the open gates.
        weights: W_rec, (4 N, N).
        The others: as for ``open_gates``.
    """
    after = tanh(forget * memory + input_ * candidate)
    grad_memory += grad_x * output * (1.0 - after * after)
    of_candidate = grad_memory * input_ * (1.0 - candidate * candidate)
    of_input = grad_memory * candidate * input_ * (1.0 - input_)
    of_forget = grad_memory * memory * forget * (1.0 - forget)
    of_output = grad_x * after * output * (1.0 - output)
    tl.store(grad_terms, of_candidate, mask=there)
    tl.store(grad_terms + units, of_input, mask=there)
    tl.store(grad_terms + 2 * units, of_forget, mask=there)
    tl.store(grad_terms + 3 * units, of_output, mask=there)
    block = units * units
    grad_x = _product(of_candidate, weights, units, scratch, SENDERS, SHUFFLE)
    grad_x += _product(of_input, weights + block, units, scratch, SENDERS, SHUFFLE)
    grad_x += _product(of_forget, weights + 2 * block, units, scratch, SENDERS, SHUFFLE)
    grad_x += _product(of_output, weights + 3 * block, units, scratch, SENDERS, SHUFFLE)
    return grad_x, grad_memory * forget


@triton.jit
def _product(values, weights, units, scratch, SENDERS: tl.constexpr, SHUFFLE: tl.constexpr):
    """(rows, neurons): values (rows, neurons) times a matrix (N, N)."""
    neurons = tl.arange(0, values.shape[1])[None, None, :]
    total = tl.zeros((values.shape[0], SENDERS, values.shape[1]), tl.float32)
    for first in range(0, units, SENDERS):
        senders = first + tl.arange(0, SENDERS)[None, :, None]
        exists = (senders < units) & (neurons < units)
        each = tl.load(weights + senders * units + neurons, mask=exists, other=0.0)
        total += each * spread(values, _same(senders, units, values.shape[1]), scratch, SHUFFLE)
    return tl.sum(total, 1)


@triton.jit
def _same(senders, units, width: tl.constexpr):
    """(1, SENDERS, width): the senders (1, SENDERS, 1) that exist, the same for each neuron."""
    return tl.broadcast_to(tl.minimum(senders, units - 1), (1, senders.shape[1], width))
