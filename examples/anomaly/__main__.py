"""Anomalies in five streams, one pass, by the rules of the Numenta Anomaly Benchmark."""

from __future__ import annotations

import json
from functools import partial
from math import exp
from typing import NamedTuple

import numpy as np
import polars
import torch
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks import LiquidNetwork, plots
from liquid_neural_networks.benchmark.baselines import LSTM, parameters
from liquid_neural_networks.data import Scaling, Series, Split, windows

SERIES = ("realKnownCause/machine_temperature_system_failure", "realKnownCause/nyc_taxi",
          "realKnownCause/ambient_temperature_system_failure", "realTraffic/occupancy_6005",
          "realTraffic/speed_t4013")  # fmt: skip
PROBATION = 0.15  # of each stream, to learn from; alarms there do not count
RECENT = 10  # rows whose errors are averaged
WINDOW = 48
FALSE_ALARM = 0.11  # what one costs, where a missed window costs 1: NAB's standard profile


class Stream(NamedTuple):
    """(T, 5) the value and the time of day and week; (T,) where anomalies are, as row ranges."""

    name: str
    values: np.ndarray
    features: np.ndarray
    anomalies: list[tuple[int, int]]

    @property
    def start(self) -> int:
        """The first row after probation."""
        return int(PROBATION * len(self.values))


