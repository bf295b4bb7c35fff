"""One forecast in words: which inputs, when, through which neurons, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from .._checks import check_text, told
from .._forecasting import Quantiles
from .._hints import explains_keywords
from ..data import Table
from ..errors import DataError, DtypeError
from ..inspection import attribute
from ..network import LiquidNetwork
from ..training import Forecaster
from ..training._predict import evaluation
from ._subject import Array, Subject, of_forecaster, place_of

TOLERANCE = 1e-4
"""By which attributions may be off, in deviations of what the network puts out."""
MOST_ROWS = 100
"""Rows that are looked back on, at most; far fewer where there are many synapses."""
MOST_WORK = 20_000
"""Synapses times rows, at most."""
SHOWN = 5
"""Inputs and neurons named in words."""


class Parts(NamedTuple):
    """What made an output, in the table's units.

    Attributes:
        times: (W,) of the rows looked back on.
        inputs: (W, I) what each input brought at each row.
        neurons: (P N,) what each neuron passed on to others of its population over these rows.
        before: what the state before these rows gives with every input at its mean.
        total: the output; of a forecaster with a baseline, what is added to it.
        error: by how much ``before`` and ``inputs`` together are off it.
    """

    times: tuple[str, ...]
    inputs: Array
    neurons: Array
    before: float
    total: float
    error: float

    @property
    def first(self) -> int:
        """The row from which on all but a hundredth of ``inputs`` lies, 12 from the end at most."""
        weights = np.abs(self.inputs).sum(axis=1)
        lost = np.cumsum(weights) < weights.sum() / 100
        return int(min(lost.sum(), max(len(weights) - 12, 0)))


@dataclass(frozen=True)
class Explanation:
    """Why a forecast is what it is; ``str()`` of it says so in words.

    Attributes:
        question: what was forecast, and when.
        answer: the forecast.
        sure: how sure it is.
        start: what the network's part is added to, or compared with.
        names: (I,) of the inputs.
        neurons: (P N,) of the neurons: their layer and number.
        parts: what made it.
        unit: of the parts.
    """

    question: str
    answer: str
    sure: str
    start: str
    names: tuple[str, ...]
    neurons: tuple[str, ...]
    parts: Parts
    unit: str

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.question}: {self.answer}",
                *filter(None, [self.sure]),
                self.start,
                "",
                *self._inputs(),
                "",
                *self._neurons(),
            ]
        )

    def _inputs(self) -> list[str]:
        """Which inputs, and when."""
        parts = self.parts
        totals = parts.inputs.sum(axis=0)
        order = np.argsort(-np.abs(parts.inputs).sum(axis=0))[:SHOWN]
        width = max(len(self.names[k]) for k in order)
        rows = len(parts.times)
        since = f"Over the last {rows} rows, since {parts.times[0]}," if rows > 1 else "The row"
        lines = [f"{since} compared with inputs at their means ({self.unit}):"]
        for k in order:
            lines.append(f"  {self.names[k]:<{width}}  {totals[k]:+10.4g}  {self._when(k)}")
        rest = totals.sum() - totals[order].sum()
        if len(self.names) > SHOWN:
            lines.append(f"  {'all others':<{width}}  {rest:+10.4g}")
        return lines

    def _when(self, k: int) -> str:
        """When an input mattered: the fewest newest rows with most of its weight."""
        weights = np.abs(self.parts.inputs[:, k])
        if weights.sum() == 0:
            return "never"
        backwards = np.cumsum(weights[::-1]) / weights.sum()
        rows = int(np.searchsorted(backwards, 0.8)) + 1
        strongest = len(weights) - 1 - int(weights.argmax())
        ago = "now" if strongest == 0 else f"{strongest} row{'s' * (strongest > 1)} ago"
        within = "in this row" if rows == 1 else f"in the last {rows} rows"
        return f"80 % of it {within}, most {ago}"

    def _neurons(self) -> list[str]:
        """Through which neurons."""
        passed = self.parts.neurons
        order = [i for i in np.argsort(-np.abs(passed))[:SHOWN] if passed[i] != 0]
        if not order:
            return ["No neuron passed anything on to another."]
        told = ", ".join(f"{self.neurons[i]} ({passed[i]:+.3g})" for i in order)
        return [f"Passed on most by {told}."]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, lists and numbers."""
        parts = self.parts
        return {
            "question": self.question,
            "answer": self.answer,
            "sure": self.sure,
            "start": self.start,
            "unit": self.unit,
            "inputs": list(self.names),
            "times": list(parts.times),
            "parts": parts.inputs.tolist(),
            "neurons": dict(zip(self.neurons, parts.neurons.tolist())),
            "before": parts.before,
            "total": parts.total,
            "error": parts.error,
        }


