"""Course of a liver disease: the next visit's bilirubin, from visits at irregular times."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars
import torch
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks.benchmark.baselines import LSTM
from liquid_neural_networks.data import Scaling, Split, Windows
from liquid_neural_networks.training import predict

LOGARITHMS = ("bili", "chol", "alk.phos", "ast", "protime")
PLAIN = ("albumin", "platelet", "ascites", "hepato", "spiders", "edema", "stage", "age")
YEAR = 365.25  # days, the unit of elapsed time


def read() -> list[tuple[np.ndarray, np.ndarray]]:
    """For each patient (V, 14) what is known at each visit, the years until the next one last, and
    (V,) the day."""
    path = common.data_folder("pbcseq") / "pbcseq.csv"
    table = polars.read_csv(path, null_values=["", "NA"], infer_schema_length=None)
    patients = []
    for _, visits in table.sort("id", "day").group_by("id", maintain_order=True):
        columns = [np.log(_numbers(visits[name])) for name in LOGARITHMS]
        columns += [_numbers(visits[name]) for name in PLAIN]
        day = _numbers(visits["day"])
        columns.append(np.append(np.diff(day), np.nan) / YEAR)
        if len(day) > 1:
            patients.append((np.stack(columns, axis=1), day))
    return patients


def _numbers(column: polars.Series) -> np.ndarray:
    return column.cast(polars.Float64).fill_null(np.nan).to_numpy()


def cut(patients: list[tuple[np.ndarray, np.ndarray]], scaling: Scaling) -> Windows:
    """A patient a window, as long as the longest; the target is the change of log bilirubin."""
    longest = max(len(day) for _, day in patients)
    inputs = np.full((len(patients), longest, len(scaling.mean)), np.nan)
    targets = np.full((len(patients), longest, 1), np.nan)
    elapsed = np.zeros((len(patients), longest))
    for i, (values, day) in enumerate(patients):
        inputs[i, : len(day)] = scaling.apply(values)
        targets[i, : len(day) - 1, 0] = np.diff(values[:, 0])
        elapsed[i, : len(day)] = np.diff(day, prepend=day[0]) / YEAR
    seen = ~np.isnan(inputs)
    return Windows(
        torch.from_numpy(np.where(seen, inputs, 0.0)).float(),
        torch.from_numpy(targets).float(),
        torch.from_numpy(elapsed).float(),
        torch.from_numpy(seen),
    )


class Timeless(nn.Module):
    """A network that is given no elapsed times."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor, **others: torch.Tensor) -> torch.Tensor:
        others["elapsed_time"] = torch.full_like(others["elapsed_time"], 0.75)  # the mean
        return self.network(inputs, **others)


def run(size: common.Size) -> tuple[common.Report, Figure]:
    patients = read()
    order = np.random.RandomState(0).permutation(len(patients))
    shares = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    parts = [[patients[i] for i in share] for share in shares]
    scaling = Scaling.of(np.concatenate([values for values, _ in parts[0]]))
    split = Split(*(cut(part, scaling) for part in parts))
    changes = split.test.targets[..., 0].numpy()

    def error(network: nn.Module) -> dict[str, float]:
        return {"RMSE": common.rmse(predict(network, split.test)[..., 0], changes)}

    features = len(scaling.mean)
    make = partial(common.liquid, features, hidden_size=8, output_size=1)
    rows, networks = common.compare(
        {
            "LSTM": common.seeded(LSTM, features, 8, 1, timed=True),
            "liquid, no times": lambda seed: Timeless(make(seed)),
            "liquid": make,
        },
        split,
        error,
        size,
        epochs=size(60, 20),
    )
    references = [
        common.Row("same as today", 0, {"RMSE": [common.rmse(0 * changes, changes)]}),
        common.Row("linear", features + 1, {"RMSE": [common.rmse(_linear(split), changes)]}),
    ]
    report = common.Report(
        "RMSE of the next visit's log bilirubin, lower is better", references + rows
    )
    return report, draw(networks["liquid"], split.test, parts[2])


def _linear(split: Split) -> np.ndarray:
    """Least squares on each visit alone."""
    known = ~split.train.targets[..., 0].isnan()
    terms = [torch.nn.functional.pad(part.inputs, (0, 1), value=1.0) for part in split]
    weights = torch.linalg.lstsq(terms[0][known], split.train.targets[known]).solution
    return (terms[2] @ weights)[..., 0].numpy()


def draw(
    network: nn.Module, test: Windows, patients: list[tuple[np.ndarray, np.ndarray]]
) -> Figure:
    """The four patients of the test with the most visits."""
    picture, panels = common.figure(columns=4)
    forecasts = predict(network, test)[..., 0].numpy()
    longest = sorted(range(len(patients)), key=lambda i: -len(patients[i][1]))[:4]
    for axes, i in zip(panels, longest):
        (values, day), years = patients[i], patients[i][1] / YEAR
        axes.plot(
            years, np.exp(values[:, 0]), ".", color=common.COLOURS["reference"], label="measured"
        )
        ahead = np.exp(values[:-1, 0] + forecasts[i, : len(day) - 1])
        axes.plot(
            years[1:], ahead, "o", mfc="none", color=common.COLOURS["liquid"], label="a visit ahead"
        )
        axes.set(yscale="log", xlabel="years")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:.1g}")
    panels[0].set_ylabel("bilirubin, mg/dL")
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncol=2)
    return picture


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
