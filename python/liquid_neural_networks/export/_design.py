"""``Design``: what is to be exported, as plain arrays; every target is generated from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from .. import model_file
from .._forecasting import NO_BASELINE, Baselines, Quantiles, Start
from .._model import Model
from ..data import Columns, Scaling
from ..data._earlier import table_metadata
from ..dynamics._head_layout import HeadLayout, HeadPairs
from ..errors import DomainError, DtypeError, OptionError
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
        OptionError: the network cannot run one sample at a time, or has no fixed steps; or
            forecasts are made in a way that Python alone knows.
        DtypeError, DomainError: ``elapsed_time`` is no time.
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
    scaling, table = model.scaling, _Table.of(model.metadata)
    outputs = None if scaling is None else scaling.get("outputs")
    return Design(
        populations=[
            Population(config["dynamics"], wiring, _own(values, f"neurons.{index}."))
            for index, wiring in enumerate(model.wirings)
        ],
        solver=config["solver"],
        unfolds=config["unfolds"],
        memory=config["mixed_memory"],
        readout=_readout(
            values, None if outputs is None else Scaling.from_dict(outputs), table.quantiles
        ),
        inputs=None if scaling is None else Scaling.from_dict(scaling["inputs"]),
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
        start = Start(columns, baselines, metadata["baseline"])
        return cls(
            columns,
            metadata["horizon"],
            baselines.steps,
            None if start.name == NO_BASELINE else start,
            None if quantiles is None else Quantiles.from_dict(quantiles),
        )


def _time(elapsed_time: object) -> Optional[float]:
    if elapsed_time is None:
        return None
    if isinstance(elapsed_time, bool) or not isinstance(elapsed_time, (int, float)):
        raise DtypeError(f"expected a number, got {elapsed_time!r}", "elapsed_time")
    if not (isfinite(elapsed_time) and elapsed_time >= 0):
        raise DomainError(f"expected a finite number from 0, got {elapsed_time}", "elapsed_time")
    return float(elapsed_time)
