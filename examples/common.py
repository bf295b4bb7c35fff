"""What the examples share: the command line, training of several networks alike, and reports.

An example is a function ``run(size) -> (Report, Figure)`` under :func:`command`. The report says
what was measured; the table, ``results.json`` and the picture come out the same for all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any, Callable

import click
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from liquid_neural_networks import LiquidNetwork, plots
from liquid_neural_networks.benchmark.baselines import parameters
from liquid_neural_networks.data import Split
from liquid_neural_networks.training import fit

Build = Callable[[int], nn.Module]
"""seed -> an untrained network."""

# Where each kind learns well in most of the examples; liquid networks bear a faster one.
LIQUID_RATE, RATE = 0.02, 0.01


@dataclass(frozen=True)
class Size:
    """How much to do: ``smoke`` is the reduced size, which trains and proves something small."""

    seeds: int
    smoke: bool

    def __call__(self, full: int, smoke: int) -> int:
        """One number or the other."""
        return smoke if self.smoke else full


@dataclass
class Row:
    """One line of a report: column -> what each run, or each episode, scored."""

    name: str
    parameters: int
    scores: dict[str, list[float]]


@dataclass
class Report:
    """What an example measured.

    Attributes:
        metric: of every column, with its unit and which way is better.
        rows: reference first.
        over: ``"seeds"``: means with deviations; ``"episodes"``: with 95 % intervals.
        digits: behind the point.
        note: more that was measured, in words.
    """

    metric: str
    rows: list[Row]
    over: str = "seeds"
    digits: int = 3
    note: str = ""

    def score(self, name: str, column: str | None = None) -> float:
        """The mean of one cell; the first column if none is named."""
        (row,) = (row for row in self.rows if row.name == name)
        return mean(row.scores[column or next(iter(row.scores))])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The report in a ``results.json``."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "rows": [Row(**row) for row in data["rows"]]})

    def cells(self) -> list[list[str]]:
        """The table, heading first."""
        columns = list(dict.fromkeys(column for row in self.rows for column in row.scores))
        table = [["", "parameters", *columns]]
        for row in self.rows:
            shown = [self._cell(row.scores.get(column, [])) for column in columns]
            table.append([row.name, str(row.parameters), *shown])
        return table

    def _cell(self, scores: list[float]) -> str:
        if not scores:
            return ""
        if len(scores) == 1:
            return f"{scores[0]:.{self.digits}f}"
        spread = stdev(scores)
        if self.over == "episodes":
            spread *= 1.96 / len(scores) ** 0.5
        return f"{mean(scores):.{self.digits}f} ± {spread:.{self.digits}f}"

    def __str__(self) -> str:
        table = self.cells()
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        lines = [
            "  ".join(f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}"
                      for i, (cell, w) in enumerate(zip(line, widths)))
            for line in table
        ]  # fmt: skip
        return "\n".join([self.metric, *lines, *([self.note] if self.note else [])])


Run = Callable[[Size], tuple[Report, Figure]]


def command(run: Run, file: str, doc: str | None) -> click.Command:
    """The command line of the example in ``file``."""
    name = Path(file).parent.name

    @click.command(name=name, help=doc)
    @click.option("--smoke", is_flag=True, help="A reduced size that takes seconds.")
    @click.option("--seeds", default=3, show_default=True, help="Runs of each network.")
    @click.option("--output", type=click.Path(path_type=Path), default=Path("out") / name,
                  show_default=True, help="Folder for picture.png and results.json.")  # fmt: skip
    def main(smoke: bool, seeds: int, output: Path) -> None:
        report = perform(run, Size(1 if smoke else seeds, smoke), output)
        click.echo(f"{report}\nPicture and numbers: {output}")

    return main


def perform(run: Run, size: Size, output: Path) -> Report:
    """Runs an example, writes its picture and ``results.json``."""
    torch.set_num_threads(1)  # networks this small are faster on one
    started = perf_counter()
    report, picture = run(size)
    output.mkdir(parents=True, exist_ok=True)
    picture.savefig(output / "picture.png", dpi=80)
    found = {**asdict(report), "minutes": round((perf_counter() - started) / 60, 1)}
    (output / "results.json").write_text(json.dumps(_rounded(found), indent=1) + "\n")
    return report


def data_folder(name: str) -> Path:
    """The folder of a data set, in the folder named by LNN_DATA."""
    folder = Path(os.environ.get("LNN_DATA", "")) / name
    if not os.environ.get("LNN_DATA") or not folder.is_dir():
        raise click.ClickException(
            f"{folder} is not there; put the files the example's README names into a folder "
            f"{name}, and set LNN_DATA to the folder above it"
        )
    return folder


def compare(
    models: Mapping[str, Build],
    split: Split,
    score: Callable[[nn.Module], Mapping[str, float]],
    size: Size,
    epochs: int,
    **options: Any,
) -> tuple[list[Row], dict[str, nn.Module]]:
    """Trains each model in the same way with each seed, at the learning rate of its kind.

    Args:
        score: column -> number, of a trained network.
        options: of :func:`~liquid_neural_networks.training.fit`.

    Returns:
        A row for each model, and each model's network of the seed best in validation.
    """
    rows, kept = [], {}
    for name, build in models.items():
        row, best = Row(name, 0, {}), float("inf")
        for seed in range(size.seeds):
            network = build(seed)
            history = fit(
                network,
                split.train,
                split.valid,
                epochs=epochs,
                learning_rate=LIQUID_RATE if isinstance(network, LiquidNetwork) else RATE,
                schedule="cosine",
                seed=seed,
                progress=not size.smoke,
                **options,
            )
            for column, value in score(network).items():
                row.scores.setdefault(column, []).append(value)
            row.parameters = parameters(network)
            if history.best_loss < best:
                best, kept[name] = history.best_loss, network
        rows.append(row)
    return rows, kept


def seeded(build: Callable[..., nn.Module], *args: Any, **options: Any) -> Build:
    """A builder of networks that draw from torch's global random state."""

    def make(seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return build(*args, **options)

    return make


def liquid(input_size: int, seed: int, **options: Any) -> LiquidNetwork:
    """A liquid network whose sensory synapses, open around 0.5, start where scaled inputs are."""
    network = LiquidNetwork(input_size, seed=seed, **options)
    with torch.no_grad():
        for name in ("a", "b"):
            getattr(network.neurons[0].dynamics, name).fill_(0.5)
    return network


def rmse(predictions: Any, actual: Any) -> float:
    """Root mean square error over what is known."""
    errors = np.asarray(predictions, dtype=float) - np.asarray(actual, dtype=float)
    return float(np.sqrt(np.nanmean(errors**2)))


def figure(width: float = 9.0, height: float = 3.6, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, in the library's style."""
    made = Figure(figsize=(width, height), layout="constrained")
    axes = [made.add_subplot(1, columns, i + 1) for i in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return made, axes


COLOURS = {"liquid": plots.BLUE, "LSTM": plots.ORANGE, "MLP": plots.GREEN, "reference": plots.BLACK}


def _rounded(value: Any) -> Any:
    """Six digits are enough for a record."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
