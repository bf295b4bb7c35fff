"""A first look: 19 liquid neurons forecast the carbon dioxide of the air, 13 weeks ahead.

The record is the weekly one of Mauna Loa, 1958 to 2001, that comes with statsmodels. Weeks
without a measurement are left out rather than filled in, so the time between samples varies,
and the networks are told it.

Everything is split by time: training forecasts end before 1990, validation lies between, and
the test forecasts those of 1995 and later. The LSTM beside the liquid network goes through the
same code: the same inputs, windows, optimiser, learning rate, epochs and choice of the best
epoch on the validation years.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from . import plots
from ._checks import check_count
from .errors import MissingDependencyError
from .network import LiquidNetwork, Trace
from .wiring import ncp

SOURCE = "statsmodels.datasets.co2: weekly CO2 at Mauna Loa, Keeling and Whorf, 1958 to 2001"
FILES = ("forecast.png", "wiring.png", "time_constants.png", "model.lnn", "results.json")
HORIZON = 13 * 7  # days
VALID_FROM, TEST_FROM = np.datetime64("1990-01-01"), np.datetime64("1995-01-01")

WINDOW, STRIDE = 52, 13  # samples
WARM_UP = 8  # samples at the start of a window whose forecasts do not count
LEARNING_RATE = 0.04
BATCHES_PER_EPOCH = 4
VALIDATE_EVERY = 5  # epochs

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
DateArray = npt.NDArray[np.datetime64]


class Record(NamedTuple):
    """Measurements in the order of time.

    Attributes:
        dates: (T,) days.
        ppm: (T,) CO2 in parts per million.
    """

    dates: DateArray
    ppm: FloatArray

    def at(self, dates: DateArray) -> FloatArray:
        """The values measured on these days, NaN where there are none."""
        index = np.searchsorted(self.dates, dates).clip(max=len(self.dates) - 1)
        return np.where(self.dates[index] == dates, self.ppm[index], np.nan)


@dataclass(frozen=True)
class Task:
    """The record as sequences: at every sample, forecast the rise over the next 13 weeks.

    Attributes:
        record: what was measured.
        inputs: (T, 3): how far the value lies above the mean of the past year, in units of
            4 ppm, and the sine and cosine of the season.
        elapsed_time: (T,) weeks since the previous sample.
        rise: (T,) ppm from now to 13 weeks from now, NaN where that was not measured.
        train, valid, test: (T,) which forecasts belong to which part.
        scale: standard deviation of ``rise`` over ``train``, the unit networks forecast in.
    """

    record: Record
    inputs: FloatArray
    elapsed_time: FloatArray
    rise: FloatArray
    train: BoolArray
    valid: BoolArray
    test: BoolArray

    @property
    def scale(self) -> float:
        return float(self.rise[self.train].std())


def load_record() -> Record:
    """The Mauna Loa record, without the weeks that were not measured.

    Raises:
        MissingDependencyError: statsmodels, which brings the record, is not installed.
    """
    try:
        from statsmodels.datasets import co2
    except ImportError:
        raise MissingDependencyError(
            "the demo's record comes with statsmodels: pip install 'liquid-neural-networks[demo]'"
        ) from None
    table = co2.load_pandas().data["co2"].dropna()
    return Record(table.index.to_numpy().astype("datetime64[D]"), table.to_numpy(dtype=float))


def make_task(record: Record) -> Task:
    """Inputs from the past alone, targets from 13 weeks later, parts by time."""
    dates, ppm = record
    days = (dates - np.datetime64("1958-01-01")).astype(float)
    year_ago = np.searchsorted(dates, dates - 365, side="right")
    sums = np.concatenate([[0.0], np.cumsum(ppm)])
    now = np.arange(1, len(ppm) + 1)
    past_year = (sums[now] - sums[year_ago]) / (now - year_ago)
    season = 2 * np.pi * days / 365.25
    rise = record.at(dates + HORIZON) - ppm
    known, due = ~np.isnan(rise), dates + HORIZON
    return Task(
        record,
        inputs=np.stack([(ppm - past_year) / 4, np.sin(season), np.cos(season)], axis=1),
        elapsed_time=np.diff(days, prepend=days[0] - 7) / 7,
        rise=rise,
        train=known & (due < VALID_FROM),
        valid=known & (dates >= VALID_FROM) & (due < TEST_FROM),
        test=known & (due >= TEST_FROM),
    )


def baselines(task: Task) -> dict[str, FloatArray]:
    """Name -> (T,) ppm forecast for 13 weeks from now, by rules without parameters."""
    record = task.record
    year_before = record.at(record.dates + HORIZON - 364)
    growth = record.ppm - record.at(record.dates - 364)
    return {
        "persistence": record.ppm,
        "same week last year": year_before,
        "same week last year + growth": year_before + growth,
    }


class LSTM(nn.Module):
    """The network to compare with; it gets the elapsed time as one more input."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.lstm = nn.LSTM(input_size + 1, hidden_size, batch_first=True)
        self.readout = nn.Linear(hidden_size, 1)

    def forward(self, inputs: Tensor, *, elapsed_time: Tensor) -> Tensor:
        states, _ = self.lstm(torch.cat([inputs, elapsed_time.unsqueeze(-1)], dim=-1))
        outputs: Tensor = self.readout(states)
        return outputs


