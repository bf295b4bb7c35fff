"""Networks that answer row by row and learn from each row once it is answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
import numpy.typing as npt

from .. import model_file
from ..errors import DataError, LiquidError, OptionError
from ..network import LiquidNetwork
from ..online import Event, Guarded
from ._lines import Row, number, without
from ._live import Answer, Forecasts, Outputs, check_header, forecaster_in

if TYPE_CHECKING:
    from ..training._learning_forecast import LearningForecast

Array = npt.NDArray[np.float64]

FIRST_LINE = 1000
"""Labels after which errors are first said; then at twice, four times as many, and so on."""

RIVALS = ("learning", "frozen", "last value")


class Errors:
    """Mean absolute errors of a learning network, the frozen one and the last value.

    Args:
        names: of the targets.
    """

    def __init__(self, names: Sequence[str]):
        self._names = names
        self._sums = np.zeros((len(names), len(RIVALS)))
        self._counts, self._said = np.zeros(len(names)), 0
        self._last = np.full(len(names), np.nan)

    def add(self, labels: Array, made: Sequence[Array]) -> None:
        """Takes labels (O,), NaN where not known, and what each of the rivals made of them."""
        errors = np.abs(np.stack(made, axis=1) - labels[:, None])
        known = ~np.isnan(errors).any(axis=1)
        self._sums[known] += errors[known]
        self._counts += known

    def due(self) -> Iterator[str]:
        """Lines whose time has come."""
        most = int(self._counts.max())
        if most >= max(FIRST_LINE, 2 * self._said):
            self._said = most
            yield from self.lines()

    def lines(self) -> Iterator[str]:
        """One for each target."""
        for name, sums, count in zip(self._names, self._sums, self._counts):
            if not count:
                yield f"{name}: nothing was learned"
                continue
            said = ", ".join(f"{rival} {each / count:.6g}" for rival, each in zip(RIVALS, sums))
            yield f"{name}: mean absolute error over {count:,.0f} labels: {said}"

    def saved(self) -> list[Any]:
        return [self._sums.tolist(), self._counts.tolist(), self._said]

    def restore(self, saved: Any) -> None:
        sums, counts, said = saved
        sums, counts = np.array(sums, dtype=float), np.array(counts, dtype=float)
        if sums.shape != self._sums.shape or counts.shape != self._counts.shape:
            raise ValueError
        if not all((np.isfinite(each) & (each >= 0)).all() for each in (sums, counts)):
            raise ValueError
        if type(said) is not int or said < 0:
            raise ValueError
        self._sums, self._counts, self._said = sums, counts, said


class _Learns(ABC):
    """What both kinds have in common.

    Attributes:
        errors: so far.
    """

    errors: Errors
    _heard: Optional[Event] = None

    @property
    @abstractmethod
    def guarded(self) -> Guarded:
        """The learner that answers."""

    def said(self) -> Iterator[str]:
        """What there is to say by now."""
        new: list[Event] = []
        for event in reversed(self.guarded.events):
            if event is self._heard:
                break
            new.append(event)
        for event in reversed(new):
            self._heard = event
            yield f"after {event.sample:,} rows: {event.message}"
        yield from self.errors.due()

    def summary(self) -> Iterator[str]:
        yield from self.errors.lines()
        yield f"share of the learner in the answers: {100 * self.guarded.share:.0f} %"


Learning = Union["LearningForecasts", "LearningOutputs"]


class LearningForecasts(_Learns, Forecasts):
    """A network trained on a table: the label of a row belongs to the forecast for that row."""

    def __init__(self, forecaster: Any, targets: Sequence[str]):
        from ..training._learning_forecast import LearningForecast  # as the forecaster is: late

        for name in targets:
            if name not in forecaster.columns.targets:
                known = ", ".join(forecaster.columns.targets)
                raise OptionError(f"{name} is no target of the model; expected {known}", "--learn")
        super().__init__(forecaster, LearningForecast(forecaster))
        self._targets, self._every = targets, forecaster.columns.targets
        self._last = np.full(len(self._every), np.nan)
        self._known: list[Array] = []
        self.errors = Errors(targets)

    @property
    def _live(self) -> LearningForecast:
        return self._stream  # type: ignore[return-value]

    @property
    def guarded(self) -> Guarded:
        return self._live.guarded

    def steps(self, rows: Sequence[Row]) -> list[Answer]:
        return [self._step(row) for row in rows]

    def _step(self, row: Row) -> Answer:
        try:
            known = without(row, self._forecaster.columns.spelled.missing)
            labels = _labels(known, self._every, self._targets)
        except LiquidError as error:
            return error
        (answer,) = super().steps([row])
        if isinstance(answer, LiquidError):
            return answer
        self._learn(labels)
        return answer

    def _learn(self, labels: Array) -> None:
        """``_known`` has the last labels known at each row whose forecast waits for its own."""
        horizon = self._forecaster.horizon
        newest = np.where(np.isnan(labels), self._last, labels)
        self._known = [*self._known, newest if horizon else self._last][-horizon - 1 :]
        self._last = newest
        made = self._live.waiting()
        if made is None:
            return
        rivals = (made.output, made.frozen, self._known[0])
        chosen = [self._every.index(name) for name in self._targets]
        self.errors.add(labels[chosen], [each[chosen] for each in rivals])
        self._live.learn(labels)

    def commit(self, path: Path) -> None:
        self.guarded.commit()
        self._forecaster.save(path)

    def saved(self) -> dict[str, Any]:
        known = [each.tolist() for each in (self._last, *self._known)]
        return {"live": super().saved(), "errors": self.errors.saved(), "known": known}

    def restore(self, saved: Mapping[str, Any]) -> None:
        from ..training._learning_forecast import LearningForecast

        wrong = _wrong()
        try:
            self._stream = LearningForecast(self._forecaster, saved["live"])
            self.errors.restore(saved["errors"])
            self._last, *self._known = (np.array(each, dtype=float) for each in saved["known"])
            if len(self._known) > self._forecaster.horizon + 1:
                raise ValueError
            for each in (self._last, *self._known):
                if each.shape != (len(self._every),) or np.isinf(each).any():
                    raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, DataError):
            raise wrong from None


class LearningOutputs(_Learns, Outputs):
    """Any other network: some columns hold the labels of the outputs, in their order."""

    def __init__(
        self,
        network: LiquidNetwork,
        time: Optional[str],
        columns: Optional[Sequence[str]],
        targets: Sequence[str],
        found: model_file.Model,
    ):
        if len(targets) != network.output_size:
            raise OptionError(
                f"the network has {network.output_size} outputs, expected a column for each, "
                f"with commas between; got {len(targets)}",
                "--learn",
            )
        for name in targets:
            if columns is not None and name not in columns:
                raise OptionError(f"there is no column {name}", "--learn")
        super().__init__(network, time, columns, targets)
        self._network, self._targets, self._found = network, targets, found
        self._guarded = Guarded(network.learner(), scale=False, shadow="frozen")
        self._last = np.full(len(targets), np.nan)
        self.errors = Errors(targets)

    @property
    def guarded(self) -> Guarded:
        return self._guarded

    def _answers(self, row: Row, elapsed_time: float) -> list[Any]:
        self._check(list(row))
        labels, inputs = _labels(row, self._targets, self._targets), self._inputs(row)
        found = self.guarded.step(inputs, elapsed_time)
        frozen = self._stream.step(inputs, elapsed_time).astype(np.float64)
        self.errors.add(labels, (found, frozen, self._last))
        self.guarded.learn(labels)
        self._last = np.where(np.isnan(labels), self._last, labels)
        answers: list[Any] = found.tolist()
        return answers

    def commit(self, path: Path) -> None:
        self.guarded.commit()
        model_file.save(self._network.to_model(self._found.scaling, self._found.metadata), path)

    def saved(self) -> dict[str, Any]:
        from ..training._learning_forecast import text_of

        own = {"learner": text_of(self.guarded), "last": self._last.tolist()}
        return {"live": super().saved(), "errors": self.errors.saved(), **own}

    def restore(self, saved: Mapping[str, Any]) -> None:
        from ..training._learning_forecast import resumed

        wrong = _wrong()
        try:
            super().restore(saved["live"])
            self._guarded = resumed(self._network, saved["learner"], wrong)
            self.errors.restore(saved["errors"])
            self._last = np.array(saved["last"], dtype=float)
            if self._last.shape != (len(self._targets),) or np.isinf(self._last).any():
                raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, DataError):
            raise wrong from None


def learning_of(
    found: model_file.Model,
    time: Optional[str],
    columns: Optional[Sequence[str]],
    targets: Sequence[str],
) -> Learning:
    """The network in a file that was read, ready to learn.

    Raises:
        OptionError: the targets are none of its, or nothing it could learn while running.
    """
    forecaster = forecaster_in(found, time)
    if forecaster is not None:
        check_header(forecaster, columns)
        return LearningForecasts(forecaster, targets)
    network = LiquidNetwork.from_model(found)
    return LearningOutputs(network, time, columns, targets, found)


def _wrong() -> DataError:
    return DataError("is no state of this network while it learns these columns", "state")


def _labels(row: Row, names: Sequence[str], wanted: Sequence[str]) -> Array:
    """(O,) NaN where not wanted, missing or not there at all."""
    labels = [number(row, name) if name in wanted and name in row else np.nan for name in names]
    for name, label in zip(names, labels):
        if abs(label) > LARGEST:
            raise DataError(f"is beyond {LARGEST:.1g}", name)
    return np.array(labels)


LARGEST = 1e38
"""Of labels: single precision holds no more."""
