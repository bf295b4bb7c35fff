"""Closed-form dynamics (CfC): where a liquid neuron is after any time, without a solver.

    z = [u, x], or what a backbone of dense layers makes of it
    default   x <- (1 - s) tanh(ff1(z)) + s tanh(ff2(z)),   s = sigmoid(time_a(z) dt + time_b(z))
    no_gate   x <-         tanh(ff1(z)) + s tanh(ff2(z))
    pure      x <- A - A ff1(z) exp(-dt (|w_tau| + |ff1(z)|))

The heads ff1, ff2, time_a and time_b are linear maps; dt is the elapsed time.

Source: Hasani et al., *Closed-form continuous-time neural networks*, Nature Machine Intelligence
4, 2022, in the conventions of the authors' package ``ncps`` 1.0.1.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from .._checks import check_choice, check_flag, check_fraction, check_integer
from .._dropout import dropout
from .._parameters import Values
from ..errors import OptionError
from ..wiring import Wiring
from ._base import Dynamics, Sensory, Solve, matrix, uniform

_FOUR = ("ff1", "ff2", "time_a", "time_b")
MODES = {"default": _FOUR, "no_gate": _FOUR, "pure": ("ff1",)}
"""Mode -> its heads, in the order they are laid out."""


MAX_LAYERS, MAX_UNITS = 64, 2**16


class Activation(NamedTuple):
    """scale * function(slope * y)."""

    function: Callable[[Tensor], Tensor]
    slope: float = 1.0
    scale: float = 1.0


ACTIVATIONS = {
    "lecun_tanh": Activation(torch.tanh, 0.666, 1.7159),
    "tanh": Activation(torch.tanh),
    "relu": Activation(torch.relu),
    "silu": Activation(functional.silu),
    "gelu": Activation(functional.gelu),
}

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Who sends and who receives, sorted by receiver, then sender."""