def make_liquid(seed: int) -> LiquidNetwork:
    """19 neurons, wired as the lane keeper of Lechner et al. (2020)."""
    return LiquidNetwork(3, wiring=ncp(inter=12, command=6, motor=1), seed=seed)


def make_lstm(seed: int) -> LSTM:
    """7 cells: as near the liquid network's number of parameters as cells allow."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return LSTM(3, 7)


LIQUID = "liquid, 19 neurons"
NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "LSTM, 7 cells": make_lstm,
    LIQUID: make_liquid,
}


def forecast(network: nn.Module, task: Task) -> FloatArray:
    """(T,) ppm forecast for 13 weeks from now, at every sample, in one pass over the record."""
    inputs, elapsed = _tensor(task.inputs), _tensor(task.elapsed_time)
    with torch.no_grad():
        outputs = network(inputs[None], elapsed_time=elapsed[None])
    rise: FloatArray = outputs[0, :, 0].double().numpy() * task.scale
    return task.record.ppm + rise


def train(
    network: nn.Module, task: Task, epochs: int, seed: int, tell: Callable[[float], None]
) -> float:
    """Trains in place, keeps the parameters that did best on the validation years.

    Args:
        network: called as ``network(inputs, elapsed_time=...)``.
        task: what to learn.
        epochs: passes over the training years.
        seed: of the order and offset of the windows.
        tell: called after each epoch with the root mean square error so far, in ppm.

    Returns:
        The root mean square error on the validation years, ppm.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * BATCHES_PER_EPOCH
    )
    inputs, elapsed = _tensor(task.inputs), _tensor(task.elapsed_time)
    targets = _tensor(np.nan_to_num(task.rise) / task.scale)
    counts = torch.tensor(task.train)
    best, kept = float("inf"), network.state_dict()
    for epoch in range(1, epochs + 1):
        for rows in _windows(task, generator):
            outputs = network(inputs[rows], elapsed_time=elapsed[rows])[..., 0]
            scored = counts[rows].clone()
            scored[:, :WARM_UP] = False
            loss = nn.functional.mse_loss(outputs[scored], targets[rows][scored])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if epoch % VALIDATE_EVERY == 0 or epoch == epochs:
            error = _validate(network, task)
            if error < best:
                best = error
                kept = {name: value.clone() for name, value in network.state_dict().items()}
        tell(best)
    network.load_state_dict(kept)
    return best


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: of the forecaster.
        parameters: how many numbers were trained.
        rmse: root mean square errors on the test years, ppm, one a run.
    """

    name: str
    parameters: int
    rmse: list[float]

    def __str__(self) -> str:
        spread = f"{min(self.rmse):.3f} to {max(self.rmse):.3f}" if len(self.rmse) > 1 else ""
        return f"{self.name:<30}{self.parameters:>10}{np.mean(self.rmse):>11.3f}   {spread}"


@dataclass(frozen=True)
class Results:
    """What the demo found; :meth:`to_dict` is what ``results.json`` holds.

    Attributes:
        rows: the table.
        seeds: of the runs.
        epochs: each network was trained for.
        dates: the days forecast, as ISO text.
        actual: ppm measured on those days.
        forecasts: name -> ppm forecast for those days, one list a run.
    """

    rows: list[Row]
    seeds: list[int]
    epochs: int
    dates: list[str]
    actual: list[float]
    forecasts: dict[str, list[list[float]]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"source": SOURCE, "horizon_days": HORIZON, **asdict(self)}

    def __str__(self) -> str:
        head = f"{'forecast 13 weeks ahead':<30}{'parameters':>10}{'RMSE, ppm':>11}"
        runs = f"   over {len(self.seeds)} runs" if len(self.seeds) > 1 else ""
        return "\n".join([head + runs, *map(str, self.rows)])


def run(
    output: Union[str, Path],
    seed: int = 0,
    epochs: int = 150,
    runs: int = 3,
    progress: bool = True,
) -> Results:
    """Trains, compares, draws and saves.

    Args:
        output: folder for :data:`FILES`; made if missing. Pictures and model are those of
            the liquid network that did best on the validation years.
        seed: of the first run; the others count on from it.
        epochs: training epochs of each network.
        runs: how many networks of each kind to train.
        progress: whether to show a progress bar.

    Raises:
        DomainError, DtypeError: ``epochs`` or ``runs`` is not a positive integer.
        MissingDependencyError: statsmodels, which brings the record, is not installed.
    """
    check_count("epochs", epochs)
    check_count("runs", runs)
    task = make_task(load_record())
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    forecasts = {name: [values] for name, values in baselines(task).items()}
    parameters = dict.fromkeys(forecasts, 0)
    seeds = [seed + number for number in range(runs)]
    trained: list[tuple[float, LiquidNetwork]] = []
    steps = len(NETWORKS) * runs * epochs
    with _one_thread(), tqdm(total=steps, disable=not progress, unit="epoch") as bar:

        def tell(error: float) -> None:
            bar.set_postfix_str(f"validation {error:.2f} ppm")
            bar.update()

        for name, make in NETWORKS.items():
            forecasts[name] = []
            bar.set_description(name)
            for each in seeds:
                network = make(each)
                error = train(network, task, epochs, each, tell)
                forecasts[name].append(forecast(network, task))
                if isinstance(network, LiquidNetwork):
                    trained.append((error, network))
            parameters[name] = sum(p.numel() for p in network.parameters())
    results = _results(task, forecasts, parameters, seeds, epochs)
    best = min(range(runs), key=lambda number: trained[number][0])
    liquid = trained[best][1]
    _draw(folder, liquid, task, forecasts[LIQUID][best])
    liquid.save(
        folder / "model.lnn",
        source=SOURCE,
        forecasts=f"rise of CO2 over {HORIZON} days, in units of {task.scale:.4f} ppm",
    )
    (folder / "results.json").write_text(json.dumps(results.to_dict(), indent=1) + "\n")
    return results


def rmse(forecasts: FloatArray, actual: FloatArray) -> float:
    """Root mean square error, over the days where both are known."""
    return float(np.sqrt(np.nanmean((forecasts - actual) ** 2)))


def _results(
    task: Task,
    forecasts: dict[str, list[FloatArray]],
    parameters: dict[str, int],
    seeds: list[int],
    epochs: int,
) -> Results:
    part = task.test
    actual = (task.record.ppm + task.rise)[part]
    tested = {name: [values[part] for values in every] for name, every in forecasts.items()}
    return Results(
        rows=[
            Row(name, parameters[name], [rmse(values, actual) for values in every])
            for name, every in tested.items()
        ],
        seeds=seeds,
        epochs=epochs,
        dates=np.datetime_as_string(task.record.dates[part] + HORIZON).tolist(),
        actual=actual.tolist(),
        forecasts={name: [v.tolist() for v in every] for name, every in tested.items()},
    )


def _draw(folder: Path, liquid: LiquidNetwork, task: Task, forecasts: FloatArray) -> None:
    """The three pictures, of the test years."""
    record, part = task.record, task.test
    drift = baselines(task)["same week last year + growth"]
    picture = plots.plot_forecast(
        record.dates[part] + HORIZON,
        (record.ppm + task.rise)[part],
        {"same week last year + growth": drift[part], LIQUID: forecasts[part]},
        label="CO2 at Mauna Loa (ppm)",
        time_label="year",
    )
    picture.set_title("Forecast 13 weeks ahead, years the network never saw", loc="left")
    plots.save(picture, folder / "forecast.png")

    plots.save(plots.plot_wiring(liquid), folder / "wiring.png")

    inputs, elapsed = _tensor(task.inputs), _tensor(task.elapsed_time)
    trace = liquid.trace(inputs, elapsed_time=elapsed)
    years = torch.from_numpy(part)
    shown = Trace(trace.states[years], trace.time_constants[years])
    picture = plots.plot_time_constants(shown, record.dates[part], time_label="year", unit="weeks")
    picture.set_title("The time constant of each neuron, years the network never saw", loc="left")
    plots.save(picture, folder / "time_constants.png")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks as small as these run faster on one thread than on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _windows(task: Task, generator: torch.Generator) -> Iterator[Tensor]:
    """(B, WINDOW) sample numbers: the training years cut anew, a few windows a batch."""
    last = int(np.flatnonzero(task.train)[-1])
    offset = int(torch.randint(STRIDE, (1,), generator=generator))
    starts = torch.arange(offset, last - WINDOW + 2, STRIDE)
    shuffled = starts[torch.randperm(len(starts), generator=generator)]
    for batch in shuffled.tensor_split(BATCHES_PER_EPOCH):
        yield batch[:, None] + torch.arange(WINDOW)


def _validate(network: nn.Module, task: Task) -> float:
    """Root mean square error on the validation years, ppm, with a year to warm up before."""
    shown = np.flatnonzero(task.valid)
    stretch = slice(shown[0] - WINDOW, shown[-1] + 1)
    inputs, elapsed = _tensor(task.inputs[stretch]), _tensor(task.elapsed_time[stretch])
    with torch.no_grad():
        outputs = network(inputs[None], elapsed_time=elapsed[None])
    rise = outputs[0, :, 0].double().numpy() * task.scale
    part = task.valid[stretch]
    return rmse(rise[part], task.rise[stretch][part])


def _tensor(values: FloatArray) -> Tensor:
    return torch.tensor(values, dtype=torch.get_default_dtype())