def read(name: str) -> Stream:
    folder = common.data_folder("nab")
    table = polars.read_csv(folder / f"{name.split('/')[1]}.csv", try_parse_dates=True)
    times, values = table["timestamp"], table["value"].cast(polars.Float64).to_numpy()
    day = (times.dt.hour() + times.dt.minute() / 60).to_numpy() * 2 * np.pi / 24
    week = (times.dt.weekday().to_numpy() * 2 * np.pi + day) / 7
    clock = [np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
    labels = json.loads((folder / "labels.json").read_text())[f"{name}.csv"]["windows"]
    stamps = times.dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy().astype(str)
    anomalies = [
        (int(np.searchsorted(stamps, a[:19])), int(np.searchsorted(stamps, b[:19])))
        for a, b in labels
    ]
    scaled = Scaling.of(values[: int(PROBATION * len(values)), None]).apply(values[:, None])
    return Stream(name, scaled[:, 0], np.stack([scaled[:, 0], *clock], axis=1), anomalies)


def errors(network: nn.Module, stream: Stream) -> np.ndarray:
    """(T,) how far each value is from its forecast, row by row as they come."""
    if isinstance(network, LiquidNetwork):
        with network.stream() as live:
            changes = np.array([live.step(row)[0] for row in stream.features])
    else:
        with torch.no_grad():
            changes = network(torch.tensor(stream.features[None]).float())[0, :, 0].numpy()
    forecasts = stream.values[:-1] + changes[:-1]
    return np.append(0.0, np.abs(stream.values[1:] - forecasts))


def unlikely(errors: np.ndarray) -> np.ndarray:
    """(T,) how many deviations the mean of the recent errors lies above all before them.

    The anomaly likelihood of Ahmad et al. (Neurocomputing 262, 2017), before its normal tail.
    """
    sums, squares = np.cumsum(np.append(0, errors)), np.cumsum(np.append(0, errors**2))
    rows = np.arange(1, len(errors) + 1)
    begin = np.maximum(rows - RECENT, 0)
    recent = (sums[rows] - sums[begin]) / (rows - begin)
    before = np.maximum(begin, 1)
    usual = sums[before] / before
    deviation = np.sqrt(np.maximum(squares[before] / before - usual**2, 1e-12))
    return (recent - usual) / deviation


def nab_score(scores: list[np.ndarray], streams: list[Stream], threshold: float) -> float:
    """NAB's score, standard profile: 0 says nothing ever, 100 finds all at once, nothing else."""
    total, count = 0.0, 0
    for score, stream in zip(scores, streams):
        alarms = np.flatnonzero(score > threshold)
        total += _points(alarms[alarms >= stream.start], stream.anomalies)
        count += len(stream.anomalies)
    return 100 * (total + count) / (2 * count)


def _points(alarms: np.ndarray, anomalies: list[tuple[int, int]]) -> float:
    points = 0.0
    for first, last in anomalies:
        inside = alarms[(alarms >= first) & (alarms <= last)]
        if len(inside):
            points += _sigmoid(-(last - inside[0] + 1) / (last - first + 1)) / _sigmoid(-1.0)
        else:
            points -= 1.0
    for alarm in alarms:
        if not any(first <= alarm <= last for first, last in anomalies):
            past = [(first, last) for first, last in anomalies if last < alarm]
            distance = (alarm - past[-1][1]) / (past[-1][1] - past[-1][0]) if past else 4.0
            points += FALSE_ALARM * _sigmoid(distance)
    return points


def _sigmoid(position: float) -> float:
    """NAB's reward over a window, -1 its start and 0 its end; beyond three of them, -1."""
    return -1.0 if position > 3 else 2 / (1 + exp(5 * position)) - 1


def best(scores: list[np.ndarray], streams: list[Stream]) -> tuple[float, float]:
    """The score at the best threshold for all streams together, as NAB has it, and that."""
    after = np.concatenate([each[stream.start :] for each, stream in zip(scores, streams)])
    tried = np.unique(np.quantile(after, 1 - np.logspace(-4.5, -1.3, 60)))
    return max((nab_score(scores, streams, threshold), threshold) for threshold in tried)


def split_of(stream: Stream) -> Split:
    """Windows of the probation, its last fifth to validate; the target is the next change."""
    change = np.append(np.diff(stream.values), 0.0)[:, None]
    whole = Series(stream.features, change, np.ones(len(change)))
    cut = stream.start * 4 // 5
    train = windows(whole.rows(0, cut), WINDOW, 8, horizon=0)
    valid = windows(whole.rows(cut, stream.start), WINDOW, 8, horizon=0)
    return Split(train, valid, valid)


def run(size: common.Size) -> tuple[common.Report, Figure]:
    streams = [read(name) for name in (SERIES[3:] if size.smoke else SERIES)]
    column = "NAB score"
    naive = [unlikely(np.append(0, np.abs(np.diff(s.values)))) for s in streams]
    level = [unlikely(np.abs(s.values)) for s in streams]
    rows = [
        common.Row("unusual values", 0, {column: [best(level, streams)[0]]}),
        common.Row("unusual changes", 0, {column: [best(naive, streams)[0]]}),
    ]
    models = {
        "LSTM": common.seeded(LSTM, 5, 8, 1),
        "liquid": partial(common.liquid, 5, hidden_size=8, output_size=1),
    }
    for name, build in models.items():
        row, found = common.Row(name, parameters(build(0)), {column: []}), []
        for seed in range(size.seeds):
            scores = []
            for stream in streams:
                _, networks = common.compare(
                    {name: lambda _, seed=seed, build=build: build(seed)}, split_of(stream),
                    lambda _: {}, common.Size(1, True), size(30, 5),
                )  # fmt: skip
                scores.append(unlikely(errors(networks[name], stream)))
            found.append((best(scores, streams), scores))
            row.scores[column].append(found[-1][0][0])
        rows.append(row)
    (_, threshold), scores = max(found, key=lambda each: each[0][0])
    shown = 0 if size.smoke else 1  # the taxis
    report = common.Report("NAB score, standard profile, higher is better", rows, digits=1)
    return report, draw(streams[shown], scores[shown], threshold)


def draw(stream: Stream, score: np.ndarray, threshold: float) -> Figure:
    picture, (axes,) = common.figure()
    axes.plot(stream.values, color="gray", lw=0.5)
    for first, last in stream.anomalies:
        axes.axvspan(first, last, color=plots.SKY, alpha=0.4, lw=0, label="anomaly, says NAB")
    alarms = np.flatnonzero(score > threshold)
    alarms = alarms[alarms >= stream.start]
    axes.plot(alarms, stream.values[alarms], "o", color=common.COLOURS["LSTM"], ms=4, label="alarm")
    axes.axvspan(0, stream.start, color="gray", alpha=0.15, lw=0, label="probation")
    axes.set(xlabel=f"row of {stream.name.split('/')[1]}", ylabel="value, scaled")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    axes.legend(handles.values(), handles.keys(), frameon=False, loc="lower left", ncol=3,
                bbox_to_anchor=(0, 1))  # fmt: skip
    return picture


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
