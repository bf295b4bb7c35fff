"""Deaths in intensive care, from irregular measurements [Hasani et al. 2022]."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars
import torch
from torch import Tensor

from ..data import Split, Windows
from ..data._tables import numbers
from ._common import contents
from ._task import Task

QUANTUM = 0.016  # hours


def paper(folder: Path) -> Split:
    """Whether a patient will die in hospital, from what was measured in the first 48 hours, at
    the last sample. Times are rounded to 0.016 hours, values scaled to 0 to 1 over all patients,
    unknown ones 0; a flag beside each of the 40 features says whether it was measured. Shorter
    records are padded at their end. 20 % test, as the published code shuffles; 15 % of the rest
    validate, which the published code does not do."""
    table = polars.read_csv(contents(folder / "Outcomes-a-first1500.txt"))
    died = dict(zip(table["RecordID"], table["In-hospital_death"]))
    with tarfile.open(fileobj=io.BytesIO(contents(folder / "set-a-first1500.tar"))) as archive:
        files = [(Path(each.name).stem, archive.extractfile(each)) for each in archive]
        texts = {int(name): file.read() for name, file in files if file and name.isdigit()}
    records = sorted(texts)
    labels = torch.tensor([died[record] for record in records])
    whole = _patients([texts[record] for record in records], labels)
    order = torch.from_numpy(np.random.RandomState(42).permutation(len(whole)))
    first = len(whole) // 5
    second = first + round(0.15 * (len(whole) - first))
    return Split(whole[order[second:]], whole[order[first:second]], whole[order[:first]])


def _patients(texts: Sequence[bytes], labels: Tensor) -> Windows:
    """Every patient's samples; parameters in alphabetical order."""
    tables = [polars.read_csv(text).drop_nulls() for text in texts]
    whole = polars.concat(
        table.filter(polars.col("Parameter") != "RecordID").select(
            polars.lit(patient).alias("patient"),
            ((_hours() / QUANTUM).round() * QUANTUM).alias("hours"),
            "Parameter",
            polars.col("Value").cast(polars.Float64),
        )
        for patient, table in enumerate(tables)
    )
    parameters = sorted(whole["Parameter"].unique())
    column = {name: index for index, name in enumerate(parameters)}
    times = [
        np.unique(numbers(part["hours"]))
        for part in whole.partition_by("patient", maintain_order=True)
    ]
    values = np.full((len(times), max(map(len, times)), len(parameters)), np.nan, np.float32)
    elapsed = np.zeros(values.shape[:2], np.float32)
    for patient, own in enumerate(times):
        elapsed[patient, : len(own)] = np.diff(own, prepend=0.0)
    for patient, hours, name, value in whole.iter_rows():
        values[patient, np.searchsorted(times[patient], hours), column[name]] = value
    low, high = np.nanmin(values, axis=(0, 1)), np.nanmax(values, axis=(0, 1))
    measured = ~np.isnan(values)
    scaled = np.where(measured, (values - low) / np.where(high > low, high - low, 1), 0)
    inputs = torch.from_numpy(np.concatenate([scaled, measured], axis=2).astype(np.float32))
    present = np.arange(values.shape[1]) < np.array([len(own) for own in times])[:, None]
    return Windows(inputs, labels, torch.from_numpy(elapsed), torch.from_numpy(present))


def _hours() -> polars.Expr:
    clock = polars.col("Time").str.split(":").list
    return clock.get(0).cast(polars.Float64) + clock.get(1).cast(polars.Float64) / 60


TASK = Task(
    name="physionet2012",
    summary="death in hospital, from two days of measurements in intensive care",
    size="1500 of the 4000 published patients, 40 features",
    metric="auc",
    licence="ODC-BY 1.0",
    source="https://physionet.org/content/challenge-2012/1.0.0/ (the 1500 lowest RecordIDs "
    "of set-a, as files set-a/RECORD.txt in set-a-first1500.tar.gz)",
    protocols={"paper": paper},
    published={"CfC": 0.839, "mixed-memory CfC": 0.834, "ODE-RNN": 0.833, "LTC": 0.648},
    files={
        "Outcomes-a-first1500.txt": (
            "bcb6767de6c57db624f3de175812136b12366785be9b8b2f547b8a1a39301b37"
        ),
        "set-a-first1500.tar": "bc4203ae7cd9afbcd7e0c6fa08775f34857df6bdb96695683e39faa0cabe9cc9",
    },
)