@explains_keywords
def explain(
    forecaster: Forecaster,
    table: Table,
    *,
    row: Optional[int] = None,
    target: Optional[str] = None,
) -> Explanation:
    """Why a forecaster predicts what it predicts at one row of a table.

    What inputs bring is found by :func:`~liquid_neural_networks.inspection.attribute`, over the
    100 rows up to it, of large networks fewer.

    Args:
        forecaster: made by :func:`~liquid_neural_networks.training.fit_table`.
        table: as :meth:`Forecaster.predict` takes it.
        row: of the table at which the forecast is made, counted from 1. Default: the newest.
        target: which one, of several. Default: the first.

    Raises:
        DataError: the table cannot be read, or there is no such target.
        DomainError: there is no such row.
        DtypeError: ``forecaster`` is none.
        OptionError: the solver is ``"adaptive"``, whose outputs have no exact parts.
    """
    if not isinstance(forecaster, Forecaster):
        advice = ""
        if isinstance(forecaster, LiquidNetwork):
            advice = "; inspection.attribute explains any network"
        raise DtypeError(
            f"expected a Forecaster, such as fit_table makes, got {told(forecaster)}{advice}",
            "forecaster",
        )
    columns = forecaster.columns
    if target is not None and check_text("target", target) not in columns.targets:
        raise DataError(f"expected one of {', '.join(columns.targets)}, got {target!r}", "target")
    index = 0 if target is None else columns.targets.index(target)
    recordings = columns.recordings(columns.read(table), targets=columns.classes is None)
    recording, place = place_of(recordings, row)
    if columns.label_per_group:
        place = len(recording.rows) - 1
    subject = of_forecaster(forecaster, recording, place + 1)
    made = forecaster.run(recording.series).values[place]
    when = subject.times[-1]
    if recording.group is not None:
        when += f" of {columns.group} {recording.group}"
    with evaluation(forecaster.network):
        if columns.classes is not None:
            return _of_classes(forecaster, subject, made[0], when)
        aim = forecaster.aim
        start = aim.start(aim.past(recording.series))[place, -1, index]
        return _of_value(forecaster, subject, made, index, float(start), when)


def _of_classes(forecaster: Forecaster, subject: Subject, made: Array, when: str) -> Explanation:
    first, second = np.argsort(-made)[:2]
    names = subject.outputs
    parts = parts_of(subject, (int(first), int(second)))
    return Explanation(
        question=f"{forecaster.columns.targets[0]} at {when}",
        answer=names[first],
        sure=f"Its probability is {made[first]:.3g}, that of {names[second]} {made[second]:.3g}."
        + _right(forecaster),
        start=f"The score of {names[first]} minus that of {names[second]} is {parts.total:.4g}; "
        f"it would be {parts.before:.4g} if all inputs were at their means.",
        names=subject.names,
        neurons=subject.neurons,
        parts=parts,
        unit="score",
    )


def _right(forecaster: Forecaster) -> str:
    test = forecaster.test
    if test is None or test.get("accuracy") is None:
        return ""
    return f" In its test {100 * test['accuracy']:.0f} % of the answers were right."


