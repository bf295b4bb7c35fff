"""The whole demo: train, compare, draw and save."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

import torch
from tqdm import tqdm

from .._checks import check_count
from .._progress import seen
from ..network import LiquidNetwork
from ._networks import LIQUID, NETWORKS, forecast, train
from ._pictures import draw
from ._results import Results
from ._task import HORIZON, SOURCE, baselines, load_record, make_task

FILES = ("forecast.png", "wiring.png", "time_constants.png", "model.lnn", "results.json", "co2.csv")
EPOCHS = 50


def run(
    output: Union[str, Path],
    seed: int = 0,
    epochs: int = EPOCHS,
    runs: int = 3,
    progress: bool = True,
) -> Results:
    """Trains, compares, draws and saves.

    Args:
        output: folder for :data:`FILES`; made if missing. Pictures and model are those of
            the liquid network that did best on the validation years; ``co2.csv`` is the record,
            a table to try other commands on.
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
    total = len(NETWORKS) * runs * epochs
    with _one_thread(), tqdm(total=total, disable=not (progress and seen()), unit="epoch") as bar:

        def after_epoch(error: float) -> None:
            bar.set_postfix_str(f"validation {error:.2f} ppm")
            bar.update()

        for name, make in NETWORKS.items():
            forecasts[name] = []
            bar.set_description(name)
            for each in seeds:
                network = make(each)
                error = train(network, task, epochs, each, after_epoch)
                forecasts[name].append(forecast(network, task))
                if isinstance(network, LiquidNetwork):
                    trained.append((error, network))
            parameters[name] = sum(p.numel() for p in network.parameters())
    results = Results.of(task, forecasts, parameters, seeds, epochs)
    best = min(range(runs), key=lambda number: trained[number][0])
    liquid = trained[best][1]
    draw(folder, liquid, task, forecasts[LIQUID][best])
    liquid.save(
        folder / "model.lnn",
        source=SOURCE,
        forecasts=f"rise of CO2 over {HORIZON} days, in units of {task.scale:.4f} ppm",
    )
    (folder / "results.json").write_text(json.dumps(results.to_dict(), indent=1) + "\n")
    rows = "".join(f"{date},{value:g}\n" for date, value in zip(*task.record))
    (folder / "co2.csv").write_text(f"date,co2\n{rows}")
    return results


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks as small as these run faster on one thread than on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
