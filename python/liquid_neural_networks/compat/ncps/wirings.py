"""The names of ``ncps.wirings``: the same seeds grow the same wirings.

Unlike there, building a wiring twice changes nothing, and a configuration describes the wiring it
came from: ``from_config(get_config())`` grows it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np
import numpy.typing as npt

from ... import wiring as ours
from ..._checks import check_choice
from ..._extras import require
from ...errors import DomainError, OptionError

if TYPE_CHECKING:
    import networkx

__all__ = ["NCP", "AutoNCP", "FullyConnected", "Random", "Wiring", "to_wiring"]

Matrix = npt.NDArray[np.int32]


class Wiring:
    """Signed adjacency matrices, rows sending; synapses may be added one by one."""

    def __init__(self, units: int):
        self.units = units
        self.adjacency_matrix: Matrix = np.zeros([units, units], dtype=np.int32)
        self.sensory_adjacency_matrix: Optional[Matrix] = None
        self.input_dim: Optional[int] = None
        self.output_dim: Optional[int] = None

    # -- layers --------------------------------------------------------------------------------

    @property
    def num_layers(self) -> int:
        return 1

    def get_neurons_of_layer(self, layer_id: int) -> list[int]:
        return list(range(self.units))

    def get_type_of_neuron(self, neuron_id: int) -> str:
        return "motor" if neuron_id < (self.output_dim or 0) else "inter"

    # -- building ------------------------------------------------------------------------------

    def is_built(self) -> bool:
        return self.input_dim is not None

    def build(self, input_dim: int) -> None:
        """Grows the sensory synapses, once."""
        if self.input_dim is None:
            self.set_input_dim(input_dim)
            self._grow()
        elif self.input_dim != input_dim:
            raise DomainError(
                f"was built for {self.input_dim} inputs, not {input_dim}", "input_dim"
            )

    def _grow(self) -> None:
        """What a subclass adds when the number of inputs is known."""

    def set_input_dim(self, input_dim: int) -> None:
        self.input_dim = input_dim
        self.sensory_adjacency_matrix = np.zeros([input_dim, self.units], dtype=np.int32)

    def set_output_dim(self, output_dim: int) -> None:
        self.output_dim = output_dim

    def add_synapse(self, src: int, dest: int, polarity: int) -> None:
        self._check("src", src, self.units)
        self._check("dest", dest, self.units)
        self._check_polarity(polarity)
        self.adjacency_matrix[src, dest] = polarity

    def add_sensory_synapse(self, src: int, dest: int, polarity: int) -> None:
        if self.input_dim is None or self.sensory_adjacency_matrix is None:
            raise OptionError("needs build() to be called first", "src")
        self._check("src", src, self.input_dim)
        self._check("dest", dest, self.units)
        self._check_polarity(polarity)
        self.sensory_adjacency_matrix[src, dest] = polarity

    def _check(self, name: str, index: int, size: int) -> None:
        if not 0 <= index < size:
            raise DomainError(f"expected an index from 0 to {size - 1}, got {index}", name)

    def _check_polarity(self, polarity: int) -> None:
        if polarity not in (-1, 1):
            raise DomainError(f"expected -1 or +1, got {polarity}", "polarity")

    # -- description ---------------------------------------------------------------------------

    def erev_initializer(self, shape: Any = None, dtype: Any = None) -> Matrix:
        return np.copy(self.adjacency_matrix)

    def sensory_erev_initializer(self, shape: Any = None, dtype: Any = None) -> Matrix:
        return np.copy(self._sensory())

    @property
    def synapse_count(self) -> int:
        """Synapses between neurons."""
        return int(np.abs(self.adjacency_matrix).sum())

    @property
    def sensory_synapse_count(self) -> int:
        """Synapses from inputs to neurons."""
        return int(np.abs(self._sensory()).sum())

    def _sensory(self) -> Matrix:
        if self.sensory_adjacency_matrix is None:
            raise OptionError("needs build() to be called first", "wiring")
        return self.sensory_adjacency_matrix

    def get_config(self) -> dict[str, Any]:
        sensory = self.sensory_adjacency_matrix
        return {
            "units": self.units,
            "adjacency_matrix": self.adjacency_matrix.tolist(),
            "sensory_adjacency_matrix": None if sensory is None else sensory.tolist(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Wiring:
        wiring = Wiring(config["units"])
        for name in ("adjacency_matrix", "sensory_adjacency_matrix"):
            if config[name] is not None:
                setattr(wiring, name, np.array(config[name], dtype=np.int32))
        wiring.input_dim = config["input_dim"]
        wiring.output_dim = config["output_dim"]
        return wiring

    def get_graph(self, include_sensory_neurons: bool = True) -> networkx.DiGraph:
        """A networkx graph: nodes ``neuron_i`` and ``sensory_k``, edges with their polarity."""
        networkx = require("networkx", "plots")
        sensory = self._sensory()
        graph = networkx.DiGraph()
        for i in range(self.units):
            graph.add_node(f"neuron_{i}", neuron_type=self.get_type_of_neuron(i))
        blocks = [("neuron", self.adjacency_matrix)]
        if include_sensory_neurons:
            for k in range(len(sensory)):
                graph.add_node(f"sensory_{k}", neuron_type="sensory")
            blocks.insert(0, ("sensory", sensory))
        for kind, matrix in blocks:
            for src, dest in zip(*np.nonzero(matrix)):
                polarity = "excitatory" if matrix[src, dest] > 0 else "inhibitory"
                graph.add_edge(f"{kind}_{src}", f"neuron_{dest}", polarity=polarity)
        return graph

    def draw_graph(
        self,
        layout: str = "shell",
        neuron_colors: Optional[Mapping[str, str]] = None,
        synapse_colors: Any = None,
        draw_labels: bool = False,
    ) -> list[Any]:
        """Draws the wiring into the current matplotlib axes; returns handles for a legend."""
        patches = require("matplotlib.patches", "plots")
        networkx = require("networkx", "plots")
        layouts = {
            "kamada": networkx.kamada_kawai_layout,
            **{
                name: getattr(networkx, f"{name}_layout")
                for name in ("circular", "random", "shell", "spring", "spectral", "spiral")
            },
        }
        check_choice("layout", layout, layouts)
        if isinstance(synapse_colors, str):
            synapse_colors = {"excitatory": synapse_colors, "inhibitory": synapse_colors}
        edges = synapse_colors or {"excitatory": "tab:green", "inhibitory": "tab:red"}
        colors = {
            "inter": "tab:blue",
            "motor": "tab:orange",
            "sensory": "tab:olive",
            **(neuron_colors or {}),
        }
        graph = self.get_graph()
        networkx.draw_networkx(
            graph,
            layouts[layout](graph),
            node_color=[colors.get(kind, "tab:blue") for _, kind in graph.nodes("neuron_type")],
            edge_color=[edges[kind] for _, _, kind in graph.edges(data="polarity")],
            with_labels=draw_labels,
        )
        return [
            patches.Patch(color=color, label=f"{kind.capitalize()} neurons")
            for kind, color in colors.items()
        ]


class FullyConnected(Wiring):
    """Every synapse exists; two of three excite."""

    def __init__(
        self,
        units: int,
        output_dim: Optional[int] = None,
        erev_init_seed: int = 1111,
        self_connections: bool = True,
    ):
        super().__init__(units)
        self.self_connections = self_connections
        self.set_output_dim(units if output_dim is None else output_dim)
        self._rng = np.random.default_rng(erev_init_seed)
        self._erev_init_seed = erev_init_seed
        for src in range(units):
            for dest in range(units):
                if src != dest or self_connections:
                    self.add_synapse(src, dest, self._rng.choice([-1, 1, 1]))

    def _grow(self) -> None:
        for src in range(len(self._sensory())):
            for dest in range(self.units):
                self.add_sensory_synapse(src, dest, self._rng.choice([-1, 1, 1]))

    def get_config(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "output_dim": self.output_dim,
            "erev_init_seed": self._erev_init_seed,
            "self_connections": self.self_connections,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Wiring:
        return cls(**config)


class Random(Wiring):
    """A random part of the synapses."""

    def __init__(
        self,
        units: int,
        output_dim: Optional[int] = None,
        sparsity_level: float = 0.0,
        random_seed: int = 1111,
    ):
        super().__init__(units)
        self.set_output_dim(units if output_dim is None else output_dim)
        if not 0.0 <= sparsity_level < 1.0:
            raise DomainError(
                f"expected a number from 0 to below 1, got {sparsity_level}", "sparsity_level"
            )
        self.sparsity_level = sparsity_level
        self._rng = np.random.default_rng(random_seed)
        self._random_seed = random_seed
        for src, dest in self._chosen(units):
            self.add_synapse(src, dest, self._rng.choice([-1, 1, 1]))

    def _grow(self) -> None:
        for src, dest in self._chosen(len(self._sensory())):
            self._rng.choice([-1, 1, 1])  # there, the first of two draws is overwritten
            self.add_sensory_synapse(src, dest, self._rng.choice([-1, 1, 1]))

    def _chosen(self, senders: int) -> npt.NDArray[np.int64]:
        pairs = [(src, dest) for src in range(senders) for dest in range(self.units)]
        count = int(np.round(senders * self.units * (1 - self.sparsity_level)))
        chosen: npt.NDArray[np.int64] = self._rng.choice(pairs, size=count, replace=False)
        return chosen

    def get_config(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "output_dim": self.output_dim,
            "sparsity_level": self.sparsity_level,
            "random_seed": self._random_seed,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Wiring:
        return cls(**config)


class NCP(Wiring):
    """Inputs -> inter -> command -> motor neurons; motor neurons come first."""

    def __init__(
        self,
        inter_neurons: int,
        command_neurons: int,
        motor_neurons: int,
        sensory_fanout: int,
        inter_fanout: int,
        recurrent_command_synapses: int,
        motor_fanin: int,
        seed: int = 22222,
    ):
        super().__init__(inter_neurons + command_neurons + motor_neurons)
        for name, chosen, available in (
            ("motor_fanin", motor_fanin, command_neurons),
            ("sensory_fanout", sensory_fanout, inter_neurons),
            ("inter_fanout", inter_fanout, command_neurons),
        ):
            if chosen > available:
                raise DomainError(f"is {chosen}, but there are only {available} neurons", name)
        self.set_output_dim(motor_neurons)
        self._rng = np.random.RandomState(seed)
        self._config: dict[str, Any] = {
            "inter_neurons": inter_neurons,
            "command_neurons": command_neurons,
            "motor_neurons": motor_neurons,
            "sensory_fanout": sensory_fanout,
            "inter_fanout": inter_fanout,
            "recurrent_command_synapses": recurrent_command_synapses,
            "motor_fanin": motor_fanin,
            "seed": seed,
        }
        self._motor_neurons = list(range(motor_neurons))
        self._command_neurons = list(range(motor_neurons, motor_neurons + command_neurons))
        self._inter_neurons = list(range(motor_neurons + command_neurons, self.units))

    @property
    def num_layers(self) -> int:
        return 3

    def get_neurons_of_layer(self, layer_id: int) -> list[int]:
        if layer_id not in range(3):
            raise DomainError(f"expected a layer from 0 to 2, got {layer_id}", "layer_id")
        return [self._inter_neurons, self._command_neurons, self._motor_neurons][layer_id]

    def get_type_of_neuron(self, neuron_id: int) -> str:
        if neuron_id in self._inter_neurons:
            return "inter"
        return "command" if neuron_id in self._command_neurons else "motor"

    def _grow(self) -> None:
        inputs, numbers = list(range(len(self._sensory()))), self._sizes()

        def to_motor(dest: int, src: int, polarity: int) -> None:
            self.add_synapse(src, dest, polarity)

        inter, command, motor = self._inter_neurons, self._command_neurons, self._motor_neurons
        self._choose(inputs, inter, numbers["sensory_fanout"], self.add_sensory_synapse)
        self._choose(inter, command, numbers["inter_fanout"], self.add_synapse)
        for _ in range(numbers["recurrent_command_synapses"]):
            src, dest = self._rng.choice(command), self._rng.choice(command)
            self.add_synapse(src, dest, self._rng.choice([-1, 1]))
        self._choose(motor, command, numbers["motor_fanin"], to_motor)

    def _sizes(self) -> dict[str, Any]:
        return self._config

    def _choose(
        self,
        choosing: Sequence[int],
        available: Sequence[int],
        count: int,
        add: Callable[[int, int, int], None],
    ) -> None:
        """Each chooses ``count`` partners; those nobody chose then choose about as many."""
        left = list(available)
        for one in choosing:
            for other in self._rng.choice(available, size=count, replace=False):
                if other in left:
                    left.remove(other)
                add(one, other, self._rng.choice([-1, 1]))
        mean = int(np.clip(int(len(choosing) * count / len(available)), 1, len(choosing)))
        for other in left:
            for one in self._rng.choice(choosing, size=mean, replace=False):
                add(one, other, self._rng.choice([-1, 1]))

    def get_config(self) -> dict[str, Any]:
        return dict(self._config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Wiring:
        return cls(**config)


class AutoNCP(NCP):
    """An NCP from its size, its outputs and its sparsity."""

    def __init__(
        self, units: int, output_size: int, sparsity_level: float = 0.5, seed: int = 22222
    ):
        if output_size >= units - 2:
            raise DomainError(
                f"expected less than units - 2 = {units - 2}, got {output_size}", "output_size"
            )
        if not 0.1 <= sparsity_level <= 1.0:
            raise DomainError(
                f"expected a number from 0.1 to 1, got {sparsity_level}", "sparsity_level"
            )
        density = 1.0 - sparsity_level
        command = max(int(0.4 * (units - output_size)), 1)
        inter = units - output_size - command
        super().__init__(
            inter,
            command,
            output_size,
            max(int(inter * density), 1),
            max(int(command * density), 1),
            max(int(command * density * 2), 1),
            max(int(command * density), 1),
            seed=seed,
        )
        self._described = {
            "units": units,
            "output_size": output_size,
            "sparsity_level": sparsity_level,
            "seed": seed,
        }

    def get_config(self) -> dict[str, Any]:
        return dict(self._described)


def to_wiring(wiring: Any) -> ours.Wiring:
    """This library's wiring from one of the above, or from one of ``ncps`` itself.

    Raises:
        OptionError: it was not built yet.
    """
    if not wiring.is_built():
        raise OptionError("needs build() to be called first", "wiring")
    members = [wiring.get_neurons_of_layer(layer) for layer in range(wiring.num_layers)]
    names = [wiring.get_type_of_neuron(ids[0]) for ids in members]
    if len(members) == 1:
        names = ["neurons"]
    return ours.Wiring.from_matrices(
        wiring.adjacency_matrix,
        wiring.sensory_adjacency_matrix,
        motor=wiring.output_dim or 0,
        layers=dict(zip(names, members)),
    )
