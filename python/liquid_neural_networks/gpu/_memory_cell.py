"""The mixed memory, an LSTM cell beside the neurons, inside a kernel.

    m <- sigmoid(forget + 1) m + sigmoid(input) tanh(candidate)
    x <- sigmoid(output) tanh(m)

with (candidate, input, forget, output) = terms + W_rec x. The terms, which are what the inputs
contribute, and the gradient of W_rec are matrix products over all samples at once; torch does them.
See :mod:`liquid_neural_networks.memory`.

Tiles are (rows, neurons). ``terms`` and ``grad_terms`` point into (B, T, 4 N), to the candidate of
each row and neuron of the tile at this sample. Rows and neurons that do not exist have a memory and
a state of 0 before a sample, and after it; weights to and from them are 0, see ``_layout.gates``.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._device import places, sigmoid, spread, tanh


@triton.jit
def open_gates(x, terms, recurrent, there, units, SENDERS: tl.constexpr, SHUFFLE: tl.constexpr):
    """Candidate, input, forget and output, after their tanh or sigmoid.

    Args:
        x: the state before the sample.
        terms: see above.
        recurrent: W_rec by gate, sender and receiver, (4, neurons, neurons).
        there: which of the tile's rows and neurons exist.
        units: N.
        SHUFFLE: see ``pick``.
        SENDERS: how many senders' weights are loaded at a time, a power of 2.
    """
    width: tl.constexpr = x.shape[1]
    size: tl.constexpr = width * width
    candidate = tl.zeros((x.shape[0], SENDERS, width), tl.float32)
    input_ = candidate
    forget = candidate
    output = candidate
    for first in range(0, units, SENDERS):
        sent = spread(x, _senders(first, SENDERS, width), SHUFFLE)
        weights = places(recurrent + first * width, SENDERS, width)
        candidate += sent * tl.load(weights)
        input_ += sent * tl.load(weights + size)
        forget += sent * tl.load(weights + 2 * size)
        output += sent * tl.load(weights + 3 * size)
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
    SENDERS: tl.constexpr,
    SHUFFLE: tl.constexpr,
):
    """From the gradients of what ``remember`` returned those of state and memory before the sample.

    Writes those of the terms.

    Args:
        grad_x, grad_memory: of the state the interval started from, and of the new memory.
        memory: before the sample.
        candidate, input_, forget, output: the open gates.
        weights: W_rec by gate, receiver and sender, (4, neurons, neurons).
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
    width: tl.constexpr = memory.shape[1]
    size: tl.constexpr = width * width
    total = tl.zeros((memory.shape[0], SENDERS, width), tl.float32)
    for first in range(0, units, SENDERS):
        receivers = _senders(first, SENDERS, width)
        at = places(weights + first * width, SENDERS, width)
        total += spread(of_candidate, receivers, SHUFFLE) * tl.load(at)
        total += spread(of_input, receivers, SHUFFLE) * tl.load(at + size)
        total += spread(of_forget, receivers, SHUFFLE) * tl.load(at + 2 * size)
        total += spread(of_output, receivers, SHUFFLE) * tl.load(at + 3 * size)
    return tl.sum(total, 1), grad_memory * forget


@triton.jit
def _senders(first, SENDERS: tl.constexpr, width: tl.constexpr):
    """(1, SENDERS, width): so many neurons, the same for each of the width."""
    senders = first + tl.arange(0, SENDERS)[None, :, None]
    return tl.broadcast_to(senders, (1, SENDERS, width))