class ClosedFormDynamics(Dynamics):
    """A closed-form solution in place of a differential equation.

    Without a backbone every head h of ``ff1``, ``ff2``, ``time_a``, ``time_b`` has weights for
    the synapses of the wiring and for every neuron's own past:

    ==================  =====  =================  ============================================
    name                shape  starts in          meaning
    ==================  =====  =================  ============================================
    ``h_W_in``          (S,)   +-sqrt(6 / (K+L))  weights of the sensory synapses
    ``h_W_rec``         (E',)  likewise           weights of the recurrent synapses, and of
                                                  each neuron on itself
    ``h_b``             (N,)   +-1 / sqrt(K)      bias
    ==================  =====  =================  ============================================

    K numbers reach a neuron and L recurrent ones leave it, on average. The layers of a wiring
    act one after the other within a step, as signals travel: a neuron hears the new state of
    earlier layers, and the old state of its own and later ones.

    A backbone is a dense network between [u, x] and the heads; it needs a fully connected wiring:

    ==================================  ==============  ====================================
    name                                shape           meaning
    ==================================  ==============  ====================================
    ``backbone_0_W_in``, ``..._W_rec``  (H, I), (H, N)  first layer: from inputs and states
    ``backbone_1_W`` ...                (H, H)          further layers
    ``backbone_0_b`` ...                (H,)            their biases
    ``h_W``, ``h_b``                    (N, H), (N,)    heads
    ==================================  ==============  ====================================

    In mode ``"pure"`` there is ``ff1`` alone, with ``w_tau`` (N,) and ``A`` (N,).

    *Time constants.* Learned base time constants are 1 / \\|w_tau\\| in mode ``"pure"`` and
    1 / \\|time_a_b\\| in the others; given ones take their place (keeping the sign of
    ``time_a_b``). Effective ones are 1 / (\\|w_tau\\| + \\|ff1(z)\\|), with which the exponential
    falls, and 1 / \\|time_a(z)\\|, the time in which the odds s : (1 - s) change by a factor e.

    Args:
        mode: ``"default"``, ``"pure"`` (the solution itself) or ``"no_gate"``.
        backbone_layers: dense layers of the backbone, 0 to 64. Default: 1 if the wiring is fully
            connected, else 0.
        backbone_units: H, units of each, 1 to 65,536. Default: 128.
        backbone_activation: ``"lecun_tanh"`` (default), ``"tanh"``, ``"relu"``, ``"silu"`` or
            ``"gelu"``.
        backbone_dropout: probability of dropping a unit while training, in [0, 1), after every
            backbone layer but the first.
        leaky_wiring: treat a wiring as ``ncps`` does, so that its trained weights give the same
            numbers: time_a and time_b hear all of the layer before, every neuron hears all of its
            own layer, and synapses between other layers are left out.

    Raises:
        OptionError: a choice is unknown, or a backbone is asked for with a sparse wiring.
        DomainError, DtypeError: a number is out of range.
    """

    name = "closed_form"
    lower_bounds = {}
    _in_places: Tensor
    _rec_places: Tensor
    _bias_places: Tensor
    _order: Tensor
    _back: Tensor
    _ff1_sensory_pre: Tensor
    _ff1_sensory_post: Tensor
    _ff1_pre: Tensor
    _ff1_post: Tensor

    def _set_options(
        self,
        wiring: Wiring,
        mode: str = "default",
        backbone_layers: Optional[int] = None,
        backbone_units: Optional[int] = None,
        backbone_activation: Optional[str] = None,
        backbone_dropout: Optional[float] = None,
        leaky_wiring: bool = False,
    ) -> None:
        check_choice("mode", mode, MODES)
        self.mode = mode
        self.heads = MODES[mode]
        self.leaky_wiring = check_flag("leaky_wiring", leaky_wiring)
        mixable = wiring.is_full and len(wiring.layers) == 1 and not leaky_wiring
        given = (backbone_units, backbone_activation, backbone_dropout)
        described = any(option is not None for option in given)
        if backbone_layers is None:
            backbone_layers = int(mixable or described)
        self.backbone_layers = check_integer("backbone_layers", backbone_layers, 0, MAX_LAYERS)
        if self.backbone_layers == 0 and described:
            raise OptionError("is 0, so the backbone has no other options", "backbone_layers")
        if self.backbone_layers > 0 and not mixable:
            raise OptionError(
                "a backbone mixes everything a neuron hears, so it needs a fully connected wiring "
                "of one layer; leave it and its options out",
                "backbone_layers",
            )
        backbone_units = 128 if backbone_units is None else backbone_units
        self.backbone_units = check_integer("backbone_units", backbone_units, 1, MAX_UNITS)
        self.backbone_activation = (
            "lecun_tanh" if backbone_activation is None else backbone_activation
        )
        check_choice("backbone_activation", self.backbone_activation, ACTIVATIONS)
        self.backbone_dropout = 0.0 if backbone_dropout is None else backbone_dropout
        check_fraction("backbone_dropout", self.backbone_dropout)
        self._lay_out(wiring)

    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"mode": self.mode, "backbone_layers": self.backbone_layers}
        if self.backbone_layers == 0:
            return {**options, "leaky_wiring": self.leaky_wiring}
        return {
            **options,
            "backbone_units": self.backbone_units,
            "backbone_activation": self.backbone_activation,
            "backbone_dropout": self.backbone_dropout,
        }

    # -- who hears whom ------------------------------------------------------------------------

    def _lay_out(self, wiring: Wiring) -> None:
        """Where each weight stands in the matrices of a step.

        Rows of those matrices are ordered by layer, then head, then neuron, so that what a layer
        needs is one slice.
        """
        members = [np.array(ids) for ids in wiring.layers.values()]
        if len(members) == 1:
            members = [np.arange(wiring.units)]
        self._sizes = [len(ids) for ids in members]
        rows = np.zeros((len(self.heads), wiring.units), dtype=np.int64)
        start = 0
        for ids in members:
            block = np.arange(len(self.heads) * len(ids)).reshape(len(self.heads), -1)
            rows[:, ids] = start + block
            start += block.size
        heard = {head: _heard(wiring, members, head, self.leaky_wiring) for head in self.heads}
        self._heard = heard
        sensory = [rows[k, post] * wiring.input_size + pre
                   for k, ((pre, post), _) in enumerate(heard.values())]  # fmt: skip
        recurrent = [rows[k, post] * wiring.units + pre
                     for k, (_, (pre, post)) in enumerate(heard.values())]  # fmt: skip
        order = np.concatenate(members)
        buffers = {
            "_in_places": np.concatenate(sensory),
            "_rec_places": np.concatenate(recurrent),
            "_bias_places": np.argsort(rows.ravel()),
            "_order": order,
            "_back": np.argsort(order),
            "_ff1_sensory_pre": heard["ff1"][0][0],
            "_ff1_sensory_post": heard["ff1"][0][1],
            "_ff1_pre": heard["ff1"][1][0],
            "_ff1_post": heard["ff1"][1][1],
        }
        for name, index in buffers.items():
            self._register_index(name, index)
        layer = np.empty(wiring.units, dtype=np.int64)
        for each, ids in enumerate(members):
            layer[ids] = each
        links = [layer[post] * len(members) + layer[pre] for _, (pre, post) in heard.values()]
        joined = (divmod(int(link), len(members)) for link in np.unique(np.concatenate(links)))
        # Layers that hear an earlier one: (receiving, sending).
        self._forward_links = [(to, of) for to, of in joined if of < to]

    @property
    def one_layer(self) -> bool:
        return len(self._sizes) == 1

    @property
    def layer_sizes(self) -> list[int]:
        """Neurons in each layer of the wiring, in the order in which they take their turns."""
        return self._sizes

    @property
    def order(self) -> Tensor:
        """The neurons (N,) layer by layer."""
        return self._order

    @property
    def back(self) -> Tensor:
        """Where each neuron (N,) stands in ``order``."""
        return self._back

    # -- parameters ----------------------------------------------------------------------------

    def _initial_values(
        self, wiring: Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        units, inputs = wiring.units, wiring.input_size
        initial: dict[str, Tensor] = {}

        def dense(name: str, rows: int, *columns: tuple[str, int]) -> None:
            fan_in = sum(size for _, size in columns)
            bound = sqrt(6 / (fan_in + rows))
            for suffix, size in columns:
                initial[f"{name}_W{suffix}"] = uniform((rows, size), -bound, bound, generator)
            initial[f"{name}_b"] = uniform(rows, -1 / sqrt(fan_in), 1 / sqrt(fan_in), generator)

        for layer in range(self.backbone_layers):
            first = (("_in", inputs), ("_rec", units))
            columns = first if layer == 0 else (("", self.backbone_units),)
            dense(f"backbone_{layer}", self.backbone_units, *columns)
        for head in self.heads:
            if self.backbone_layers > 0:
                dense(head, units, ("", self.backbone_units))
                continue
            sensory, recurrent = (len(pre) for pre, _ in self._heard[head])
            fan_in, fan_out = (sensory + recurrent) / units, recurrent / units
            bound = sqrt(6 / (fan_in + fan_out))
            initial |= {
                f"{head}_W_in": uniform(sensory, -bound, bound, generator),
                f"{head}_W_rec": uniform(recurrent, -bound, bound, generator),
                f"{head}_b": uniform(units, -1 / sqrt(fan_in), 1 / sqrt(fan_in), generator),
            }
        if self.mode == "pure":
            bound = sqrt(6 / (units + 1))
            initial["w_tau"] = uniform(units, 0.0, bound, generator)
            initial["A"] = uniform(units, -bound, bound, generator)
        return initial

    def prepare(self, values: Values) -> Values:
        made = self._backbone(values) if self.backbone_layers > 0 else self._matrices(values)
        per_neuron = ("w_tau", "A") if self.mode == "pure" else ("time_a_b",)
        for name in per_neuron:
            in_order = values[name] if self.one_layer else values[name][self._order]
            for layer, part in enumerate(torch.split(in_order, self._sizes)):
                made[f"{name}_{layer}"] = part
        return {**values, **made}

    def _backbone(self, values: Values) -> Values:
        """Its matrices, with the constants of the activation multiplied into them."""
        _, slope, scale = ACTIVATIONS[self.backbone_activation]
        made = {
            "W_in": slope * values["backbone_0_W_in"],
            "bias": slope * values["backbone_0_b"],
            "old": slope * values["backbone_0_W_rec"].t(),
            "heads": scale * torch.cat([values[f"{head}_W"] for head in self.heads]),
            "heads_bias": torch.cat([values[f"{head}_b"] for head in self.heads]),
        }
        for layer in range(1, self.backbone_layers):
            made[f"hidden_{layer}"] = slope * scale * values[f"backbone_{layer}_W"]
            made[f"hidden_bias_{layer}"] = slope * values[f"backbone_{layer}_b"]
        return made

    def _matrices(self, values: Values) -> Values:
        rows = len(self.heads) * self.units

        def placed(suffix: str, places: Tensor, columns: int) -> Tensor:
            weights = torch.cat([values[f"{head}_{suffix}"] for head in self.heads])
            if self.one_layer and len(weights) == rows * columns:
                return weights.view(rows, columns)  # sorted by post, then pre: already in place
            empty = weights.new_zeros(rows * columns)
            return empty.index_put((places,), weights).view(rows, columns)

        bias = torch.cat([values[f"{head}_b"] for head in self.heads])
        recurrent = placed("W_rec", self._rec_places, self.units)
        made = {
            "W_in": placed("W_in", self._in_places, self.input_size),
            "bias": bias if self.one_layer else bias[self._bias_places],
            "all": recurrent.t(),
            "old": recurrent.t(),
        }
        if self.one_layer:
            return made
        blocks = self._blocks(recurrent, 0)
        for to, of in self._forward_links:
            ids = self._ids(of)
            made[f"new_{to}_{of}"] = blocks[to].index_select(1, ids).t()
        for to in {to for to, _ in self._forward_links}:
            earlier = [self._ids(of) for receiver, of in self._forward_links if receiver == to]
            blocks[to] = blocks[to].index_fill(1, torch.cat(earlier), 0.0)
        made["old"] = torch.cat(blocks).t()
        return made

    def _blocks(self, rows: Tensor, dim: int) -> list[Tensor]:
        """What concerns each layer."""
        return list(torch.split(rows, [len(self.heads) * n for n in self._sizes], dim))

    def _ids(self, layer: int) -> Tensor:
        start = sum(self._sizes[:layer])
        return self._order[start : start + self._sizes[layer]]

    def listed(self, head: str, heard: Tensor, told: Tensor) -> Values:
        """A head's weights by name, picked from matrices (N, I) and (N, N), rows receiving."""
        (sensory_pre, sensory_post), (pre, post) = self._heard[head]
        return {
            f"{head}_W_in": heard[torch.tensor(sensory_post), torch.tensor(sensory_pre)],
            f"{head}_W_rec": told[torch.tensor(post), torch.tensor(pre)],
        }

    # -- the step ------------------------------------------------------------------------------

    def sensory(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Sensory:
        seen = inputs if mask is None else inputs * mask
        return (functional.linear(seen, values["W_in"], values["bias"]),)

    def advance(
        self,
        values: Values,
        state: Tensor,
        sensory: Sensory,
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
    ) -> Tensor:
        heard = torch.addmm(sensory[0], state, values["old"])
        if self.one_layer:
            heads = self._through_backbone(values, heard)
            return self._solution(values, 0, heads, elapsed, time_constants)
        given = self._by_layer(time_constants)
        after: list[Tensor] = []
        for layer, heads in enumerate(
            torch.split(heard, [len(self.heads) * n for n in self._sizes], -1)
        ):
            for to, of in self._forward_links:
                if to == layer:
                    heads = torch.addmm(heads, after[of], values[f"new_{to}_{of}"])
            after.append(self._solution(values, layer, heads, elapsed, given[layer]))
        return torch.cat(after, -1).index_select(-1, self._back)

    def _through_backbone(self, values: Values, heard: Tensor) -> Tensor:
        """What the heads say, from what the first layer hears."""
        if self.backbone_layers == 0:
            return heard
        function = ACTIVATIONS[self.backbone_activation].function
        z = function(heard)
        for layer in range(1, self.backbone_layers):
            weights, bias = values[f"hidden_{layer}"], values[f"hidden_bias_{layer}"]
            z = function(functional.linear(z, weights, bias))
            if self.backbone_dropout > 0.0:
                z = dropout(z, self.backbone_dropout, self.training)
        return functional.linear(z, values["heads"], values["heads_bias"])

    def _solution(
        self,
        values: Values,
        layer: int,
        heads: Tensor,
        elapsed: Tensor,
        time_constants: Optional[Tensor],
    ) -> Tensor:
        """The new state of a layer (B, n)."""
        if self.mode == "pure":
            w_tau, a = values[f"w_tau_{layer}"], values[f"A_{layer}"]
            rate = (w_tau.abs() if time_constants is None else 1.0 / time_constants) + heads.abs()
            return a - a * heads * torch.exp(-elapsed * rate)
        n = self._sizes[layer]
        ff, time_a, time_b = torch.split(heads, [2 * n, n, n], -1)
        if time_constants is not None:
            time_a = time_a + self.shift(values, layer, time_constants)
        first, second = torch.split(torch.tanh(ff), n, -1)
        gate = torch.sigmoid(torch.addcmul(time_b, time_a, elapsed))
        if self.mode == "no_gate":
            return torch.addcmul(first, gate, second)
        return torch.lerp(first, second, gate)

    def shift(self, values: Values, layer: int, time_constants: Tensor) -> Tensor:
        """What given base time constants add to time_a, whose bias they replace."""
        bias = values[f"time_a_b_{layer}"]
        return torch.where(bias < 0, -1.0, 1.0) / time_constants - bias

    def by_layer(self, values: Values, name: str) -> Tensor:
        """A parameter (N,), layer by layer."""
        return torch.cat([values[f"{name}_{layer}"] for layer in range(len(self._sizes))])

    def base_rates(self, values: Values, time_constants: Optional[Tensor]) -> Tensor:
        """Of pure mode, layer by layer: (N,), or (B, T, N) of given base time constants."""
        if time_constants is None:
            return self.by_layer(values, "w_tau").abs()
        return 1.0 / time_constants.index_select(-1, self._order)

    def shifts(self, values: Values, time_constants: Tensor) -> Tensor:
        """What :meth:`shift` says for every layer, side by side."""
        given = enumerate(self._by_layer(time_constants))
        return torch.cat([self.shift(values, i, tau) for i, tau in given if tau is not None], -1)

    def fresh(self, values: Values) -> Tensor:
        """(heads N, N) weights of what earlier layers have just become, all by layer."""
        none = values["old"]
        rows = []
        for to, size in enumerate(self._sizes):
            columns = [
                values.get(f"new_{to}_{of}", none.new_zeros(n, len(self.heads) * size))
                for of, n in enumerate(self._sizes)
            ]
            rows.append(torch.cat(columns).t())
        return torch.cat(rows)

    def _by_layer(self, time_constants: Optional[Tensor]) -> list[Optional[Tensor]]:
        if time_constants is None:
            return [None] * len(self._sizes)
        if self.one_layer:
            return [time_constants]
        return list(torch.split(time_constants.index_select(-1, self._order), self._sizes, -1))

    # -- looking inside ------------------------------------------------------------------------

    def effective_time_constants(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> Tensor:
        recurrent = values["old" if self.backbone_layers > 0 else "all"]
        heads = self._through_backbone(values, sensory[0] + torch.matmul(state, recurrent))
        given = self._by_layer(time_constants)
        rates = []
        for layer, said in enumerate(
            torch.split(heads, [len(self.heads) * n for n in self._sizes], -1)
        ):
            tau = given[layer]
            if self.mode == "pure":
                base = values[f"w_tau_{layer}"].abs() if tau is None else 1.0 / tau
                rates.append(base + said.abs())
            else:
                time_a = torch.split(said, self._sizes[layer], -1)[2]
                rates.append(time_a if tau is None else time_a + self.shift(values, layer, tau))
        rate = rates[0] if self.one_layer else torch.cat(rates, -1).index_select(-1, self._back)
        return _inverse(rate)

    def base_time_constants(self, values: Values) -> Tensor:
        return _inverse(values["w_tau" if self.mode == "pure" else "time_a_b"])

    def activations(self, values: Values, state: Tensor) -> Tensor:
        return self.polarities(values)[0] * state.index_select(-1, self.pre)

    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        seen = inputs if mask is None else inputs * mask
        return self.polarities(values)[1] * seen.index_select(-1, self.sensory_pre)

    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        """Weights of ff1; through a backbone, as if its layers were linear."""
        if self.backbone_layers == 0:
            recurrent = matrix(
                values["ff1_W_rec"], self._ff1_pre, self._ff1_post, self.units, self.units
            )
            heard = matrix(
                values["ff1_W_in"],
                self._ff1_sensory_pre,
                self._ff1_sensory_post,
                self.units,
                self.input_size,
            )
        else:
            path = values["ff1_W"]
            for layer in reversed(range(1, self.backbone_layers)):
                path = path @ values[f"backbone_{layer}_W"]
            recurrent = path @ values["backbone_0_W_rec"]
            heard = path @ values["backbone_0_W_in"]
        return recurrent[self.post, self.pre], heard[self.sensory_post, self.sensory_pre]


def _inverse(rate: Tensor) -> Tensor:
    """1 / |rate|, finite even for a rate of 0."""
    return 1.0 / rate.abs().clamp(min=torch.finfo(rate.dtype).tiny)


def _heard(
    wiring: Wiring, layers: list[npt.NDArray[np.int64]], head: str, leaky: bool
) -> tuple[Pairs, Pairs]:
    """The sensory and the recurrent pairs a head has weights for."""
    units, inputs = wiring.units, wiring.input_size
    sensory = wiring.sensory_post * inputs + wiring.sensory_pre
    synapses = wiring.post * units + wiring.pre
    if not leaky:
        itself = np.arange(units) * (units + 1)
        return _pairs(sensory, inputs), _pairs(np.union1d(synapses, itself), units)
    everything = head.startswith("time")
    if everything:
        sensory = _block(np.arange(inputs), layers[0], inputs)
    else:
        sensory = sensory[np.isin(wiring.sensory_post, layers[0])]
    recurrent = [_block(here, here, units) for here in layers]
    for before, here in zip(layers, layers[1:]):
        between = _block(before, here, units)
        recurrent.append(between if everything else np.intersect1d(between, synapses))
    return _pairs(sensory, inputs), _pairs(np.concatenate(recurrent), units)


def _block(
    pre: npt.NDArray[np.int64], post: npt.NDArray[np.int64], senders: int
) -> npt.NDArray[np.int64]:
    """Every pair of these, as post * senders + pre."""
    return (post[:, None] * senders + pre).ravel()


def _pairs(places: npt.NDArray[np.int64], senders: int) -> Pairs:
    post, pre = np.divmod(np.sort(places), senders)
    return pre, post
