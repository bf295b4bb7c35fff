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
from typing import Any, Optional

import torch
from torch import Tensor
from torch.nn import functional

from .._checks import check_choice, check_flag, check_fraction, check_integer
from .._indices import Index
from .._parameters import Values, uniform
from ..errors import OptionError
from ..wiring import Wiring
from ._backbone import ACTIVATIONS, Backbone
from ._base import Dynamics, Hear, Sensory, Solve, matrix, sum_by_post
from ._head_layout import HeadLayout

_FOUR = ("ff1", "ff2", "time_a", "time_b")
MODES = {"default": _FOUR, "no_gate": _FOUR, "pure": ("ff1",)}
"""Mode -> its heads, in the order in which they stand in the matrices."""

MAX_LAYERS, MAX_UNITS = 64, 2**16


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
    act one after the other within a step, as signals travel: a neuron receives the new state of
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
            numbers: time_a and time_b receive all of the layer before, every neuron all of its own
            layer, and synapses between other layers are left out.

    Raises:
        OptionError: a choice is unknown, or a backbone is asked for with a sparse wiring.
        DomainError, DtypeError: a number is out of range.
    """

    name = "closed_form"
    keeps_own_past = True
    lower_bounds = {}

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
                "a backbone mixes everything a neuron receives, so it needs a fully connected "
                "wiring of one layer; leave it and its options out",
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
        self._layout = HeadLayout(wiring, self.heads, self.leaky_wiring)

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

    @property
    def backbone(self) -> Optional[Backbone]:
        """The dense network between [u, x] and the heads, or None."""
        if self.backbone_layers == 0:
            return None
        return Backbone(self.backbone_layers, self.backbone_activation, self.backbone_dropout)

    @property
    def layout(self) -> HeadLayout:
        """The layers of the wiring, and the pairs each head has weights for without a backbone."""
        return self._layout

    # -- the equations -------------------------------------------------------------------------

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
        first = torch.addmm(sensory[0], state, values["recurrent"])
        given = self._given(time_constants)
        if self.backbone is not None:
            heads = self.backbone.heads(values, first, self.training)
            return self._solution(values, 0, heads, elapsed, given[0])
        after: list[Tensor] = []
        for layer, heads in enumerate(self._layout.heads_by_layer(first)):
            for to, of in self._layout.links:
                if to == layer:
                    heads = torch.addmm(heads, after[of], values[f"between_{to}_{of}"])
            after.append(self._solution(values, layer, heads, elapsed, given[layer]))
        return self._layout.joined(after)

    def advance_by_synapse(
        self,
        values: Values,
        state: Tensor,
        inputs: Tensor,
        mask: Optional[Tensor],
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
        hear: Hear,
    ) -> Tensor:
        seen = inputs if mask is None else inputs * mask
        given = self._given(time_constants)
        received = hear("sensory", seen.index_select(-1, self.sensory_pre))
        if self.backbone is not None:
            heard = hear("recurrent", state.index_select(-1, self.pre))
            heads = self._heads_by_neuron(self.backbone, values, received, heard)
            return self._solution(values, 0, heads, elapsed, given[0])
        given_heads = self._bias(values) + self._sent("sensory", values, received, seen)
        after = torch.zeros_like(state)
        for layer, ids in enumerate(self._layout.members(state.device)):
            # A neuron hears the new states of earlier layers, the old ones of its own and later.
            source = torch.where(self._layout.earlier(layer, state.device), after, state)
            heard = hear("recurrent", source.index_select(-1, self.pre))
            heads = given_heads + self._sent("recurrent", values, heard, source)
            own = heads.index_select(-1, ids).flatten(-2)
            new = self._solution(values, layer, own, elapsed, given[layer])
            after = after.index_add(-1, ids, new)
        return after

    def _heads_by_neuron(
        self, backbone: Backbone, values: Values, received: Tensor, heard: Tensor
    ) -> Tensor:
        """(B, heads N), each neuron's from what it receives itself: the wiring is full."""
        inward = received.view(-1, self.units, self.input_size) @ values["W_in"].t()
        around = heard.view(-1, self.units, self.units) @ values["recurrent"]
        last = backbone.last(values, inward + around + values["bias"], self.training)  # (B, N, H)
        weights = values["heads"].view(len(self.heads), self.units, -1)
        own = torch.einsum("bnh,knh->bkn", last, weights).flatten(-2)
        return own + values["heads_bias"]

    def _bias(self, values: Values) -> Tensor:
        """(heads, N)."""
        return torch.stack([values[f"{head}_b"] for head in self.heads])

    def _sent(self, kind: str, values: Values, received: Tensor, source: Tensor) -> Tensor:
        """(B, heads, N) what reaches the heads without a backbone: through the wiring's synapses
        from what each receives (B, S) or (B, E), past them from the source (B, I) or (B, N)."""
        pre, post = (self.pre, self.post)
        if kind == "sensory":
            pre, post = self.sensory_pre, self.sensory_post
        weights = torch.stack([self.head_matrix(values, head, kind) for head in self.heads])
        synapses = weights[:, post, pre]
        past = weights.index_put(
            (torch.arange(len(weights), device=post.device)[:, None], post, pre), 0 * synapses
        )
        through = sum_by_post(synapses * received.unsqueeze(-2), post, self.units)
        return through + torch.einsum("knm,bm->bkn", past, source)

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
        n = self._layout.sizes[layer]
        ff, time_a, time_b = torch.split(heads, [2 * n, n, n], -1)
        if time_constants is not None:
            time_a = time_a + self._shift(values, layer, time_constants)
        first, second = torch.split(torch.tanh(ff), n, -1)
        gate = torch.sigmoid(torch.addcmul(time_b, time_a, elapsed))
        if self.mode == "no_gate":
            return torch.addcmul(first, gate, second)
        return torch.lerp(first, second, gate)

    def _shift(self, values: Values, layer: int, time_constants: Tensor) -> Tensor:
        """What given base time constants add to time_a, whose bias they replace."""
        bias = values[f"time_a_b_{layer}"]
        return torch.where(bias < 0, -1.0, 1.0) / time_constants - bias

    def given_rates(self, values: Values, time_constants: Optional[Tensor]) -> Optional[Tensor]:
        """(..., N), neurons by layer: base rates in pure mode, else what given base time constants
        (..., N) add to time_a, None where none are given."""
        layers = list(enumerate(self._given(time_constants)))
        if self.mode == "pure":
            rates = [values[f"w_tau_{i}"].abs() if tau is None else 1.0 / tau for i, tau in layers]
            return torch.cat(rates, -1)
        if time_constants is None:
            return None
        return torch.cat([self._shift(values, i, tau) for i, tau in layers if tau is not None], -1)

    def _given(self, time_constants: Optional[Tensor]) -> list[Optional[Tensor]]:
        """Given base time constants (..., N) of each layer, or None of each."""
        if time_constants is None:
            return [None] * len(self._layout.sizes)
        return [*self._layout.by_layer(time_constants)]

    # -- time constants and synapses -----------------------------------------------------------

    def effective_time_constants(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> Tensor:
        if self.backbone is not None:
            first = sensory[0] + torch.matmul(state, values["recurrent"])
            heads = self.backbone.heads(values, first, training=False)
        else:
            heads = sensory[0] + torch.matmul(state, values["recurrent_all"])
        given = self._given(time_constants)
        rates = [
            self._rate(values, layer, own, given[layer])
            for layer, own in enumerate(self._layout.heads_by_layer(heads))
        ]
        return _inverse(self._layout.joined(rates))

    def _rate(
        self, values: Values, layer: int, heads: Tensor, time_constants: Optional[Tensor]
    ) -> Tensor:
        """How fast a layer (..., n) changes, up to its sign."""
        if self.mode == "pure":
            w_tau = values[f"w_tau_{layer}"].abs()
            return (w_tau if time_constants is None else 1.0 / time_constants) + heads.abs()
        time_a = torch.split(heads, self._layout.sizes[layer], -1)[2]
        if time_constants is None:
            return time_a
        return time_a + self._shift(values, layer, time_constants)

    def base_time_constants(self, values: Values) -> Tensor:
        return _inverse(values["w_tau" if self.mode == "pure" else "time_a_b"])

    def activations(self, values: Values, state: Tensor) -> Tensor:
        return self.polarities(values)[0] * state.index_select(-1, self.pre)

    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        seen = inputs if mask is None else inputs * mask
        return self.polarities(values)[1] * seen.index_select(-1, self.sensory_pre)

    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        """Weights of ff1; through a backbone, as if its layers were linear."""
        if self.backbone is not None:
            recurrent, sensory = self.backbone.linear_path(values, "ff1")
        else:
            recurrent = self.head_matrix(values, "ff1", "recurrent")
            sensory = self.head_matrix(values, "ff1", "sensory")
        return recurrent[self.post, self.pre], sensory[self.sensory_post, self.sensory_pre]

    # -- parameters ----------------------------------------------------------------------------

    def prepare(self, values: Values) -> Values:
        return {**values, **self._matrices(values), **self._of_layers(values)}

    def _matrices(self, values: Values) -> Values:
        maker = self._layout if self.backbone is None else self.backbone
        return maker.matrices(values, self.heads)

    def _of_layers(self, values: Values) -> Values:
        """What the solution reads of each layer, such as ``A_0``."""
        return {
            f"{name}_{layer}": part
            for name in (("w_tau", "A") if self.mode == "pure" else ("time_a_b",))
            for layer, part in enumerate(self._layout.by_layer(values[name]))
        }

    def pairs(self) -> dict[str, Index]:
        if self.backbone is not None:
            return {}
        found: dict[str, Index] = {}
        for head, pairs in self._layout.pairs.items():
            sensory, recurrent = pairs
            found[f"{head}_W_in"] = sensory.post * self.input_size + sensory.pre
            found[f"{head}_W_rec"] = recurrent.post * self.units + recurrent.pre
        return found

    def silent(self) -> tuple[str, ...]:
        return tuple(self.pairs())

    def head_matrix(self, values: Values, head: str, kind: str) -> Tensor:
        """(N, N) or (N, I) weights of a head without a backbone, zeros where it has no pair.

        ``kind`` is ``"recurrent"`` or ``"sensory"``.
        """
        pairs = getattr(self._layout.pairs[head], kind)
        weights = values[f"{head}_W_rec" if kind == "recurrent" else f"{head}_W_in"]
        pre, post = (torch.from_numpy(each).to(weights.device) for each in pairs)
        senders = self.units if kind == "recurrent" else self.input_size
        return matrix(weights, pre, post, self.units, senders)

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
            sensory, recurrent = (len(each.pre) for each in self._layout.pairs[head])
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


def _inverse(rate: Tensor) -> Tensor:
    """1 / |rate|, finite even for a rate of 0."""
    return 1.0 / rate.abs().clamp(min=torch.finfo(rate.dtype).tiny)
