"""``Design``: what is to be exported, as plain arrays; every target is generated from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from .. import model_file
from .._checks import check_integer
from .._forecasting import NO_BASELINE, Baselines, Quantiles, Start
from .._model import Model
from ..data import Columns, Scaling
from ..data._earlier import table_metadata
from ..dynamics._head_layout import HeadLayout, HeadPairs
from ..errors import DomainError, DtypeError, OptionError, ShapeError
from ..wiring import Wiring
from ._rule import Rule

Array = npt.NDArray[np.float64]


class HasModel(Protocol):
    """A network, or a forecaster."""

    def to_model(self) -> Model: ...


Exportable = Union[Model, HasModel]


class Population(NamedTuple):
    """One layer of neurons.

    Attributes:
        dynamics: its type and options.
        wiring: its synapses.
        values: parameter -> values as they enter the equations; the memory cell's begin with
            ``memory.``.
    """

    dynamics: Mapping[str, Any]
    wiring: Wiring
    values: Mapping[str, Array]

    @property
    def heads(self) -> tuple[str, ...]:
        """Of closed-form dynamics."""
        pure = self.dynamics["mode"] == "pure"
        return ("ff1",) if pure else ("ff1", "ff2", "time_a", "time_b")

    @property
    def layers(self) -> list[list[int]]:
        """The neurons of each layer of the wiring, in the order in which the layers act."""
        return [list(ids) for ids in self.wiring.layers.values()]

    def head_pairs(self) -> dict[str, HeadPairs]:
        """Which inputs and neurons reach each head of closed-form dynamics without a backbone."""
        return HeadLayout(self.wiring, self.heads, self.dynamics["leaky_wiring"]).pairs


class Readout(NamedTuple):
    """From the neurons to the outputs: ``weight`` (O, N), or (O,) on the first O neurons alone;
    ``shift`` (O,)."""

    weight: Array
    shift: Array

    @property
    def dense(self) -> bool:
        return self.weight.ndim == 2


class Forecast(NamedTuple):
    """What an output is: a target so many rows ahead, or a quantile of it."""

    target: str
    step: int
    level: Optional[float]


@dataclass(frozen=True)
class Design:
    """A network with what surrounds it.

    Attributes:
        populations: one a layer.
        unfolds: solver steps a sample; None for closed-form dynamics.
        solver: its name, or None.
        readout: with the scaling of the outputs in it.
        inputs: scaling of the inputs, or None.
        columns: what inputs and outputs are called, and the classes, or None.
        horizon: rows from a sample to what is predicted at it.
        steps: rows ahead that are predicted, in the order of the outputs.
        start: what the outputs are added to, or None.
        quantiles: of each value that is predicted, or None.
        elapsed_time: the time between all samples, or None: it is known at run time only.
        half: constants of synapses are stored in half precision.
    """

    populations: list[Population]
    solver: Optional[str]
    unfolds: Optional[int]
    memory: bool
    readout: Readout
    inputs: Optional[Scaling]
    columns: Optional[Columns]
    horizon: int
    steps: tuple[int, ...]
    start: Optional[Start]
    quantiles: Optional[Quantiles]
    elapsed_time: Optional[float]
    half: bool = False

    @property
    def input_size(self) -> int:
        """How many numbers are given at each sample."""
        return self.fed_size if self.start is None else len(self.start.columns.inputs)

    @property
    def fed_size(self) -> int:
        """How many numbers the network is fed: those given, and what the forecasts start from."""
        return self.populations[0].wiring.input_size

    @cached_property
    def rule(self) -> Optional[Rule]:
        """What the outputs are added to, as it is computed."""
        return None if self.start is None else Rule.of(self.start)

    @property
    def units(self) -> int:
        return self.populations[0].wiring.units

    @property
    def output_size(self) -> int:
        return len(self.readout.shift)

    @property
    def dynamics(self) -> Mapping[str, Any]:
        return self.populations[0].dynamics

    @property
    def classes(self) -> Optional[tuple[Any, ...]]:
        return None if self.columns is None else self.columns.classes

    @property
    def past_rows(self) -> int:
        """How many samples a state keeps for the start of forecasts."""
        return 0 if self.rule is None else self.rule.rows(self.elapsed_time)

    @property
    def keeps_times(self) -> bool:
        """Whether it keeps the times between them."""
        return self.rule is not None and self.rule.seasons > 0 and self.elapsed_time is None

    @property
    def forecasts(self) -> list[Forecast]:
        """One for each output; none of classes and where no table is known."""
        if self.columns is None or self.classes is not None:
            return []
        levels = (None,) if self.quantiles is None else self.quantiles.levels
        return [
            Forecast(target, step, level)
            for step in self.steps
            for target in self.columns.targets
            for level in levels
        ]

    @property
    def coupled(self) -> int:
        """How many neurons, counted to the last that receives from a neuron in any layer."""
        return 1 + max(int(each.wiring.post.max(initial=-1)) for each in self.populations)

    @property
    def sensed(self) -> int:
        """How many of those, counted to the last that receives from an input too."""
        posts = [each.wiring.sensory_post for each in self.populations]
        return 1 + max(int(each[each < self.coupled].max(initial=-1)) for each in posts)

    @property
    def step_length(self) -> Optional[float]:
        """Of a solver step, where the elapsed time is fixed."""
        if self.elapsed_time is None:
            return None
        return self.elapsed_time / (self.unfolds or 1)


def design(network: Exportable, elapsed_time: Optional[float] = None) -> Design:
    """What is to be exported.

    Raises:
        OptionError: the network cannot run one sample at a time, or has no fixed steps; or a
            file names a baseline that its forecasts cannot start from.
        DtypeError, DomainError: ``elapsed_time`` is no time.
        ShapeError, DataError: a file's network, scaling and table do not fit together.
    """
    model = model_of(network)
    config = model.config
    if config["bidirectional"]:
        raise OptionError("a bidirectional network needs the whole sequence", "bidirectional")
    if config["solver"] == "adaptive":
        raise OptionError(
            "'adaptive' has no fixed steps; make the network anew with solver='rk4' or 'fused' "
            "and the same values",
            "solver",
        )
    values = {name: _array(value) for name, value in model.values.items()}
    table = _Table.of(model.metadata)
    inputs, outputs = (_scaling(model, each) for each in ("inputs", "outputs"))
    _check_sizes(model, table, inputs, outputs)
    return Design(
        populations=[
            Population(config["dynamics"], wiring, _own(values, f"neurons.{index}."))
            for index, wiring in enumerate(model.wirings)
        ],
        solver=config["solver"],
        unfolds=config["unfolds"],
        memory=config["mixed_memory"],
        readout=_readout(values, outputs, table.quantiles),
        inputs=inputs,
        columns=table.columns,
        horizon=table.horizon,
        steps=table.steps,
        start=table.start,
        quantiles=table.quantiles,
        elapsed_time=_time(elapsed_time),
    )


def model_of(network: Exportable) -> Model:
    """A network as plain data.

    Raises:
        DtypeError: it is none.
    """
    if isinstance(network, Model):
        return network
    made = getattr(network, "to_model", None)
    if made is None:
        raise DtypeError(
            f"expected a network, a forecaster or a Model, got {type(network).__name__}", "network"
        )
    model = made()
    assert isinstance(model, Model)
    return model_file.loads(model_file.dumps(model))  # checked as a file would be


def _scaling(model: Model, name: str) -> Optional[Scaling]:
    found = None if model.scaling is None else model.scaling.get(name)
    return None if found is None else Scaling.from_dict(found)


def _check_sizes(
    model: Model, table: _Table, inputs: Optional[Scaling], outputs: Optional[Scaling]
) -> None:
    """Raises ShapeError unless network, scaling and table fit together, which a file may claim."""
    fed, values = model.wirings[0].input_size, model.config["output_size"]
    quantiles, columns = table.quantiles, table.columns
    levels = 1 if quantiles is None else len(quantiles.levels)
    fits = [
        inputs is None or len(inputs.mean) == fed,
        outputs is None or len(outputs.mean) * levels == values,
    ]
    if columns is not None:
        names = columns.inputs if table.start is None else table.start.input_names
        shape = (len(table.steps), columns.outputs, levels)
        fits += [
            inputs is not None and len(names) == fed,
            (outputs is None) == (columns.classes is not None),
            math.prod(shape) == values,
            quantiles is None or quantiles.shifts.shape == shape,
        ]
    if not all(fits):
        raise ShapeError("the network, its scaling and its table differ in size", "network")


def _array(value: Any) -> Array:
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float64)


def _own(values: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: v for name, v in values.items() if name.startswith(prefix)}


def _readout(
    values: Mapping[str, Array], scaling: Optional[Scaling], quantiles: Optional[Quantiles]
) -> Readout:
    own = _own(values, "readout.")
    found = (
        Readout(own["scale"], own["shift"])
        if "scale" in own
        else Readout(own["weight"], own["bias"])
    )
    if scaling is None:
        return found
    deviation, mean = np.array(scaling.deviation), np.array(scaling.mean)
    if quantiles is not None:
        each = len(quantiles.levels)
        deviation, mean = deviation.repeat(each), mean.repeat(each) + quantiles.shifts.reshape(-1)
    by_row = deviation[:, None] if found.dense else deviation
    return Readout(found.weight * by_row, found.shift * deviation + mean)


class _Table(NamedTuple):
    """What a forecaster's metadata say about its table."""

    columns: Optional[Columns] = None
    horizon: int = 0
    steps: tuple[int, ...] = (0,)
    start: Optional[Start] = None
    quantiles: Optional[Quantiles] = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> _Table:
        metadata = table_metadata(metadata)
        if not {"columns", "horizon", "baseline", "baselines", "quantiles"} <= set(metadata):
            return cls()
        columns, quantiles = Columns.from_dict(metadata["columns"]), metadata["quantiles"]
        baselines = Baselines.from_dict(metadata["baselines"], columns)
        start = Start.of(columns, baselines, metadata["baseline"])
        last = baselines.steps[-1]
        return cls(
            columns,
            check_integer("horizon", metadata["horizon"], last, last),
            baselines.steps,
            None if start.name == NO_BASELINE else start,
            None if quantiles is None else Quantiles.from_dict(quantiles),
        )


def _time(elapsed_time: object) -> Optional[float]:
    if elapsed_time is None:
        return None
    if isinstance(elapsed_time, bool) or not isinstance(elapsed_time, (int, float)):
        raise DtypeError(f"expected a number, got {elapsed_time!r}", "elapsed_time")
    if not (math.isfinite(elapsed_time) and elapsed_time >= 0):
        raise DomainError(f"expected a finite number from 0, got {elapsed_time}", "elapsed_time")
    return float(elapsed_time)
