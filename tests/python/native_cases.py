"""Problems for the C extension, put to it straight from torch, and their answers in plain float64.

A problem is made of random arrays under the names of the extension's own table. The answers come
from the equations, written down here once more and differentiated by autograd.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Callable, Optional

import pytest
import torch
from torch import Tensor
from torch.nn import functional

native = pytest.importorskip(
    "liquid_neural_networks._kernel._native", reason="THE COMPILED STEP IS NOT TESTED: not built"
)

KERNELS = [first + wide for first in native.instruction_sets().values() for wide in (0, 1)]
"""Every kernel of this machine: for float32 and float64 of each instruction set."""

LANES = 16
"""Rows of the largest chunk of any kernel; a multiple of all others."""

Arrays = dict[str, Tensor]


def kernel_id(kernel: int) -> str:
    names = {first: name for name, first in native.instruction_sets().items()}
    return f"{names[kernel - kernel % 2]}-{'f64' if kernel % 2 else 'f32'}"


def dtype_of(kernel: int) -> torch.dtype:
    return torch.float64 if kernel % 2 else torch.float32


@dataclass
class Problem:
    """What a plan is given, and what it has to give back.

    Attributes:
        plan: the capsule, and ``made_of`` its arguments.
        table: its kind, a key of ``native.FIELDS``.
        sizes: by the letters of that table.
        read: arrays (float64) that forward and backward read.
        answer: from arrays like ``read`` and ``leaves`` to what forward has to write.
        written: names of those, and of what forward keeps for backward.
        gradients: what backward writes: name -> the array it is the gradient of.
        leaves: arrays of 0 that stand for sums inside the equations, for their gradients.
    """

    plan: Any
    made_of: tuple[Any, ...]
    table: str
    sizes: dict[str, int]
    read: Arrays
    answer: Callable[[Arrays], Arrays]
    written: list[str]
    gradients: dict[str, str]
    leaves: Arrays = field(default_factory=dict)

    def shape(self, name: str, rows: int) -> tuple[int, ...]:
        """The shape of an array as the extension's table has it, with so many kept rows; a gradient
        has that of what it is the gradient of."""
        if name in self.gradients and self.gradients[name] in self.read:
            return tuple(self.read[self.gradients[name]].shape)
        dims = next(row[2] for row in native.FIELDS[self.table] if row[0] == name)
        return tuple(_product(dim, {**self.sizes, "R": rows}) for dim in dims)

    def empty(self, names: Iterable[str], kernel: int, rows: Optional[int] = None) -> Arrays:
        """Arrays of NaN for what is written; ``rows`` as in :meth:`shape`, else the kernel's."""
        rows = native.kept_rows(self.plan, kernel, self.sizes["B"]) if rows is None else rows
        shapes = {name: self.shape(name, rows) for name in names}
        dtype = dtype_of(kernel)
        return {name: torch.full(each, torch.nan, dtype=dtype) for name, each in shapes.items()}

    def forward_arrays(self, kernel: int, keep: bool = True, rows: Optional[int] = None) -> Arrays:
        """What a forward is called with."""
        dtype = dtype_of(kernel)
        names = self.written if keep else [n for n in self.written if n in ("states", "memories")]
        read = {name: each.to(dtype) for name, each in self.read.items()}
        return read | self.empty(names, kernel, rows)

    def backward_arrays(self, kernel: int, forward: Arrays, rows: Optional[int] = None) -> Arrays:
        """What a backward is called with: the same, gradients from outside, and space for those
        wanted."""
        dtype = dtype_of(kernel)
        given = {name: each.to(dtype) for name, each in self.given_gradients().items()}
        return forward | given | self.empty(self.gradients, kernel, rows)

    def given_gradients(self) -> Arrays:
        """Gradients from outside, of the states and of the memories."""
        names = [n for n in self.written if n in ("states", "memories")]
        shape = (self.sizes["B"], self.sizes["T"], self.sizes["N"])
        return {f"grad_{name}": _normal(7 + i, *shape) for i, name in enumerate(names)}

    def run(self, kernel: int, threads: int = 1) -> Arrays:
        """All that forward and backward write."""
        arrays = self.forward_arrays(kernel)
        native.forward(self.plan, kernel, arrays, threads)
        arrays = self.backward_arrays(kernel, arrays)
        native.backward(self.plan, kernel, arrays, threads)
        return {name: arrays[name] for name in (*self.written, *self.gradients)}

    def expected(self) -> Arrays:
        """What :meth:`run` has to give, but for what only the kernel reads."""
        leaves = {
            name: each.clone().requires_grad_()
            for name, each in {**self.read, **self.leaves}.items()
        }
        answer = self.answer(leaves)
        given = self.given_gradients()
        sums = [(answer[name[5:]] * each).sum() for name, each in given.items()]
        of = list(self.gradients.values())
        found = torch.autograd.grad(sum(sums), [leaves[name] for name in of], allow_unused=True)
        gradients = {
            name: torch.zeros_like(leaves[leaf]) if each is None else each
            for (name, leaf), each in zip(self.gradients.items(), found)
        }
        return {**{name: each.detach() for name, each in answer.items()}, **gradients}