def _of_value(
    forecaster: Forecaster, subject: Subject, made: Array, index: int, start: float, when: str
) -> Explanation:
    """Of the row farthest ahead, and the middle quantile if there are several.

    Args:
        start: what the baseline says.
    """
    columns, quantiles = forecaster.columns, forecaster.quantiles
    step, count = len(forecaster.aim.steps) - 1, len(columns.targets)
    values = made[step, index]
    output, answer = step * count + index, values
    if quantiles is not None:
        answer = values[quantiles.middle]
        output = _middle(subject, output * len(quantiles.levels), quantiles)
    parts = parts_of(subject, output)
    ahead = forecaster.horizon
    rows = "" if ahead == 0 else f", {ahead} row{'s' * (ahead > 1)} after"
    baseline = forecaster.aim.baseline
    known = bool(np.isfinite(start))
    means = "if all inputs were at their means."
    added = f"the network adds {parts.total:+.4g}, and would add {parts.before:+.4g} {means}"
    if baseline == "none":
        starts = f"It would be {parts.before:.6g} {means}"
    elif known:
        starts = f"The baseline {baseline} says {start:.6g}; {added}"
    else:
        starts = f"The baseline {baseline} knows nothing at this row yet; to it {added}"
    return Explanation(
        question=f"{columns.targets[index]}{rows or ' at'} {when}",
        answer=f"{float(answer):.6g}" if known else "unknown",
        sure=_sure(forecaster, values) if known else "",
        start=starts,
        names=subject.names,
        neurons=subject.neurons,
        parts=parts,
        unit=f"in units of {columns.targets[index]}",
    )


def _middle(subject: Subject, first: int, quantiles: Quantiles) -> int:
    """The output in the middle, of those from ``first`` on: where levels cross, that of another
    one than the middle level."""
    own = slice(first, first + len(quantiles.levels))
    values = subject.run()[-1, own] * subject.scale[own] + subject.shift[own]
    return first + int(np.argsort(values, kind="stable")[quantiles.middle])


def _sure(forecaster: Forecaster, values: Array) -> str:
    test, quantiles = forecaster.test, forecaster.quantiles
    if quantiles is not None:
        low, high = quantiles.levels[0], quantiles.levels[-1]
        return f"Between {values[0]:.6g} (q{100 * low:g}) and {values[-1]:.6g} (q{100 * high:g})."
    if test is None or test.get("mse") is None:
        return "How sure is not known: the network was not tested."
    return f"In its test, forecasts were off by {test['mse'] ** 0.5:.4g} (root mean square)."


def parts_of(subject: Subject, output: Any) -> Parts:
    """What made an output at the last row."""
    wirings = [each.wiring for each in subject.populations]
    synapses = sum(each.synapse_count + each.sensory_synapse_count for each in wirings)
    seen = subject.newest(max(min(MOST_ROWS, MOST_WORK // (synapses + 1)), 10))
    found = attribute(seen.network, output=output, tolerance=TOLERANCE, **seen.arguments())
    single = isinstance(output, int)
    scale = float(subject.scale[output if single else output[0]])
    # Between two classes there is none.
    shift = float(subject.shift[output]) if single else 0.0
    ends = np.cumsum([each.synapse_count for each in wirings])
    flows = np.split(found.recurrent.sum(dim=0).cpu().numpy(), ends[:-1])
    passed = np.zeros((len(wirings), wirings[0].units))
    for own, wiring, flow in zip(passed, wirings, flows):
        others = wiring.pre != wiring.post
        np.add.at(own, wiring.pre[others], flow[others] * scale)
    return Parts(
        seen.times,
        found.inputs.cpu().numpy() * scale,
        passed.ravel(),
        float(found.baseline_output) * scale + shift,
        float(found.output) * scale + shift,
        float(found.error) * abs(scale),
    )
