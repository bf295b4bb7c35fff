"""The rows of a table as a network sees them, with names for everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import polars
import torch
from torch import Tensor

from .._checks import check_integer
from ..data import Columns, Recording, Table, read_table
from ..errors import DataError
from ..network import LiquidNetwork, Trace
from ..neuron import LiquidNeuron
from ..training import Forecaster

Array = npt.NDArray[Any]

UNITS = {
    604_800.0: "weeks",
    86_400.0: "days",
    3600.0: "hours",
    60.0: "minutes",
    1.0: "seconds",
}


@dataclass(frozen=True)
class Subject:
    """A network and the newest rows of a series that it is looked at with.

    Attributes:
        network: the network, in evaluation mode while it is looked at.
        names: (I,) of its inputs.
        outputs: (O,) names of its outputs.
        inputs: (T, I) what it is fed; NaN where a value is missing.
        elapsed_time: (T,) time before each row.
        state: before the first of these rows.
        times: (T,) of the rows, as text.
        unit: of the elapsed time.
        scale: (O,) what 1 of each output is in the table's units.
        shift: (O,) what 0 of each output is in the table's units, or on top of the baseline.
    """

    network: LiquidNetwork
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: Array
    elapsed_time: Array
    state: Optional[Tensor]
    times: tuple[str, ...]
    unit: str
    scale: Array
    shift: Array

    @property
    def populations(self) -> list[LiquidNeuron]:
        """In the order of the network's state."""
        return [neuron for _, neuron in self.network.populations()]

    @property
    def layers(self) -> dict[str, list[int]]:
        """Layer -> neurons, which are counted on from population to population."""
        return {
            self._called(index, name): [index * neuron.hidden_size + i for i in ids]
            for index, neuron in enumerate(self.populations)
            for name, ids in neuron.wiring.layers.items()
        }

    @property
    def neurons(self) -> tuple[str, ...]:
        """(P N,) their layers and numbers."""
        named: list[str] = []
        for index, neuron in enumerate(self.populations):
            layers = neuron.wiring.layers.items()
            own = {i: f"{self._called(index, _one(name))} {i}" for name, ids in layers for i in ids}
            named += [own[i] for i in sorted(own)]
        return tuple(named)

    def _called(self, population: int, name: str) -> str:
        """What is called so in one population, among all of them."""
        network = self.network
        depth, backwards = divmod(population, network.directions)
        before = f"layer {depth + 1} " if network.num_layers > 1 else ""
        way = "backwards " if backwards else "forwards "
        return f"{before}{way if network.bidirectional else ''}{name}"

    def newest(self, count: int) -> Subject:
        """The same with the last ``count`` rows only."""
        cut = max(len(self.inputs) - count, 0)
        if cut == 0:
            return self
        return Subject(
            self.network, self.names, self.outputs, self.inputs[cut:], self.elapsed_time[cut:],
            self._state_after(cut), self.times[cut:], self.unit, self.scale, self.shift,
        )  # fmt: skip

    def arguments(self, rows: Optional[int] = None) -> dict[str, Any]:
        """What a call of the network takes, for the first ``rows`` rows."""
        like = next(self.network.parameters())
        fed = self.inputs[:rows]
        seen = ~np.isnan(fed)
        return {
            "inputs": torch.from_numpy(np.where(seen, fed, 0.0)).to(like),
            "elapsed_time": torch.from_numpy(self.elapsed_time[:rows]).to(like),
            "mask": None if seen.all() else torch.from_numpy(seen).to(like.device),
            "state": self.state,
        }

    @torch.no_grad()
    def run(self, network: Optional[LiquidNetwork] = None) -> Array:
        """(T, O) outputs, of another network of the same shape if one is given."""
        outputs = (self.network if network is None else network)(**self.arguments())
        found: Array = outputs.double().cpu().numpy()
        return found.reshape(-1, found.shape[-1])

    @torch.no_grad()
    def traces(self) -> list[Trace]:
        """States and time constants of each population."""
        populations = range(len(self.populations))
        return [self.network.trace(**self.arguments(), population=each) for each in populations]

    @torch.no_grad()
    def _state_after(self, rows: int) -> Optional[Tensor]:
        if self.network.directions > 1:
            return self.state
        _, state = self.network(**self.arguments(rows), return_state=True)
        after: Tensor = state
        return after


def _one(layer: str) -> str:
    """What one neuron of a layer is called."""
    return "neuron" if layer == "neurons" else layer


def of_forecaster(forecaster: Forecaster, recording: Recording, rows: int) -> Subject:
    """The first ``rows`` rows of a series as a forecaster sees them."""
    columns, aim = forecaster.columns, forecaster.aim
    past = aim.past(recording.series)
    fed = forecaster.inputs.apply(aim.fed(recording.series, past, aim.start(past)))
    scale, shift = _units(forecaster)
    return Subject(
        forecaster.network,
        forecaster.input_names,
        output_names(forecaster),
        fed[:rows],
        recording.series.elapsed_time[:rows],
        None,
        times_of(columns, recording)[:rows],
        unit_of(columns),
        scale,
        shift,
    )