def _product(dim: str, sizes: dict[str, int]) -> int:
    product = 1
    for each in dim:
        product *= int(each) if each.isdigit() else sizes[each]
    return product


def _normal(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def errors(found: Arrays, expected: Arrays) -> dict[str, float]:
    """The largest difference in each array, relative to its largest number."""
    return {
        name: float((found[name].double() - wanted).abs().max() / wanted.abs().max().clamp(1e-3))
        for name, wanted in expected.items()
        if wanted.numel()
    }


# -- conductance and dense dynamics --------------------------------------------------------------

CONDUCTANCE = {"c": "N", "g": "N", "vleak": "N", "a": "I", "b": "I"}
CONDUCTANCE |= dict.fromkeys(("w", "sigma", "mu", "E"), "E")
CONDUCTANCE |= dict.fromkeys(("sensory_w", "sensory_sigma", "sensory_mu", "sensory_E"), "S")
DENSE = {"W_rec": "E", "tau": "N", "A": "N"}
POSITIVE = ("c", "g", "w", "sigma", "sensory_w", "sensory_sigma", "tau")


def pairs(senders: int, receivers: int, density: float, seed: int) -> tuple[Tensor, Tensor]:
    """Sender and receiver of every synapse, sorted by receiver, then sender."""
    generator = torch.Generator().manual_seed(seed)
    there = torch.rand(receivers, senders, generator=generator) < density
    post, pre = there.nonzero(as_tuple=True)
    return pre, post


def as_bytes(indices: Tensor) -> bytes:
    return bytes(indices.numpy().tobytes())


def step_problem(
    dynamics: str = "conductance",
    solver: str = "fused",
    activation: str = "sigmoid",
    unfolds: int = 3,
    batch: int = 3,
    steps: int = 4,
    inputs: int = 3,
    units: int = 5,
    density: float = 0.6,
    rich: bool = True,
    memory: bool = False,
    constraints: Optional[dict[str, tuple[str, float]]] = None,
    in_matrices: bool = False,
    epsilon: float = 0.0,
    seed: int = 0,
    change: Optional[Arrays] = None,
) -> Problem:
    """Random numbers in the ranges of a fresh network; ``rich`` ones have a mask, elapsed times,
    time constants and a state of their own. ``change`` replaces some arrays."""
    dense = dynamics == "dense"
    inputs = units if dense else inputs
    recurrent = pairs(units, units, density, seed)
    sensory = pairs(inputs, units, 0.0 if dense else 0.8, seed + 1)
    sizes = {"B": batch, "T": steps, "I": inputs, "N": units}
    sizes |= {"E": len(recurrent[0]), "S": len(sensory[0])}
    read = {"inputs": _normal(seed, batch, steps, inputs)}
    for i, (name, letter) in enumerate((DENSE if dense else CONDUCTANCE).items()):
        values = _normal(seed + 100 + i, sizes[letter])
        read[name] = 0.2 + values.abs() if name in POSITIVE else values
    if rich:
        read["elapsed_time"] = 0.3 * _normal(seed + 2, batch, steps).abs()
        read["time_constants"] = 0.5 + _normal(seed + 3, batch, steps, units).abs()
        read["state"] = 0.5 * _normal(seed + 4, batch, units)
    differentiable = list(read)
    if rich and not dense:
        read["mask"] = (_normal(seed + 5, batch, steps, inputs) > -0.5).double()
    written = ["states"]
    if memory:
        read |= _cell_arrays(batch, steps, units, seed)
        differentiable += ["gates", "memory"]
        written += ["memories", "starts", "kept_gates"]
    read |= change or {}
    constraints = constraints or {}
    if in_matrices:
        for prefix, pair, senders in (("", recurrent, units), ("sensory_", sensory, inputs)):
            for name in _of_synapses(prefix, dense):
                matrix = _normal(seed + 300, senders, units)
                read[name] = matrix.index_put(pair, read[name])
    lists = [as_bytes(each) for each in (*recurrent, *sensory)]
    method = (dynamics, solver, activation, unfolds, units, inputs)
    made_of = (*method, *lists, constraints, in_matrices, epsilon)
    plan = native.step_plan(*made_of)

    def answer(arrays: Arrays) -> Arrays:
        arrays = dict(arrays)
        if in_matrices:
            for prefix, lists in (("", recurrent), ("sensory_", sensory)):
                for name in _of_synapses(prefix, dense):
                    arrays[name] = arrays[name][lists]
        for name, (kind, low) in constraints.items():
            stored = arrays[name]
            soft = low + torch.log1p(torch.exp(stored))
            arrays[name] = soft if kind == "softplus" else stored.clamp(min=low)
        arrays["epsilon"] = torch.tensor(epsilon, dtype=torch.float64)
        field = _dense_field if dense else _conductance_field

        def interval(t: int, x: Tensor) -> Tensor:
            slope = field(arrays, t, recurrent, sensory, activation)
            h = (arrays["elapsed_time"][:, t, None] if rich else 1.0) / unfolds
            for _ in range(unfolds):
                x = _advance(solver, *slope(x), x, h)
            return x

        return _sequence(arrays, sizes, interval)

    gradients = {f"grad_{name}": name for name in differentiable}
    return Problem(plan, made_of, dynamics, sizes, read, answer, written, gradients)


def _of_synapses(prefix: str, dense: bool) -> list[str]:
    """The parameters of recurrent synapses, or with the prefix of sensory ones."""
    if dense:
        return [] if prefix else ["W_rec"]
    return [prefix + name for name in ("w", "sigma", "mu", "E")]


def _conductance_field(
    arrays: Arrays, t: int, recurrent: Any, sensory: Any, activation: str
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    c, tau = arrays["c"], arrays.get("time_constants")
    g = arrays["g"] if tau is None else c / tau[:, t]

    def opened(v: Tensor, prefix: str, lists: Any, mask: Optional[Tensor]) -> tuple[Tensor, Tensor]:
        pre, post = lists
        w, sigma, mu, reversal = (arrays[prefix + name] for name in ("w", "sigma", "mu", "E"))
        s = w * torch.sigmoid(sigma * (v[:, pre] - mu))
        s = s if mask is None else s * mask[:, pre]
        zero = v.new_zeros(len(v), len(c))
        return zero.index_add(1, post, s), zero.index_add(1, post, s * reversal)

    u = arrays["a"] * arrays["inputs"][:, t] + arrays["b"]
    mask = arrays["mask"][:, t] if "mask" in arrays else None
    conductance, current = opened(u, "sensory_", sensory, mask)

    def slope(x: Tensor) -> tuple[Tensor, Tensor]:
        more, drive = opened(x, "", recurrent, None)
        rate = (g + arrays["epsilon"] + conductance + more) / c
        return rate, (g * arrays["vleak"] + current + drive) / c

    return slope


def _dense_field(
    arrays: Arrays, t: int, recurrent: Any, sensory: Any, activation: str
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    pre, post = recurrent
    tau = arrays["time_constants"][:, t] if "time_constants" in arrays else arrays["tau"]

    def slope(x: Tensor) -> tuple[Tensor, Tensor]:
        y = arrays["inputs"][:, t].index_add(1, post, arrays["W_rec"] * x[:, pre])
        f = torch.tanh(y) if activation == "tanh" else torch.sigmoid(y)
        return 1 / tau + f, f * arrays["A"]

    return slope


def _advance(solver: str, rate: Tensor, drive: Tensor, x: Tensor, h: Any) -> Tensor:
    if solver == "fused":
        return (x + h * drive) / (1 + h * rate)
    if solver == "euler":
        return x + h * (drive - rate * x)
    y = h * rate
    return x * torch.exp(-y) + h * drive * phi(y)


def phi(y: Tensor) -> Tensor:
    """(1 - exp(-y)) / y in float64; the slope, -1 / 2 at 0, is as exact."""
    near = y.abs() < 1e-3
    away = torch.where(near, torch.ones_like(y), y)
    series = 1 - y / 2 * (1 - y / 3 * (1 - y / 4 * (1 - y / 5 * (1 - y / 6))))
    return torch.where(near, series, -torch.expm1(-away) / away)


# -- closed-form dynamics ------------------------------------------------------------------------

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "silu": functional.silu}


def closed_form_problem(
    mode: str = "default",
    activation: str = "tanh",
    backbone: int = 2,
    batch: int = 3,
    steps: int = 4,
    layer_sizes: tuple[int, ...] = (5,),
    hidden: int = 7,
    shift: bool = True,
    memory: bool = False,
    seed: int = 0,
) -> Problem:
    """Random numbers of order 1; ``shift``, outside pure mode, as from given time constants."""
    units, heads = sum(layer_sizes), 1 if mode == "pure" else 4
    hidden = hidden if backbone else heads * units
    sizes = {"B": batch, "T": steps, "N": units, "H": hidden, "L": backbone, "K": heads}

    def near(offset: int, *shape: int) -> Tensor:
        return 0.5 * _normal(seed + offset, *shape)

    read = {
        "input_terms": _normal(seed, batch, steps, hidden),
        "elapsed_time": 0.2 + _normal(seed + 1, batch, steps).abs(),
        "state": near(2, batch, units),
        "recurrent": near(3, hidden, units),
    }
    if mode == "pure":
        read["shift"] = near(4, batch, steps, units).abs()
        read["A"] = near(5, units)
    elif shift:
        read["shift"] = near(4, batch, steps, units)
    if backbone:
        read["heads"], read["heads_bias"] = near(6, heads * units, hidden), near(7, heads * units)
    for layer in range(1, backbone):
        read[f"hidden_{layer}"] = near(10 + layer, hidden, hidden)
        read[f"hidden_bias_{layer}"] = near(40 + layer, hidden)
    if len(layer_sizes) > 1:
        read["between_layers"] = near(8, heads * units, units)
    leaves = {"heads_terms": torch.zeros(batch, steps, heads * units, dtype=torch.float64)}
    gradients = {"grad_heads": "heads_terms"}
    gradients |= {f"grad_{name}": name for name in ("elapsed_time", "state")}
    written = ["states", "kept_heads"]
    if backbone:
        leaves["y"] = torch.zeros(backbone, batch, steps, hidden, dtype=torch.float64)
        gradients["grad_y"] = "y"
        written += ["kept_z"]
    if activation == "silu":
        written += ["kept_slope"]
    if mode == "pure":
        leaves["A_terms"] = torch.zeros(batch, steps, units, dtype=torch.float64)
        gradients |= {"grad_shift": "shift", "grad_A": "A_terms"}
    if memory:
        read |= _cell_arrays(batch, steps, units, seed)
        gradients |= {"grad_gates": "gates", "grad_memory": "memory"}
        written += ["memories", "starts", "kept_gates"]
    made_of = (mode, activation, backbone, units, hidden, layer_sizes)
    plan = native.closed_form_plan(*made_of)

    def answer(arrays: Arrays) -> Arrays:
        def interval(t: int, x: Tensor) -> Tensor:
            y = arrays["input_terms"][:, t] + x @ arrays["recurrent"].t()
            said = _through_backbone(arrays, backbone, ACTIVATIONS.get(activation), t, y)
            return _solutions(arrays, mode, layer_sizes, t, said + arrays["heads_terms"][:, t])

        return _sequence(arrays, sizes, interval)

    return Problem(plan, made_of, "closed_form", sizes, read, answer, written, gradients, leaves)


def _through_backbone(
    arrays: Arrays, layers: int, function: Optional[Callable[[Tensor], Tensor]], t: int, y: Tensor
) -> Tensor:
    if layers == 0 or function is None:
        return y
    z = function(y + arrays["y"][0, :, t])
    for layer in range(1, layers):
        y = z @ arrays[f"hidden_{layer}"].t() + arrays[f"hidden_bias_{layer}"]
        z = function(y + arrays["y"][layer, :, t])
    return z @ arrays["heads"].t() + arrays["heads_bias"]


def _solutions(
    arrays: Arrays, mode: str, layer_sizes: tuple[int, ...], t: int, heads: Tensor
) -> Tensor:
    """The new state, layer by layer, each given what the earlier ones have become."""
    each = heads.shape[1] // sum(layer_sizes)
    elapsed = arrays["elapsed_time"][:, t, None]
    states = heads.new_zeros(len(heads), 0)
    for start, size in zip(accumulate((0, *layer_sizes)), layer_sizes):
        own = heads[:, each * start : each * (start + size)]
        if start:
            weights = arrays["between_layers"][each * start : each * (start + size), :start]
            own = own + states @ weights.t()
        shift = arrays["shift"][:, t, start : start + size] if "shift" in arrays else 0.0
        if mode == "pure":
            a = arrays["A"][start : start + size] + arrays["A_terms"][:, t, start : start + size]
            new = a - a * own * torch.exp(-elapsed * (shift + own.abs()))
        else:
            ff1, ff2, time_a, time_b = own.split(size, 1)
            gate = torch.sigmoid((time_a + shift) * elapsed + time_b)
            other = 1 if mode == "no_gate" else 1 - gate
            new = torch.tanh(ff1) * other + torch.tanh(ff2) * gate
        states = torch.cat([states, new], 1)
    return states


# -- the memory cell and the sequence ------------------------------------------------------------


def _cell_arrays(batch: int, steps: int, units: int, seed: int) -> Arrays:
    return {
        "gates": _normal(seed + 200, batch, steps, 4 * units),
        "gates_recurrent": 0.5 * _normal(seed + 201, 4 * units, units),
        "memory": _normal(seed + 202, batch, units),
    }


def _sequence(
    arrays: Arrays, sizes: dict[str, int], interval: Callable[[int, Tensor], Tensor]
) -> Arrays:
    """States after every step, and with a memory cell memories and where intervals start."""
    x = arrays.get("state")
    x = torch.zeros(sizes["B"], sizes["N"], dtype=torch.float64) if x is None else x
    c = arrays.get("memory")
    written: dict[str, list[Tensor]] = {"states": [], "memories": [], "starts": []}
    for t in range(sizes["T"]):
        if c is not None:
            gates = arrays["gates"][:, t] + x @ arrays["gates_recurrent"].t()
            candidate, input_, forget, output = gates.split(sizes["N"], 1)
            c = torch.sigmoid(forget + 1) * c + torch.sigmoid(input_) * torch.tanh(candidate)
            x = torch.sigmoid(output) * torch.tanh(c)
            written["memories"].append(c)
            written["starts"].append(x)
        x = interval(t, x)
        written["states"].append(x)
    return {name: torch.stack(each, 1) for name, each in written.items() if each}
