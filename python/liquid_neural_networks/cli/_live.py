"""Networks that answer row by row, for ``lnn stream``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from .. import model_file
from ..errors import DataError
from ..network import LiquidNetwork
from ._lines import Row, instant, looks_like_a_number, number

if TYPE_CHECKING:
    from ..training import Forecaster


class Live(ABC):
    """A network that answers row by row.

    Args:
        time: the column of times, or None: rows are one unit apart.
        dates: whether its times are dates, or None: the first row will tell.
        unit: of elapsed time.
    """

    names: list[str]
    """Of the answers."""

    def __init__(self, time: Optional[str], dates: Optional[bool], unit: float):
        self._time, self._dates, self._unit = time, dates, unit
        self._before: Optional[float] = None

    def step(self, row: Row) -> list[Any]:
        """The answers for a row.

        Raises:
            LiquidError: it cannot be used; the state is as before.
        """
        if self._time is None:
            return self._answers(row, 1.0)
        if self._dates is None:
            self._dates = not looks_like_a_number(row, self._time)
        now = instant(row, self._time, self._dates)
        elapsed = 1.0 if self._before is None else (now - self._before) / self._unit
        if elapsed <= 0:
            raise DataError(f"{row[self._time]} is not after the time before", self._time)
        answers = self._answers(row, elapsed)
        self._before = now
        return [row[self._time], *answers]

    @abstractmethod
    def _answers(self, row: Row, elapsed_time: float) -> list[Any]: ...

    @abstractmethod
    def state(self) -> Any:
        """Plain data."""

    @abstractmethod
    def set_state(self, state: Any) -> None: ...

    def saved(self) -> dict[str, Any]:
        """All that is remembered, as plain data; for :meth:`restore`."""
        return {"state": self.state(), "time": self._before, "dates": self._dates}

    def restore(self, saved: Optional[Mapping[str, Any]]) -> None:
        if saved is not None:
            self.set_state(saved["state"])
            self._before, self._dates = saved["time"], saved["dates"]


class _Forecasts(Live):
    """A network trained on a table."""

    def __init__(self, forecaster: Forecaster, time: Optional[str]):
        columns = forecaster.columns
        own = columns.time if time is None else time
        super().__init__(own, columns.dates if own == columns.time else None, columns.time_unit)
        self._columns, self._stream = columns, forecaster.stream()
        predicted = [f"predicted_{name}" for name in columns.targets]
        self.names = [*([] if own is None else [own]), *predicted]
        self.names += [] if columns.classes is None else ["probability"]

    def _answers(self, row: Row, elapsed_time: float) -> list[Any]:
        features = [number(row, name) for name in self._columns.features]
        outputs = self._stream.step(features, elapsed_time).tolist()
        if self._columns.classes is None:
            return [None if value != value else value for value in outputs]
        best = max(range(len(outputs)), key=outputs.__getitem__)
        return [self._columns.classes[best], outputs[best]]

    def state(self) -> Any:
        return self._stream.state

    def set_state(self, state: Any) -> None:
        self._stream = self._stream.forecaster.stream(state)


class _Outputs(Live):
    """Any other network: its inputs are the columns in their order."""

    def __init__(
        self, network: LiquidNetwork, time: Optional[str], columns: Optional[Sequence[str]]
    ):
        super().__init__(time, None, 1.0)
        self._stream, self._size = network.stream(), network.input_size
        outputs = [f"output_{index}" for index in range(network.output_size)]
        self.names = [*([] if time is None else [time]), *outputs]
        if columns is not None:
            self._check(columns)

    def _check(self, columns: Sequence[str]) -> None:
        inputs = [name for name in columns if name != self._time]
        if len(inputs) != self._size:
            raise DataError(
                f"the network has {self._size} inputs, there are {len(inputs)} columns"
                + (" beside the time" if self._time else "; --time names that of the times"),
                "input",
            )

    def _answers(self, row: Row, elapsed_time: float) -> list[Any]:
        self._check(list(row))
        inputs = [number(row, name) for name in row if name != self._time]
        answers: list[Any] = self._stream.step(inputs, elapsed_time).tolist()
        return answers

    def state(self) -> Any:
        return self._stream.state.tolist()

    def set_state(self, state: Any) -> None:
        self._stream.state = state


def live_of(found: model_file.Model, time: Optional[str], columns: Optional[Sequence[str]]) -> Live:
    # Imported here, as it takes its time: --help needs none of it.
    from ..training import Forecaster
    from ..training._forecaster import trained_on_table

    if trained_on_table(found.metadata):
        return _Forecasts(Forecaster.of(found, "model"), time)
    return _Outputs(LiquidNetwork.from_model(found), time, columns)