def _units(forecaster: Forecaster) -> tuple[Array, Array]:
    """(O,) what 1 and what 0 of each output of the network are in the table's units."""
    outputs, quantiles = forecaster.outputs, forecaster.quantiles
    size = forecaster.network.output_size
    if outputs is None:
        return np.ones(size), np.zeros(size)
    scale, shift = np.array(outputs.deviation), np.array(outputs.mean)
    if quantiles is None:
        return scale, shift
    # Each target has an output for each level, one after the other.
    levels = len(quantiles.levels)
    return np.repeat(scale, levels), np.repeat(shift, levels) + quantiles.shifts.ravel()


def of_network(network: LiquidNetwork, table: Table, time: Optional[str]) -> Subject:
    """All rows of a table as a network sees them whose inputs are its columns in their order."""
    found = read_table(table)
    names = [name for name in found.columns if name != time]
    if time is not None and time not in found.columns:
        raise DataError("there is no such column", "time")
    if len(names) != network.input_size:
        raise DataError(
            f"the network has {network.input_size} inputs, the table {len(names)} columns"
            + (" beside the time" if time else "; --time names that of the times"),
            "table",
        )
    columns = Columns(tuple(names), ())
    series = columns.series(found, targets=False)
    elapsed, times = series.elapsed_time, [str(row + 1) for row in range(len(found))]
    if time is not None:
        elapsed, times = _elapsed(found[time]), [str(each) for each in found[time]]
    outputs = tuple(f"output {index}" for index in range(network.output_size))
    return Subject(
        network, tuple(names), outputs, series.inputs, elapsed, None,
        tuple(times), "rows" if time is None else f"units of {time}",
        np.ones(len(outputs)), np.zeros(len(outputs)),
    )  # fmt: skip


def _elapsed(times: polars.Series) -> Array:
    if not times.dtype.is_numeric():
        raise DataError("expected numbers", times.name)
    stamps: Array = times.cast(polars.Float64).to_numpy()
    steps = np.diff(stamps)
    if not (np.isfinite(stamps).all() and (steps > 0).all()):
        raise DataError("expected times that rise", times.name)
    return np.concatenate([[1.0], steps])


def output_names(forecaster: Forecaster) -> tuple[str, ...]:
    """(O,) what each output of the network is."""
    columns, quantiles = forecaster.columns, forecaster.quantiles
    if columns.classes is not None:
        return tuple(map(str, columns.classes))
    steps = forecaster.aim.steps
    names = [
        target if len(steps) == 1 else f"{target}, {step} ahead"
        for step in steps
        for target in columns.targets
    ]
    if quantiles is None:
        return tuple(names)
    return tuple(f"{name} q{100 * level:g}" for name in names for level in quantiles.levels)


def times_of(columns: Columns, recording: Recording) -> tuple[str, ...]:
    """(T,) the times of the rows of a series, or their numbers."""
    if recording.times is None:
        return tuple(str(row + 1) for row in recording.rows)
    if not columns.dates:
        return tuple(f"{each:g}" for each in recording.times)
    written = [*map(str, columns.write_times(recording.times))]
    for nothing in (".000000", " 00:00:00"):
        if all(each.endswith(nothing) for each in written):
            written = [each[: -len(nothing)] for each in written]
    return tuple(written)


def unit_of(columns: Columns) -> str:
    """What one unit of elapsed time is called."""
    if not columns.time:
        return "rows"
    size = columns.time_unit
    if not columns.dates:
        return columns.time[0] if size == 1 else f"units of {size:g} {columns.time[0]}"
    days = size / 86_400
    if 28 <= days <= 31:
        return "months"
    if 365 <= days <= 366:
        return "years"
    if size in UNITS:
        return UNITS[size]
    unit = next((each for each in UNITS if size % each == 0), 1.0)
    return f"units of {size / unit:g} {UNITS[unit]}"


def place_of(recordings: Sequence[Recording], row: Optional[int]) -> tuple[Recording, int]:
    """The series that a row of the table is in, and the number of the row in it.

    Args:
        row: of the table, counted from 1. Default: the newest of the last series.

    Raises:
        DomainError: there is no such row.
    """
    if row is None:
        return recordings[-1], len(recordings[-1].rows) - 1
    most = 1 + max(int(each.rows.max()) for each in recordings)
    wanted = check_integer("row", row, 1, most) - 1
    for each in recordings:
        places = np.flatnonzero(each.rows == wanted)
        if len(places):
            return each, int(places[0])
    raise DataError(f"row {row} is in no series", "row")
